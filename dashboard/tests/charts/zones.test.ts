import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { dayOf, instantOf, wall } from "../../src/charts/zones";

const zone = fc.constantFrom("UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe");
const at = fc.integer({ min: Date.UTC(2000, 0), max: Date.UTC(2037, 0) }).map((ms) => Math.floor(ms / 1000) * 1000);

describe("the clock on the wall", () => {
  it("tells an instant, or the earlier of two where clocks were put back", () => {
    fc.assert(
      fc.property(at, zone, (instant, name) => {
        const back = instantOf(wall(instant, name), name) as number;
        expect(wall(back, name)).toBe(wall(instant, name));
        expect(back).toBeLessThanOrEqual(instant);
        expect(instant - back).toBeLessThanOrEqual(3_600_000);
      }),
    );
  });

  it("shows 02:30 twice in October and never in March", () => {
    expect(instantOf("2026-10-25T02:30", "Europe/Berlin")).toBe(Date.UTC(2026, 9, 25, 0, 30));
    const skipped = instantOf("2026-03-29T02:30", "Europe/Berlin") as number;
    expect(skipped).toBe(Date.UTC(2026, 2, 29, 1, 30));
    expect(wall(skipped, "Europe/Berlin")).toBe("2026-03-29T03:30:00");
  });

  it("is nothing where no time is written", () => {
    for (const text of ["", "yesterday", "2026-11-30", "2026-13-01T00:00", "2026-11-30T25:00"]) {
      expect(instantOf(text, "UTC")).toBeNull();
    }
  });

  it("begins a day at its first instant", () => {
    expect(dayOf(Date.UTC(2026, 2, 29, 12), "Europe/Berlin")).toBe(Date.UTC(2026, 2, 28, 23));
    expect(dayOf(Date.UTC(2026, 2, 29, 12), "Europe/Berlin", 1)).toBe(Date.UTC(2026, 2, 29, 22));
  });
});
