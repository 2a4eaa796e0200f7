import { describe, expect, it } from "vitest";

import { kindOf, sentence } from "../../src/format/conditions";
import type { Json } from "../../src/parts/schema/schema";

const METRICS: Record<string, { title: string; unit: string | null }> = {
  temperature: { title: "Temperature", unit: "Cel" },
  door: { title: "Door", unit: null },
  co2: { title: "CO2", unit: "[ppm]" },
};
const known = (metric: string) => METRICS[metric];

const WARM = { metric: "temperature", above: 8 };
const DOOR = { metric: "door", equals: true };

describe("the sentence of a condition", () => {
  const cases: [string, Json, string][] = [
    ["a comparison", { ...WARM, for: "5m" }, "temperature is above 8 °C for 5 min"],
    ["an abbreviation", { metric: "co2", at_least: 1200 }, "CO2 is at least 1,200 ppm"],
    ["a switch", DOOR, "door is on"],
    ["a metric that no model has", { metric: "rssi", below: -90 }, "rssi is below -90"],
    ["hysteresis", { ...WARM, until: 7.5 }, "temperature is above 8 °C (until back at 7.5 °C)"],
    ["several in a row", { ...WARM, count: 3 }, "temperature is above 8 °C, 3 readings in a row"],
    ["several of the last", { ...WARM, count: 3, of: 5 }, "temperature is above 8 °C, 3 of the last 5 readings"],
    [
      "another metric",
      { metric: "temperature", above: { metric: "setpoint", plus: -2 } },
      "temperature is above setpoint − 2",
    ],
    [
      "a tag as the bound",
      { metric: "temperature", above: { attribute: "limit" } },
      "temperature is above the tag limit",
    ],
    [
      "a rate",
      { metric: "temperature", above: 0.1, rate_over: "10m" },
      "the change of temperature per second over 10 min is above 0.1 °C/s",
    ],
    [
      "an average",
      { metric: "temperature", above: 8, aggregate: "avg", over_ms: 3_600_000 },
      "the average of temperature over 1 h is above 8 °C",
    ],
    [
      "a count, which has no unit",
      { metric: "temperature", below: 3, aggregate: "count", over: "1h" },
      "the number of readings of temperature over 1 h is below 3",
    ],
    ["a tag", { attribute: "site", not_equals: "leeds" }, "the tag site is not leeds"],
    ["a change", { metric: "door", changes: true, from: false, to: true }, "door changes from off to on"],
    ["silence", { no_data: true, for: "15m" }, "nothing has come for 15 min"],
    [
      "silence of a metric",
      { no_data: true, metric: "temperature", for_ms: 90_000 },
      "no temperature has come for 1 min 30 s",
    ],
    ["the connection", { online: false, for: "10m" }, "the device is offline for 10 min"],
    [
      "a circle",
      { geofence: { circle: { latitude: 53.8, longitude: -1.55, radius_m: 200 } }, is: "outside" },
      "the device is outside of the 200 m around 53.8, -1.55",
    ],
    [
      "a polygon",
      {
        geofence: {
          polygon: [
            [1, 2],
            [3, 4],
            [5, 6],
          ],
        },
      },
      "the device is inside of an area of 3 corners",
    ],
    [
      "times of the week",
      {
        schedule: [
          { days: ["mon", "tue", "wed", "fri"], from: "08:00", to: "18:00" },
          { from: "22:00", to: "23:00" },
        ],
        zone: "Europe/London",
      },
      "it is Mon–Wed, Fri 08:00–18:00 or 22:00–23:00 (Europe/London)",
    ],
    ["all of several", { all: [WARM, DOOR] }, "temperature is above 8 °C and door is on"],
    [
      "all of several for some time",
      { all: [WARM, DOOR], for: "5m" },
      "(temperature is above 8 °C and door is on) for 5 min",
    ],
    [
      "a group within a group",
      { all: [{ ...WARM, for: "5m" }, { any: [DOOR, { online: false }] }] },
      "temperature is above 8 °C for 5 min and (door is on or the device is offline)",
    ],
    ["a group of one", { any: [DOOR] }, "door is on"],
    [
      "the opposite",
      { not: { any: [DOOR, { online: true }] }, for: "1m" },
      "not (door is on or the device is online) for 1 min",
    ],
    ["what is not filled in", { metric: "", above: null }, "… is above …"],
    ["what is no condition", { anomaly: 3 }, '({"anomaly":3})'],
  ];
  it.each(cases)("says %s", (_, condition, said) => expect(sentence(condition, known)).toBe(said));
});

describe("the kind of a condition", () => {
  it("is the key that only it has", () => {
    expect(kindOf({ metric: "a", changes: true })).toBe("changes");
    expect(kindOf({ no_data: true, metric: "a" })).toBe("no_data");
    expect(kindOf({ metric: "a", above: 1 })).toBe("comparison");
    expect(kindOf({ strange: 1 })).toBe("other");
    expect(kindOf([])).toBe("other");
    expect(kindOf(undefined)).toBe("other");
  });
});
