import { describe, expect, it } from "vitest";

import { durationOf, lasting, milliseconds, withDuration } from "../../src/format/durations";

describe("milliseconds", () => {
  it.each([
    ["90s", 90_000],
    ["5m", 300_000],
    ["1h30m", 5_400_000],
    ["1w2d", 777_600_000],
    ["250ms", 250],
  ])("reads %s", (text, ms) => expect(milliseconds(text)).toBe(ms));

  it.each(["", "5", "m", "5 m", "-5m", "1h1h", "1.5h", "5M"])("refuses %j", (text) =>
    expect(milliseconds(text)).toBeNull(),
  );
});

describe("durationOf", () => {
  it("reads either way of writing it", () => {
    expect(durationOf({ for: "5m" }, "for")).toBe(300_000);
    expect(durationOf({ for_ms: 250 }, "for")).toBe(250);
  });

  it("tells what is left out from what is wrong", () => {
    expect(durationOf({}, "for")).toBeUndefined();
    expect(durationOf({ for: "soon" }, "for")).toBeNaN();
    expect(durationOf({ for_ms: "5" }, "for")).toBeNaN();
  });
});

describe("withDuration", () => {
  it("puts it where the other way of writing it stood", () => {
    const changed = withDuration({ metric: "a", for: "5m", above: 1 }, "for", 60_000);
    expect(Object.entries(changed)).toEqual([
      ["metric", "a"],
      ["for_ms", 60_000],
      ["above", 1],
    ]);
  });

  it("adds it, and takes it out", () => {
    expect(withDuration({ a: 1 }, "for", 5)).toEqual({ a: 1, for_ms: 5 });
    expect(withDuration({ a: 1, for: "1s", for_ms: 5 }, "for", undefined)).toEqual({ a: 1 });
  });
});

describe("lasting", () => {
  it.each([
    [0, "0 s"],
    [250, "250 ms"],
    [300_000, "5 min"],
    [90_061_000, "1 d 1 h 1 min 1 s"],
  ])("says all of %d ms", (ms, said) => expect(lasting(ms)).toBe(said));
});
