import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { lineDiff, sideBySide } from "../../src/format/diff";

const diff = (before: string, after: string) =>
  lineDiff([...before], [...after])
    .map(({ kind, text }) => ({ same: " ", added: "+", removed: "-" })[kind] + text)
    .join("");

describe("lineDiff", () => {
  it("keeps what both have, and puts the old before the new", () => {
    expect(diff("abcd", "axcd")).toBe(" a-b+x c d");
    expect(diff("", "ab")).toBe("+a+b");
    expect(diff("ab", "")).toBe("-a-b");
    expect(diff("abc", "abc")).toBe(" a b c");
  });

  it("compares of a long text only what differs", () => {
    const long = Array.from({ length: 60_000 }, (_, at) => `line ${at}`);
    const after = long.with(30_000, "other");
    expect(lineDiff(long, after).filter(({ kind }) => kind !== "same")).toEqual([
      { kind: "removed", text: "line 30000" },
      { kind: "added", text: "other" },
    ]);
  });

  it("gives back both texts, whatever they are", () => {
    const lines = fc.array(fc.constantFrom("a", "b", "c", "d"), { maxLength: 30 });
    fc.assert(
      fc.property(lines, lines, (before, after) => {
        const found = lineDiff(before, after);
        const without = (kind: string) => found.filter((line) => line.kind !== kind).map(({ text }) => text);
        expect(without("added")).toEqual(before);
        expect(without("removed")).toEqual(after);
      }),
    );
  });
});

describe("sideBySide", () => {
  it("puts a changed line beside the one that it was", () => {
    const rows = sideBySide(lineDiff(["a", "b", "c"], ["a", "x", "y", "c"]));
    expect(rows.map(({ before, after }) => [before?.text ?? null, after?.text ?? null])).toEqual([
      ["a", "a"],
      ["b", "x"],
      [null, "y"],
      ["c", "c"],
    ]);
  });
});
