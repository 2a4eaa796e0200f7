import fc from "fast-check";
import { expect, it } from "vitest";

import { csv } from "../../src/format/csv";

/** RFC 4180, read back by the simplest reader that knows quotes. */
function parsed(text: string): string[][] {
  const rows: string[][] = [[]];
  let cell = "";
  let quoted = false;
  for (let at = 0; at < text.length; at++) {
    const one = text[at] as string;
    if (quoted) {
      if (one !== '"') cell += one;
      else if (text[at + 1] === '"') cell += text[++at];
      else quoted = false;
    } else if (one === '"') quoted = true;
    else if (one === "," || one === "\n") {
      (rows.at(-1) as string[]).push(cell.replace(/\r$/, ""));
      cell = "";
      if (one === "\n") rows.push([]);
    } else cell += one;
  }
  return rows.slice(0, -1);
}

it("is read back as it was, whatever is in a cell", () => {
  const cell = fc.string().filter((text) => !/^[=+\-@\t\r]/.test(text) && !text.endsWith("\r"));
  fc.assert(
    fc.property(fc.array(fc.tuple(cell, cell), { maxLength: 5 }), (rows) => {
      expect(parsed(csv(["a", "b"], rows))).toEqual([["a", "b"], ...rows]);
    }),
  );
});

it("makes no formula of what somebody sent, and leaves numbers alone", () => {
  expect(csv(["a", "b"], [["=HYPERLINK(1)", -5]])).toBe("a,b\r\n'=HYPERLINK(1),-5\r\n");
});

it("leaves a cell empty that has no value", () => {
  expect(csv(["a", "b", "c"], [[null, undefined, false]])).toBe("a,b,c\r\n,,false\r\n");
});
