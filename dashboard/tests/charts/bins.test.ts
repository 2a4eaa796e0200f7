import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { LENGTHS, MOST, binOf, choose, gapOf, usualGap } from "../../src/charts/bins";

const range = fc.integer({ min: 1000, max: 10 * 366 * 86_400_000 });
const pixels = fc.integer({ min: 100, max: 5000 });

describe("bins", () => {
  it("are never more than pixels, nor than a page, wherever the range begins", () => {
    fc.assert(
      fc.property(range, pixels, fc.integer({ min: 0, max: 2e12 }), (length, wide, from) => {
        const bin = binOf(length, wide);
        const first = Math.floor(from / bin);
        const last = Math.floor((from + length - 1) / bin);
        expect(last - first + 1).toBeLessThanOrEqual(Math.min(wide, MOST));
      }),
    );
  });

  it("are as short as that allows", () => {
    fc.assert(
      fc.property(range, pixels, (length, wide) => {
        const bin = binOf(length, wide);
        const shorter = LENGTHS.filter((one) => one < bin).at(-1);
        if (shorter !== undefined) expect(length).toBeGreaterThan(shorter * (Math.min(wide, MOST) - 1));
      }),
    );
  });

  it("divide a day or are whole days", () => {
    for (const length of LENGTHS) expect(86_400_000 % length === 0 || length % 86_400_000 === 0).toBe(true);
  });

  it("are as the eye expects: a minute for the day, a quarter of an hour for the week, on 1,000 pixels less the edges", () => {
    expect(binOf(86_400_000, 910)).toBe(120_000);
    expect(binOf(7 * 86_400_000, 910)).toBe(15 * 60_000);
    expect(binOf(30 * 86_400_000, 910)).toBe(3_600_000);
  });
});

describe("readings instead of bins", () => {
  it("are asked for only where the model expects no more of them than pixels", () => {
    fc.assert(
      fc.property(range, pixels, fc.integer({ min: 100, max: 3_600_000 }), (length, wide, interval) => {
        const { bin, most } = choose(length, wide, interval);
        expect(most).toBe(Math.min(wide, MOST));
        expect(bin === null).toBe(length / interval <= most);
        if (bin !== null) expect(bin).toBeGreaterThanOrEqual(interval);
      }),
    );
  });

  it("are not asked for where no model says how many there are", () => {
    expect(choose(900_000, 1000, null).bin).toBe(1000);
  });
});

describe("a gap", () => {
  it("is a silence of more than three intervals", () => {
    expect(gapOf(10_000)).toBe(30_000);
  });

  it("goes by what is usual where no model says, and by nothing where there is too little", () => {
    expect(usualGap([0, 10, 20, 30, 500, 510], 0)).toBe(30);
    expect(usualGap([0, 60, 120], 60)).toBe(180);
    expect(usualGap([0, 10], 0)).toBeUndefined();
  });
});
