import { describe, expect, test } from "vitest";

import type { LatestView } from "../../../src/api/api";
import { firstToChart } from "../../../src/pages/device/metrics";
import type { DeviceModel } from "../../../src/state/thing-model";

const latest = (values: Record<string, unknown>) =>
  Object.fromEntries(Object.entries(values).map(([key, value]) => [key, { value } as LatestView]));
const model = (types: Record<string, string>) =>
  ({ metrics: Object.fromEntries(Object.entries(types).map(([key, type]) => [key, { key, type }])) }) as DeviceModel;

describe("what is charted first", () => {
  test("is the model's first measurement, also before any value came", () =>
    expect(firstToChart({}, model({ relay: "boolean", temp: "number", flow: "number" }))).toBe("temp"));

  test("is what is on or off where nothing is measured", () =>
    expect(firstToChart({}, model({ relay: "boolean" }))).toBe("relay"));

  test("is of a device without a model a value that is a number", () =>
    expect(firstToChart(latest({ relay: true, temp: 21.5 }), undefined)).toBe("temp"));

  test("is nothing where there is nothing", () => expect(firstToChart({}, undefined)).toBeNull());
});
