import { expect, test } from "vitest";

import { linesOf, patchOf, wrongWith } from "../../../src/pages/device/tags";

const BEFORE = { site: "hall 1", floor: "2" };

test("only what is new, changed or gone is sent", () => {
  const lines = [
    { key: "site", value: "hall 2" },
    { key: " zone ", value: " Europe/Berlin " },
  ];
  expect(patchOf(BEFORE, lines)).toEqual({ floor: null, site: "hall 2", zone: "Europe/Berlin" });
  expect(patchOf(BEFORE, linesOf(BEFORE))).toEqual({});
});

test("an empty line is none, a value without a key and a key that is there twice are wrong", () => {
  expect(
    wrongWith([
      { key: "", value: "" },
      { key: "", value: "x" },
      { key: "a", value: "1" },
      { key: "a ", value: "2" },
    ]),
  ).toEqual(["", "needed", "", "a is there twice"]);
});
