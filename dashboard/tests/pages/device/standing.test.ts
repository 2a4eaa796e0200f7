import { describe, expect, test } from "vitest";

import {
  type Known,
  accord,
  changedKeys,
  fulfils,
  switched,
  valueOf,
} from "../../../src/pages/device/control/standing";
import type { Side } from "../../../src/pages/device/shadow.svelte";
import type { JsonObject } from "../../../src/parts/schema/schema";

const NOW = 1_764_000_000_000;

function side(
  desired: JsonObject,
  reported: JsonObject,
  more: { at?: number; reportedAt?: number; rejected?: Record<string, string> } = {},
): Side {
  return {
    desired: { values: desired, version: 1, by: { id: "user:1", name: "Ann" }, at: more.at ?? NOW - 1000, sent: true },
    reported: { values: reported, rejected: more.rejected ?? {}, at: more.reportedAt ?? NOW - 60_000 },
    delta: {},
  };
}

const there = (known: Partial<Known> = {}): Known => ({ connected: true, now: NOW, ...known });
const ON = { relay: { on: true } };
const OFF = { relay: { on: false } };

describe("an actuator", () => {
  test("that nobody desires anything of is free", () => expect(accord(side({}, OFF), "relay", there())).toBe("free"));

  test("that is as desired is agreed", () => expect(accord(side(ON, ON), "relay", there())).toBe("agreed"));

  test("of which something was desired just now does not look done", () => {
    expect(accord(side(ON, OFF), "relay", there())).toBe("pending");
    expect(accord(side(ON, OFF, { reportedAt: NOW - 500 }), "relay", there())).toBe("pending");
  });

  test("whose device is away waits for it", () =>
    expect(accord(side(ON, OFF), "relay", there({ connected: false }))).toBe("waiting"));

  test("that the device refused says so, also while it is away", () => {
    const refused = side(ON, OFF, { rejected: { relay: "interlock" } });
    expect(accord(refused, "relay", there({ connected: false }))).toBe("rejected");
    expect(accord(side(ON, OFF, { rejected: { "*": "unreadable" } }), "relay", there())).toBe("rejected");
    expect(accord(side(ON, OFF, { rejected: { pump: "dry" } }), "relay", there())).toBe("pending");
  });

  test("that was reported otherwise long after has departed", () => {
    const long = side(ON, OFF, { at: NOW - 120_000, reportedAt: NOW - 60_000 });
    expect(accord(long, "relay", there())).toBe("departed");
  });

  test("of which nothing was heard since stays pending: it never flips back by time alone", () => {
    const silent = side(ON, OFF, { at: NOW - 120_000, reportedAt: NOW - 180_000 });
    expect(accord(silent, "relay", there())).toBe("pending");
  });

  test("that was as desired and no longer is has departed at once", () =>
    expect(accord(side(ON, OFF), "relay", there({ reached: true }))).toBe("departed"));

  test("that is asked for the same once more is pending again, until the device reports", () => {
    const long = side(ON, OFF, { at: NOW - 3_600_000, reportedAt: NOW - 60_000 });
    const said = { at: NOW - 40_000, reportedAt: NOW - 60_000 };
    expect(accord(long, "relay", there({ said }))).toBe("pending");
    const heard = side(ON, OFF, { at: NOW - 3_600_000, reportedAt: NOW - 39_000 });
    expect(accord(heard, "relay", there({ said }))).toBe("departed");
  });
});

describe("truth fulfils a wish", () => {
  test("where each value that is reported is as desired: how long it was wanted for is not reported", () =>
    expect(fulfils({ on: true }, { on: true, for_s: 30 })).toBe(true));

  test("and not where nothing of it is reported, such as of a valve that moves", () => {
    expect(fulfils(undefined, { open: true })).toBe(false);
    expect(fulfils({}, { open: true })).toBe(false);
  });

  test("of a plain value by being the same", () => {
    expect(fulfils(5, 5)).toBe(true);
    expect(fulfils(1, true)).toBe(false);
  });
});

test("a switch shows the one boolean that has to be there", () => {
  const on = { type: "boolean" } as const;
  expect(switched({ type: "object", properties: { on, for_s: { type: "integer" } }, required: ["on"] })).toBe("on");
  expect(switched({ type: "object", properties: { speed: { type: "number" } }, required: ["speed"] })).toBeNull();
  expect(switched({ type: "object", properties: { on, hard: on }, required: ["on", "hard"] })).toBeNull();
  expect(switched({ type: "object", properties: { on } })).toBeNull();
});

test("a value that nobody knows is not known", () => {
  expect(valueOf({ relay: { on: true } }, "relay", "on")).toBe(true);
  expect(valueOf({ relay: {} }, "relay", "on")).toBeUndefined();
  expect(valueOf({}, "relay", "on")).toBeUndefined();
});

test("changed is what is not the same in both", () =>
  expect(changedKeys({ a: 1, b: 2, c: [1] }, { b: 3, c: [1], d: 4 })).toEqual(["a", "b", "d"]));
