import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { Columns } from "../../src/charts/columns";

const reading = fc.record({ ts: fc.integer({ min: 0, max: 5000 }), value: fc.integer({ min: -100, max: 100 }) });

const all = (columns: Columns) => {
  const { ts, avg, min, max } = columns.points;
  return Array.from(ts, (at, index) => ({ at, avg: avg[index], min: min?.[index], max: max?.[index] }));
};

describe("columns", () => {
  it("keep readings in the order of time, and of each time the last said, in whatever order they come", () => {
    fc.assert(
      fc.property(fc.array(reading, { maxLength: 600 }), (readings) => {
        const columns = new Columns();
        const known = new Map<number, number>();
        for (const { ts, value } of readings) {
          columns.add(ts, value);
          known.set(ts, value);
        }
        const expected = [...known].sort(([a], [b]) => a - b);
        expect(Array.from(columns.points.ts)).toEqual(expected.map(([ts]) => ts));
        expect(Array.from(columns.points.avg)).toEqual(expected.map(([, value]) => value));
      }),
    );
  });

  it("sum readings up into bins as the server does", () => {
    fc.assert(
      fc.property(fc.array(reading, { maxLength: 600 }), fc.integer({ min: 1, max: 500 }), (readings, bin) => {
        const columns = new Columns({ bin });
        for (const { ts, value } of readings) columns.add(ts, value);
        const grouped = Map.groupBy(readings, ({ ts }) => ts - (ts % bin));
        const expected = [...grouped]
          .sort(([a], [b]) => a - b)
          .map(([at, of]) => {
            const values = of.map(({ value }) => value);
            const avg = values.reduce((sum, value) => sum + value, 0) / values.length;
            return { at, avg, min: Math.min(...values), max: Math.max(...values) };
          });
        const found = all(columns);
        expect(found.map(({ at, min, max }) => ({ at, min, max }))).toEqual(
          expected.map(({ at, min, max }) => ({ at, min, max })),
        );
        found.forEach(({ avg }, at) => expect(avg).toBeCloseTo(expected[at]?.avg ?? NaN, 9));
      }),
    );
  });

  it("go on with a bin that the server began", () => {
    const columns = new Columns({ bin: 60 });
    columns.put(60, 10, 8, 12, 3);
    columns.add(80, 30);
    columns.add(121, 1);
    expect(all(columns)).toEqual([
      { at: 60, avg: 15, min: 8, max: 30 },
      { at: 120, avg: 1, min: 1, max: 1 },
    ]);
  });

  it("know a bin that has no number, until it has one", () => {
    const columns = new Columns({ bin: 60 });
    columns.put(0, NaN, NaN, NaN, 2);
    columns.add(10, NaN);
    expect(all(columns)).toEqual([{ at: 0, avg: NaN, min: NaN, max: NaN }]);
    columns.add(20, 5);
    expect(all(columns)).toEqual([{ at: 0, avg: 5, min: 5, max: 5 }]);
  });

  it("forget what ended before a time, and go on for ever in little room", () => {
    const columns = new Columns({ gap: 30 });
    for (let at = 0; at < 100_000; at++) {
      columns.add(at, at % 7);
      columns.dropBefore(at - 99);
    }
    expect(columns.length).toBe(100);
    expect(columns.points.ts[0]).toBe(99_900);
    expect(columns.points.gap).toBe(30);
    expect((columns.points.ts as Float64Array).buffer.byteLength).toBeLessThanOrEqual(512 * 8);
  });

  it("come back as they were kept", () => {
    fc.assert(
      fc.property(fc.array(reading, { maxLength: 100 }), fc.constantFrom(0, 50), (readings, bin) => {
        const columns = new Columns({ bin, gap: 90 });
        for (const { ts, value } of readings) columns.add(ts, value);
        columns.add(6000, NaN);
        const back = Columns.of(JSON.parse(JSON.stringify(columns.plain())));
        expect(back.points).toEqual(columns.points);
      }),
    );
  });
});
