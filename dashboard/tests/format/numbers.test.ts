import { expect, it } from "vitest";

import { bytes, number, share, shown, unit } from "../../src/format/numbers";

const WORDS = { yes: "on", no: "off", none: "–" };

it("shows a number with the model's precision, also its zeros", () => {
  expect(shown(21.4, 2, WORDS)).toBe("21.40");
  expect(shown(21.456, 1, WORDS)).toBe("21.5");
});

it("shows what is no number in words", () => {
  expect([true, false, null, undefined, "auto"].map((value) => shown(value, 1, WORDS))).toEqual([
    "on",
    "off",
    "–",
    "–",
    "auto",
  ]);
});

it("leaves small numbers their digits where no precision is known, and large ones none", () => {
  expect(number(0.12345)).toBe("0.123");
  expect(number(12345.6)).toBe("12,346");
});

it("shows nothing that is there as nothing, and no number by hundreds of digits", () => {
  expect([number(0.00042), number(-1e-9), number(0), number(-0.00042, 1)]).toEqual(["0.00042", "-1E-9", "0", "-0.0"]);
  expect([number(1e308, 1), number(-2.5e15)]).toEqual(["1E308", "-2.5E15"]);
});

it("takes a code that is named like a property of every object for a code", () => {
  expect(unit("constructor")).toBe("constructor");
});

it("writes UCUM as people do, and an unknown code as it is", () => {
  expect([unit("Cel"), unit("%"), unit("m/s2"), unit("{rev}/min"), unit(null)]).toEqual([
    "°C",
    "%",
    "m/s²",
    "rev/min",
    "",
  ]);
});

it("tells sizes and shares", () => {
  expect([bytes(900), bytes(2048), bytes(3 * 1_048_576), share(0.031)]).toEqual([
    "900 B",
    "2.0 KiB",
    "3.0 MiB",
    "3.1%",
  ]);
});
