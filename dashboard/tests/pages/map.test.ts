import { expect, it } from "vitest";

import type { RuleView } from "../../src/api/api";
import { fences, place } from "../../src/pages/map/places";
import type { Device } from "../../src/state/fleet.svelte";

const at = (latitude: unknown, longitude: unknown) =>
  ({ latest: { latitude: { value: latitude }, longitude: { value: longitude } } }) as unknown as Device;

it("puts a device where it said it was, and nowhere else", () => {
  expect(place(at(53.8, -1.55))?.at).toEqual([53.8, -1.55]);
  for (const device of [at(91, 0), at(0, 181), at("53", "1"), { latest: {} } as unknown as Device])
    expect(place(device)).toBeNull();
});

const rule = (document: object, enabled = true) =>
  ({ id: "r", title: "Yard", enabled, document }) as unknown as RuleView;
const circle = { circle: { latitude: 53.8, longitude: -1.55, radius_m: 200 } };

it("finds fences wherever they stand in a condition", () => {
  const found = fences([rule({ when: { all: [{ online: true }, { not: { geofence: circle } }] } })]);
  expect(found).toEqual([{ kind: "circle", rule: "r", title: "Yard", at: [53.8, -1.55], radius: 200 }]);
  const polygon = [
    [53, -1],
    [54, -1],
    [54, -2],
  ];
  expect(fences([rule({ when: { geofence: { polygon } } })])).toMatchObject([{ kind: "polygon", points: polygon }]);
});

it("draws no fence of a rule that is disabled, nor one that is none", () => {
  expect(fences([rule({ when: { geofence: circle } }, false)])).toEqual([]);
  expect(
    fences([
      rule({
        when: {
          geofence: {
            polygon: [
              [53, -1],
              [54, 999],
            ],
          },
        },
      }),
    ]),
  ).toEqual([]);
});
