import { readFileSync } from "node:fs";

import { expect, test } from "vitest";

import { asModel } from "../../src/state/thing-model";

const shipped = (name: string) =>
  asModel(
    JSON.parse(
      readFileSync(new URL(`../../../contract/device_models/${name}.json`, import.meta.url), "utf8"),
    ) as Record<string, unknown>,
  );

test("a machine has its metrics, with unit and precision, its relay and its settings", () => {
  const machine = shipped("machine");
  expect(machine).toMatchObject({ name: "machine", title: "Machine with a relay", version: "1.0.0", intervalMs: 5000 });
  expect(machine.metrics["temperature"]).toMatchObject({ unit: "Cel", precision: 1, type: "number", derived: false });
  expect(machine.metrics["relay"]?.type).toBe("boolean");
  expect(machine.actuators["relay"]).toMatchObject({ safe: { on: false }, metric: "relay", idempotent: true });
  expect(machine.actuators["relay"]?.parameters.required).toEqual(["on"]);
  expect(Object.keys(machine.configuration.properties ?? {})).toEqual(["interval_ms", "stop_on_overheat"]);
});

test("what is derived is known to be", () => expect(shipped("climate").metrics["dew_point"]?.derived).toBe(true));

test("a model without actions and settings has none", () => {
  const bare = asModel({ "fieldline:name": "bare", properties: { level: { type: "number" } } });
  expect(bare.actuators).toEqual({});
  expect(bare.configuration.properties).toEqual({});
  expect(bare.metrics["level"]).toMatchObject({ title: "level", unit: null, precision: null });
});
