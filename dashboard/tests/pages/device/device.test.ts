import { describe, expect, test } from "vitest";

import type { DeviceView } from "../../../src/api/api";
import { heard, merged } from "../../../src/pages/device/device.svelte";
import { marks, order, reading } from "../../../src/pages/device/metrics";
import { asModel } from "../../../src/state/thing-model";

const MODEL = asModel({
  "fieldline:name": "press",
  properties: {
    temperature: { title: "Temperature", type: "number", unit: "Cel", "fieldline:precision": 1 },
    relay: { title: "Relay", type: "boolean" },
  },
});
const LATEST = {
  temperature: {
    ts: 1000,
    value: 20,
    q: "good",
    unit: "Cel",
    title: "Temperature",
    unmodeled: false,
    age_ms: 5,
    derived: false,
    precision: 1,
  },
} as const;
const VIEW = { id: "press-4", latest: LATEST, read_at: 1000, seen_at: 1100 } as unknown as DeviceView;

describe("a device that is read while events come", () => {
  const view = (more: object) =>
    ({ ...VIEW, name: "Press", presence: { status: "online", since: 500 }, ...more }) as unknown as DeviceView;
  const temperature = (ts: number, value: number) => ({ temperature: { ...LATEST.temperature, ts, value } });

  test("has the name that was read, and the values and the status that were heard since", () => {
    const known = view({ latest: temperature(2000, 21), presence: { status: "offline", since: 900 }, seen_at: 2100 });
    const read = view({ name: "Press 4", latest: temperature(1500, 5) });
    const now = merged(read, known, MODEL);
    expect(now).toMatchObject({ name: "Press 4", presence: { status: "offline" }, seen_at: 2100, read_at: 2000 });
    expect(now.latest["temperature"]?.value).toBe(21);
  });

  test("is as it was read where that is newer", () => {
    const read = view({ latest: temperature(3000, 5), presence: { status: "offline", since: 900 }, seen_at: 3100 });
    expect(merged(read, view({}), MODEL)).toEqual(expect.objectContaining({ presence: read.presence, seen_at: 3100 }));
    expect(merged(read, view({}), MODEL).latest["temperature"]?.value).toBe(5);
  });

  test("that was never seen stays so", () => {
    const never = view({ latest: {}, read_at: null, seen_at: null });
    expect(merged(never, never, MODEL)).toMatchObject({ seen_at: null, read_at: null });
  });
});

describe("a reading that comes", () => {
  test("replaces an older one, and keeps what is known of the metric", () => {
    const after = heard(VIEW, { temperature: { ts: 2000, value: 21, q: "good" } }, 2100, MODEL);
    expect(after.latest["temperature"]).toMatchObject({ value: 21, ts: 2000, unit: "Cel", precision: 1 });
    expect(after).toMatchObject({ read_at: 2000, seen_at: 2100 });
  });

  test("never replaces a newer one, whatever the order in which they come", () => {
    const after = heard(VIEW, { temperature: { ts: 900, value: 1, q: "good" } }, 2100, MODEL);
    expect(after.latest["temperature"]?.value).toBe(20);
    expect(after).toMatchObject({ read_at: 1000, seen_at: 2100 });
  });

  test("of a metric that was not there is told by the model", () => {
    const after = heard(VIEW, { relay: { ts: 2000, value: true, q: "good" } }, 2100, MODEL);
    expect(after.latest["relay"]).toMatchObject({ title: "Relay", unmodeled: false });
  });

  test("that no model knows is marked, and not before the model is there", () => {
    const odd = { humidity: { ts: 2000, value: 5, q: "good" } } as const;
    expect(heard(VIEW, odd, 2100, MODEL).latest["humidity"]?.unmodeled).toBe(true);
    expect(heard(VIEW, odd, 2100, undefined).latest["humidity"]?.unmodeled).toBe(false);
  });
});

test("metrics are in the order of the model, then what it does not know by name", () =>
  expect(order({ zeta: LATEST.temperature, alpha: LATEST.temperature }, MODEL)).toEqual([
    "temperature",
    "relay",
    "alpha",
    "zeta",
  ]));

test("what is not to be believed is marked", () => {
  const marked = (q: "good" | "bad" | "estimated" | "stale", overdue = false, unmodeled = false) =>
    marks({ q, unmodeled, derived: false }, overdue).map(({ text }) => text);
  expect(marked("good")).toEqual([]);
  expect(marked("estimated")).toEqual(["time not synced"]);
  expect(marked("stale", true)).toEqual(["stale"]);
  expect(marked("good", true)).toEqual(["stale"]);
  expect(marked("bad", false, true)).toEqual(["bad", "not in the model"]);
});

test("a value is shown with the model's precision and its unit", () => {
  expect(reading({ value: 20, precision: 1, unit: "Cel" })).toEqual({ value: "20.0", unit: "°C" });
  expect(reading({ value: true, precision: null, unit: "Cel" })).toEqual({ value: "on", unit: "" });
});
