import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { type Points, extent, firstFrom, isGap, last, nearest } from "../../src/charts/points";
import { type Frame, Reduced, reduce } from "../../src/charts/reduce";

const times = fc
  .uniqueArray(fc.integer({ min: 0, max: 10_000 }), { maxLength: 200 })
  .map((ts) => ts.sort((a, b) => a - b));
const value = fc.option(fc.double({ min: -1e6, max: 1e6, noNaN: true }), { nil: null });
const readings = times.chain((ts) =>
  fc.array(value, { minLength: ts.length, maxLength: ts.length }).map((avg): Points => ({ ts, avg })),
);

describe("points", () => {
  it("are found by their time", () => {
    fc.assert(
      fc.property(times, fc.integer({ min: -10, max: 10_010 }), (ts, at) => {
        const found = ts.findIndex((one) => one >= at);
        expect(firstFrom(ts, at)).toBe(found < 0 ? ts.length : found);
      }),
    );
  });

  it("have the least and greatest of what lies in a range", () => {
    fc.assert(
      fc.property(
        readings,
        fc.integer({ min: 0, max: 10_000 }),
        fc.integer({ min: 0, max: 10_000 }),
        (points, a, b) => {
          const [from, to] = [Math.min(a, b), Math.max(a, b)];
          const within = Array.from(points.ts).flatMap((ts, at) => {
            const one = points.avg[at];
            return ts >= from && ts <= to && one != null ? [one] : [];
          });
          expect(extent(points, from, to)).toEqual(within.length ? [Math.min(...within), Math.max(...within)] : null);
        },
      ),
    );
  });

  it("count for a bin with its least and greatest, from its beginning to its end", () => {
    const points = { ts: [0, 60], avg: [5, 7], min: [1, 6], max: [9, 8], bin: 60 };
    expect(extent(points, 30, 59)).toEqual([1, 9]);
    expect(nearest(points, 59, 0)).toBe(0);
    expect(nearest(points, 60, 0)).toBe(1);
    expect(nearest(points, 121, 0)).toBe(-1);
  });

  it("are pointed at by the nearest that has a number, and by none that is too far", () => {
    const points = { ts: [0, 10, 20], avg: [1, null, 3] };
    expect(nearest(points, 9, 5)).toBe(-1);
    expect(nearest(points, 4, 5)).toBe(0);
    expect(nearest(points, 17, 5)).toBe(2);
    expect(last({ ts: [0, 10], avg: [1, NaN] })).toEqual({ at: 0, value: 1 });
  });

  it("are apart where a whole gap lies between the end of a bin and the next", () => {
    expect(isGap({ ts: [0, 90], avg: [1, 2], bin: 60, gap: 30 }, 0)).toBe(false);
    expect(isGap({ ts: [0, 91], avg: [1, 2], bin: 60, gap: 30 }, 0)).toBe(true);
    expect(isGap({ ts: [0, 1e9], avg: [1, 2] }, 0)).toBe(false);
  });
});

describe("on the pixels", () => {
  const frame = (from: number, to: number): Frame => ({
    left: 0,
    top: 0,
    width: 100,
    height: 100,
    from,
    to,
    low: -1e6,
    high: 1e6,
    ratio: 1,
  });

  it("there is no more than one column for each, and none loses its least or greatest", () => {
    fc.assert(
      fc.property(readings, (points) => {
        const into = new Reduced();
        reduce(points, frame(0, 10_000), into);
        const columns = Array.from(into.x.subarray(0, into.length), Math.floor);
        expect(new Set(columns).size).toBe(columns.length);
        const reach = extent(points, 0, 10_000);
        expect(into.length > 0).toBe(reach !== null);
        if (!reach) return;
        const y = (one: number) => 100 - ((one + 1e6) / 2e6) * 100;
        expect(Math.min(...into.upper.subarray(0, into.length))).toBeCloseTo(y(reach[1]), 3);
        expect(Math.max(...into.lower.subarray(0, into.length))).toBeCloseTo(y(reach[0]), 3);
      }),
    );
  });

  it("no line leads across a gap, nor across what is no number", () => {
    const into = new Reduced();
    reduce({ ts: [0, 1000, 5000, 6000, 7000], avg: [1, 2, 3, null, 5], gap: 3000 }, frame(0, 10_000), into);
    expect(Array.from(into.apart.subarray(0, into.length))).toEqual([1, 0, 1, 1]);
  });

  it("a line goes on to what lies beside the plot", () => {
    const into = new Reduced();
    reduce({ ts: [0, 1000, 2000, 3000], avg: [1, 2, 3, 4] }, frame(900, 2100), into);
    expect(into.length).toBe(4);
  });

  it("takes more columns than there was room for", () => {
    const into = new Reduced();
    const ts = Float64Array.from({ length: 5000 }, (_, at) => at * 2);
    reduce({ ts, avg: ts }, { ...frame(0, 10_000), width: 10_000 }, into);
    expect(into.length).toBe(5000);
    expect(into.x[4999]).toBe(9998);
  });
});
