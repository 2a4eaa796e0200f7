import { readFileSync } from "node:fs";

import { describe, expect, it } from "vitest";

import { lines, span } from "../../src/format/traces";

interface Row {
  trace: Record<string, unknown>;
  at: number;
  lines: { depth: number; verdict: string; text: string }[];
}

const rows = JSON.parse(
  readFileSync(new URL("../../../tests/fixtures/contract/traces.json", import.meta.url), "utf8"),
) as Row[];

describe("a trace in words", () => {
  it.each(rows)("says what the contract says: $lines.0.text", (row) => {
    expect(lines(row.trace, row.at)).toEqual(row.lines);
  });

  it("tells a part that is not known here as it is", () => {
    expect(lines({}, 0)[0]?.verdict).toBe("unknown");
  });
});

it.each([
  [0, "0s"],
  [250, "250ms"],
  [90_000, "1m30s"],
  [5_400_000, "1h30m"],
  [3_601_000, "1h"],
  [90_061_000, "1d1h"],
  [-5, "0s"],
])("a span of %d ms is told by its two greatest units", (ms, text) => {
  expect(span(ms)).toBe(text);
});
