import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { type Spot, gather, middle, spread } from "../../src/pages/map/clusters";

const REACH = 48;
const spot = fc.record({
  x: fc.double({ min: 0, max: 2000, noNaN: true }),
  y: fc.double({ min: 0, max: 2000, noNaN: true }),
  item: fc.nat(),
});
const away = (one: Spot<unknown>, other: Spot<unknown>) => Math.hypot(one.x - other.x, one.y - other.y);

describe("clusters", () => {
  it("have every place in one of them, and within reach of its first", () => {
    fc.assert(
      fc.property(fc.array(spot, { maxLength: 60 }), (spots) => {
        const clusters = gather(spots, REACH);
        expect(clusters.flat().sort((a, b) => spots.indexOf(a) - spots.indexOf(b))).toEqual(spots);
        for (const [first, ...others] of clusters) {
          for (const other of others) expect(away(first as Spot<number>, other)).toBeLessThan(REACH);
        }
      }),
    );
  });

  it("begin out of reach of each other, so that no two could be one", () => {
    fc.assert(
      fc.property(fc.array(spot, { maxLength: 60 }), (spots) => {
        const firsts = gather(spots, REACH).map(([first]) => first as Spot<number>);
        for (const [at, one] of firsts.entries()) {
          for (const other of firsts.slice(at + 1)) expect(away(one, other)).toBeGreaterThanOrEqual(REACH);
        }
      }),
    );
  });

  it("are the same wherever the edges of the search lie", () => {
    const spots = [40, 47, 52, 90, 99].map((x, item) => ({ x, y: 47.9, item }));
    const items = (by: number) =>
      gather(
        spots.map((one) => ({ ...one, x: one.x + by, y: one.y + by })),
        REACH,
      ).map((cluster) => cluster.map(({ item }) => item));
    expect(items(0)).toEqual([
      [0, 1, 2],
      [3, 4],
    ]);
    for (const by of [1, 13, 48, -200]) expect(items(by)).toEqual(items(0));
  });
});

describe("places that zooming does not part", () => {
  it("stand around where they are, each as far from the next", () => {
    for (const count of [2, 3, 7, 40]) {
      const same = Array.from({ length: count }, (_, item) => ({ x: 100, y: 200, item }));
      const around = spread(same, 28);
      expect(around.map(({ item }) => item)).toEqual(same.map(({ item }) => item));
      for (const [at, one] of around.entries()) {
        const next = around[(at + 1) % count] as Spot<number>;
        expect(away(one, next)).toBeCloseTo(28);
      }
      const [x, y] = middle(around);
      expect([x, y]).toEqual([expect.closeTo(100), expect.closeTo(200)]);
    }
  });
});
