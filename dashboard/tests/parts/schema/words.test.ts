import { expect, test } from "vitest";

import type { Schema } from "../../../src/parts/schema/schema";
import { inWords, limits } from "../../../src/parts/schema/words";

const RELAY: Schema = {
  type: "object",
  properties: {
    on: { title: "Closed", type: "boolean" },
    for_s: { title: "Then go back after", type: "integer", unit: "s", minimum: 1, maximum: 86_400 },
  },
};

test("parameters are told by their titles, with their units", () => {
  expect(inWords(RELAY, { on: true, for_s: 30 })).toBe("Closed: on, Then go back after: 30 s");
});

test("what no schema knows is told by its key", () => expect(inWords(RELAY, { rpm: 1500 })).toBe("rpm: 1,500"));

test("a number is not rounded: it was set so", () =>
  expect(inWords({ type: "number", unit: "K" }, 0.00125)).toBe("0.00125 K"));

test("nothing is said to be nothing", () => {
  expect(inWords(RELAY, undefined)).toBe("–");
  expect(inWords(RELAY, {})).toBe("nothing");
  expect(inWords({ type: "array" }, [])).toBe("nothing");
});

test("bounds and a default are told to whoever fills it in", () => {
  const schema: Schema = { type: "integer", unit: "ms", minimum: 1000, maximum: 3_600_000 };
  expect(limits(schema, undefined)).toBe("1,000 to 3,600,000 ms");
  expect(limits(schema, 5000)).toBe("1,000 to 3,600,000 ms; default 5,000 ms");
  expect(limits({ type: "boolean" }, undefined)).toBeUndefined();
  expect(limits({ type: "integer", minimum: -1 }, undefined)).toBe("at least -1");
});
