import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { chosen, select } from "../../src/pages/devices/choice";
import { visible } from "../../src/pages/devices/window";
import type { Device } from "../../src/state/fleet.svelte";
import { type Standing, standing } from "../../src/state/standing";

const NOW = 1_764_000_000_000;

function device(id: string, more: Partial<Record<keyof Device, unknown>> = {}): Device {
  const made = {
    id,
    name: id,
    model: "climate",
    group: "plant-1/line-1",
    tags: {},
    status: "online",
    since: NOW - 60_000,
    seen_at: NOW,
    read_at: NOW,
    interval_ms: 10_000,
    ...more,
  };
  return { ...made, standing: (now: number): Standing => standing(made as never, now) } as unknown as Device;
}

const fleet = [
  device("a-10", { name: "Boiler", group: "plant-1" }),
  device("a-9", { name: "Pump", group: "plant-1/line-2", tags: { site: "Leeds" }, model: "machine" }),
  device("b-1", { name: "Cold store", group: "plant-10", status: "offline" }),
  device("c-1", { name: "Silent", read_at: NOW - 40_000 }),
];

const ids = (search: string, alarms: Record<string, number> = {}) =>
  select(fleet, chosen(new URLSearchParams(search)), NOW, (id) => alarms[id] ?? 0).map(({ id }) => id);

describe("which devices are listed", () => {
  it("are all, by name, where nothing is asked for", () => {
    expect(ids("")).toEqual(["a-10", "b-1", "a-9", "c-1"]);
  });

  it.each([
    ["q=PUMP", ["a-9"]],
    ["q=site%3Dleeds", ["a-9"]],
    ["q=plant-1%2Fline-2", ["a-9"]],
    ["status=offline", ["b-1"]],
    ["status=stale", ["c-1"]],
    ["status=online", ["a-10", "a-9"]],
    ["model=machine", ["a-9"]],
    ["tag=site", ["a-9"]],
    ["tag=site%3DHull", []],
    ["q=nothing", []],
  ])("are those of %s", (search, found) => {
    expect(ids(search)).toEqual(found);
  });

  it("of a group are it and all below, and not those of a longer name", () => {
    expect(ids("group=plant-1")).toEqual(["a-10", "a-9", "c-1"]);
  });

  it("are ordered by what is wrong, by alarms, and the other way round", () => {
    expect(ids("sort=status")).toEqual(["b-1", "c-1", "a-9", "a-10"]);
    expect(ids("sort=alarms", { "c-1": 3, "a-9": 1 }).slice(0, 2)).toEqual(["c-1", "a-9"]);
    expect(ids("sort=name:down")).toEqual(["c-1", "a-9", "b-1", "a-10"]);
  });

  it("take an order that there is none of for the usual", () => {
    expect(ids("sort=__proto__")).toEqual(ids(""));
  });
});

describe("the rows that are drawn", () => {
  it("cover what is seen, never more than fifty, wherever one scrolls", () => {
    fc.assert(
      fc.property(
        fc.nat(6000),
        fc.integer({ min: 20, max: 90 }),
        fc.nat(400_000),
        fc.nat(1500),
        (count, row, top, height) => {
          const shown = visible(count, row, top, height);
          expect(shown.to - shown.from).toBeLessThanOrEqual(50);
          expect(shown.from).toBeGreaterThanOrEqual(0);
          expect(shown.to).toBeLessThanOrEqual(count);
          expect(shown.above).toBe(shown.from * row);
          const [first, last] = [Math.floor(top / row), Math.ceil((top + height) / row)];
          if (first < count && last - first <= 38) {
            expect(shown.from).toBeLessThanOrEqual(first);
            expect(shown.to).toBeGreaterThanOrEqual(Math.min(count, last));
          }
        },
      ),
    );
  });
});
