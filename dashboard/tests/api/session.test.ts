import { expect, it } from "vitest";

import { covers } from "../../src/api/session.svelte";

it.each([
  ["*", true],
  ["device:pump-7", true],
  ["device:pump-70", false],
  ["group:plant-1", true],
  ["group:plant-1/line-2", true],
  ["group:plant-1/line-20", false],
  ["group:plant", false],
])("the scope %s covers pump-7 of plant-1/line-2: %s", (scope, covered) => {
  expect(covers(scope, "pump-7", "plant-1/line-2")).toBe(covered);
});

it("covers a device of no group by its own name and by everything alone", () => {
  expect([covers("*", "a", null), covers("device:a", "a", null), covers("group:a", "a", null)]).toEqual([
    true,
    true,
    false,
  ]);
});
