import { expect, it } from "vitest";

import type { AlarmSummary } from "../../src/api/api";
import { thresholds } from "../../src/pages/alarm/thresholds";
import { chosen, matching } from "../../src/pages/alarms/filters";

const alarm = (id: string, more: Partial<AlarmSummary> = {}) =>
  ({
    id,
    title: "Too warm",
    message: "9 °C",
    device: "cold-1",
    group: "plant-1",
    rule: "too-warm",
    severity: "major",
    acknowledged: null,
    assignee: null,
    ...more,
  }) as AlarmSummary;

const alarms = [
  alarm("cold-1.1"),
  alarm("cold-1.2", { severity: "critical", assignee: { id: "me", name: "Ann" } }),
  alarm("pump-7.1", {
    device: "pump-7",
    group: "plant-1/line-2",
    rule: "dry",
    title: "Runs dry",
    acknowledged: { at: 1, by: null },
  }),
];

it.each([
  ["", ["cold-1.1", "cold-1.2", "pump-7.1"]],
  ["severity=critical", ["cold-1.2"]],
  ["owner=none", ["cold-1.1"]],
  ["owner=me", ["cold-1.2"]],
  ["rule=dry", ["pump-7.1"]],
  ["group=plant-1%2Fline-2", ["pump-7.1"]],
  ["q=DRY", ["pump-7.1"]],
  ["owner=somebody", ["cold-1.1", "cold-1.2", "pump-7.1"]],
])("the alarms of ?%s", (search, ids) => {
  expect(matching(alarms, chosen(new URLSearchParams(search)), "me").map(({ id }) => id)).toEqual(ids);
});

it("finds every bound that a metric was held against, also within groups", () => {
  const trace = {
    all: [
      { metric: "t", above: 8, verdict: "true" },
      { not: { metric: "door", equals: true } },
      { any: [{ metric: "h", below: { metric: "limit" }, threshold: 40 }] },
    ],
  };
  expect(thresholds(trace)).toEqual([
    { metric: "t", operator: "above", threshold: 8 },
    { metric: "door", operator: "equals", threshold: true },
    { metric: "h", operator: "below", threshold: 40 },
  ]);
});

it("takes no bound of a rate or a window for one of the metric", () => {
  expect(thresholds({ metric: "t", above: 8, rate_over_ms: 60_000 })).toEqual([]);
  expect(thresholds({ metric: "t", above: 8, aggregate: "avg", over_ms: 60_000 })).toEqual([]);
});
