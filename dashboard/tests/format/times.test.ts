import { expect, it } from "vitest";

import { absolute, ago, duration, known } from "../../src/format/times";

const NOW = 1_764_000_000_000;

it.each([
  [0, "now"],
  [999, "now"],
  [12_000, "12s ago"],
  [59_000, "59s ago"],
  [60_000, "1m ago"],
  [3_599_000, "59m ago"],
  [7_200_000, "2h ago"],
  [-300_000, "in 5m"],
])("%d ms ago is told in the largest unit that fits", (ms, text) => {
  const told = ago(NOW - ms, NOW);
  // The locale's short words differ by version: what counts is number, unit and direction.
  expect(told.replace(/\s?(sec|min|hr)\.?/, (_all, unit: string) => unit[0] as string)).toBe(text);
});

it("tells a time in a zone by its name, and in the reader's own where no such zone is known", () => {
  expect(absolute(NOW, "UTC")).toMatch(/UTC$/);
  expect(absolute(NOW, "Asia/Tokyo")).not.toBe(absolute(NOW, "America/Lima"));
  expect(absolute(NOW, "Mars/Olympus")).toBe(absolute(NOW));
  expect([known("Asia/Tokyo"), known("Mars/Olympus"), known("")]).toEqual(["Asia/Tokyo", undefined, undefined]);
});

it("tells no time of what is none", () => {
  expect(absolute(9e15)).toBe("9000000000000000 ms");
});

it.each([
  [0, "0 s"],
  [499, "0 s"],
  [90_000, "1 min 30 s"],
  [3_600_000, "1 h"],
  [90_061_000, "1 d 1 h"],
  [-5_000, "5 s"],
])("a duration of %d ms has its two largest units", (ms, text) => {
  expect(duration(ms)).toBe(text);
});
