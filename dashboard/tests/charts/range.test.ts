import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { panned, zoomed } from "../../src/charts/gestures";
import { DEFAULT_MS, RELATIVE, lengthOf, parsed, resolved, spelled, written } from "../../src/charts/range";

const HOUR = 3_600_000;
const at = fc.integer({ min: 0, max: 4e12 });

describe("a range in the address", () => {
  it("is written as it is read", () => {
    const absolute = fc.tuple(at, fc.integer({ min: 1, max: 30 * 24 * HOUR })).map(([from, length]) => ({
      kind: "absolute" as const,
      from,
      to: from + length,
    }));
    const relative = fc.integer({ min: 1, max: 1e6 }).map((n) => ({ kind: "relative" as const, ms: n * 1000 }));
    fc.assert(
      fc.property(fc.oneof(absolute, relative, fc.constant({ kind: "yesterday" as const })), (span) => {
        const { from, to } = written(span);
        expect(parsed(from, to)).toEqual(span);
      }),
    );
  });

  it("is spelled as the buttons spell it", () => {
    for (const text of RELATIVE) expect(spelled(lengthOf(text) ?? 0)).toBe(text);
    expect(spelled(90 * 60_000)).toBe("90m");
  });

  it("may be in RFC 3339, with its offset", () => {
    expect(parsed("2026-11-30T12:00:00Z", "2026-11-30T14:00:00+01:00")).toEqual({
      kind: "absolute",
      from: Date.UTC(2026, 10, 30, 12),
      to: Date.UTC(2026, 10, 30, 13),
    });
  });

  it("is the last hour where nobody can read it", () => {
    fc.assert(
      fc.property(fc.option(fc.string()), fc.option(fc.string()), (from, to) => {
        const { from: start, to: end } = resolved(parsed(from, to), Date.UTC(2026, 0, 1), "UTC");
        expect(end).toBeGreaterThan(start);
      }),
    );
    for (const [from, to] of [
      [null, null],
      ["now-5y", null],
      ["2000", "1000"],
      ["2026-11-30T12:00:00", "2026-11-30T14:00:00"],
    ] as const) {
      expect(parsed(from, to)).toEqual({ kind: "relative", ms: DEFAULT_MS });
    }
  });

  it("of yesterday is the calendar's in its zone, with 23 hours where clocks were put forward", () => {
    const noon = Date.UTC(2026, 2, 30, 12);
    expect(resolved({ kind: "yesterday" }, noon, "Europe/Berlin")).toEqual({
      from: Date.UTC(2026, 2, 28, 23),
      to: Date.UTC(2026, 2, 29, 22),
    });
    expect(resolved({ kind: "yesterday" }, noon, "UTC")).toEqual({
      from: Date.UTC(2026, 2, 29),
      to: Date.UTC(2026, 2, 30),
    });
  });
});

describe("moving", () => {
  it("keeps the length of what is shown", () => {
    expect(panned({ from: 1000, to: 5000 }, -400)).toEqual({ from: 600, to: 4600 });
  });

  it("by zooming leaves the place under the pointer where it is", () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0.2, max: 5, noNaN: true }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (by, share) => {
          const range = { from: 1e9, to: 1e9 + 100 * HOUR };
          const next = zoomed(range, by, share);
          const place = (one: typeof range) => one.from + (one.to - one.from) * share;
          expect(Math.abs(place(next) - place(range))).toBeLessThan(2);
          expect(Math.abs((next.to - next.from) / (range.to - range.from) - by)).toBeLessThan(1e-6);
        },
      ),
    );
  });

  it("does not zoom into less than a second", () => {
    expect(zoomed({ from: 0, to: 1500 }, 0.01).to - zoomed({ from: 0, to: 1500 }, 0.01).from).toBe(1000);
  });
});
