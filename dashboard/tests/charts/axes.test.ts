import { describe, expect, it } from "vitest";

import { instant, span, timeLabels } from "../../src/charts/axes";

const at = Date.UTC(2026, 10, 30, 23);
const MINUTE = 60_000;

describe("labels of times", () => {
  it("say the date where a day begins in the zone of the chart", () => {
    const splits = [at, at + 30 * MINUTE, at + 60 * MINUTE];
    expect(timeLabels(splits, 30 * MINUTE, "UTC")[2]).toMatch(/Dec 1|1 Dec/);
    expect(timeLabels(splits, 30 * MINUTE, "UTC")[0]).toBe("23:00");
    expect(timeLabels(splits, 30 * MINUTE, "Europe/Berlin")[0]).toMatch(/Dec 1|1 Dec/);
  });

  it("say seconds and their parts only where steps are so short", () => {
    expect(timeLabels([at], MINUTE, "UTC")).toEqual(["23:00"]);
    expect(timeLabels([at + 5000], 5000, "UTC")).toEqual(["23:00:05"]);
    expect(timeLabels([at + 5250], 250, "UTC")[0]).toBe("23:00:05.250");
    expect(instant(at + 5000, "UTC", MINUTE)).not.toMatch(/:05/);
  });
});

describe("what a value axis spans", () => {
  it("is the values with a little air", () => {
    const [low, high] = span([[10, 20], null, [12, 30]], [], false);
    expect(low).toBeCloseTo(8.4);
    expect(high).toBeCloseTo(31.6);
  });

  it("has a threshold in it as long as the values stay readable", () => {
    expect(span([[10, 20]], [35], false)[1]).toBeGreaterThan(35);
    expect(span([[10, 20]], [1000], false)[1]).toBeLessThan(25);
    expect(span([], [35], false)[1]).toBeGreaterThan(35);
  });

  it("is never nothing: of a value that does not change, of none, of switches", () => {
    for (const [low, high] of [
      span([[5, 5]], [], false),
      span([[0, 0]], [], false),
      span([], [], false),
      span([], [], true),
    ]) {
      expect(high).toBeGreaterThan(low);
    }
  });
});
