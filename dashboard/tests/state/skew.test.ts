import { expect, it } from "vitest";

import { corrected } from "../../src/state/skew";

const NOON = 1_796_000_000_000;
const HOUR = 3_600_000;

it("leaves a clock that is right as it is, by however slow an answer", () => {
  for (const [asked, date, heard] of [
    [NOON + 900, NOON, NOON + 950],
    [NOON, NOON + 1000, NOON + 1040],
    [NOON, NOON + 1000, NOON + 45_000],
    [NOON, NOON + 44_000, NOON + 45_000],
  ] as const) {
    expect(corrected(0, asked, heard, date)).toBe(0);
  }
});

it("finds how far a clock is ahead or behind, to the second", () => {
  for (const off of [2 * HOUR, -2 * HOUR, 60_000, -60_000]) {
    const skew = corrected(0, NOON + 300 + off, NOON + 500 + off, NOON);
    expect(Math.abs(skew + off)).toBeLessThan(1000);
  }
});

it("keeps what it found, where an answer can be true with it, and gives it up where none can", () => {
  const found = corrected(0, NOON + HOUR, NOON + HOUR + 100, NOON);
  expect(corrected(found, NOON + HOUR + 60_000, NOON + HOUR + 62_000, NOON + 61_000)).toBe(found);
  expect(corrected(found, NOON + 120_000, NOON + 120_100, NOON + 120_000)).toBeCloseTo(450, -2);
});

it("makes nothing of an answer without a time", () => {
  expect(corrected(7000, NOON, NOON, Number.NaN)).toBe(7000);
});
