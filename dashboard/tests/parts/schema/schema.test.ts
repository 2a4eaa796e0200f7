import fc from "fast-check";
import { describe, expect, test } from "vitest";

import {
  type Json,
  type JsonObject,
  type Schema,
  beginning,
  defaults,
  same,
  settled,
  violations,
  within,
  withKey,
} from "../../../src/parts/schema/schema";

const RELAY: Schema = {
  type: "object",
  properties: {
    on: { title: "Closed", type: "boolean" },
    for_s: { title: "Then go back after", type: "integer", unit: "s", minimum: 1, maximum: 86_400 },
  },
  required: ["on"],
  additionalProperties: false,
};

const one = (schema: Schema, value: Json | undefined) =>
  violations(schema, value).map(({ field, expected, got }) => `${field}: ${expected}, got ${got}`);

describe("what departs from a schema", () => {
  test("nothing, where it is kept to", () => {
    expect(one(RELAY, { on: true, for_s: 30 })).toEqual([]);
    expect(one(RELAY, { on: false })).toEqual([]);
  });

  test("a field that has to be there", () => expect(one(RELAY, {})).toEqual(["on: present, got nothing"]));

  test("one that nobody knows", () =>
    expect(one(RELAY, { on: true, off: 1 })).toEqual(['off: one of on, for_s, got "off"']));

  test("bounds, at both ends", () => {
    expect(one(RELAY, { on: true, for_s: 0 })).toEqual(["for_s: at least 1, got 0"]);
    expect(one(RELAY, { on: true, for_s: 86_401 })).toEqual(["for_s: at most 86400, got 86401"]);
  });

  test("a fraction is no integer, and true is no number", () => {
    expect(one(RELAY, { on: true, for_s: 1.5 })).toEqual(["for_s: of type integer, got 1.5"]);
    expect(one({ type: "number" }, true)).toEqual([": of type number, got true"]);
    expect(one({ type: "boolean" }, 1)).toEqual([": of type boolean, got 1"]);
  });

  test("what was typed and is no number", () =>
    expect(one(RELAY, { on: true, for_s: NaN })).toEqual(["for_s: of type integer, got no number"]));

  test("a text outside of its list, and one that is too long, counted by characters", () => {
    expect(one({ type: "string", enum: ["heat", "cool"] }, "dry")).toEqual([': one of heat, cool, got "dry"']);
    expect(one({ type: "string", maxLength: 2 }, "𝄞𝄞")).toEqual([]);
    expect(one({ type: "string", minLength: 3 }, "ab")).toEqual([": at least 3 characters, got 2 characters"]);
  });

  test("the path leads through objects and lists", () => {
    const schema: Schema = {
      type: "object",
      properties: {
        zones: {
          type: "array",
          maxItems: 2,
          items: { type: "object", properties: { high: { type: "number", maximum: 9 } }, required: ["high"] },
        },
      },
    };
    expect(one(schema, { zones: [{ high: 1 }, { high: 10 }, {}] })).toEqual([
      "zones: at most 2 items, got 3 items",
      "zones[1].high: at most 9, got 10",
      "zones[2].high: present, got nothing",
    ]);
    expect(one(schema, { zones: [7] })).toEqual(["zones[0]: of type object, got 7"]);
  });

  test("what is no object at all", () => {
    expect(one(RELAY, null)).toEqual([": of type object, got null"]);
    expect(one(RELAY, [])).toEqual([": of type object, got []"]);
  });
});

test("a form begins with what must be there and has an obvious beginning", () => {
  expect(beginning(RELAY)).toEqual({ on: false });
  expect(beginning({ type: "object", properties: { rpm: { type: "number" } }, required: ["rpm"] })).toEqual({});
  expect(beginning({ type: "integer", default: 5 })).toBe(5);
});

test("defaults are those of an object's properties", () => {
  expect(
    defaults({ type: "object", properties: { a: { type: "number", default: 0 }, b: { type: "string" } } }),
  ).toEqual({
    a: 0,
  });
});

test("a field that is changed stays where it was, and one that is left out is gone", () => {
  expect(Object.keys(withKey({ a: 1, b: 2 }, "a", 3))).toEqual(["a", "b"]);
  expect(withKey({ a: 1, b: 2 }, "a", undefined)).toEqual({ b: 2 });
  expect(withKey({ a: 1 }, "b", 2)).toEqual({ a: 1, b: 2 });
});

test("what is sent holds nothing that was left out", () => {
  expect(settled({ a: undefined, b: { c: undefined, d: 1 }, e: [1, undefined] } as unknown as JsonObject)).toEqual({
    b: { d: 1 },
    e: [1],
  });
});

test("problems of the API about a part are those of its form", () => {
  const fields = { "values.relay.for_s": "expected at least 1", "values.relays": "no", "values.relay": "odd" };
  expect(within(fields, "values.relay")).toEqual({ for_s: "expected at least 1", "": "odd" });
});

describe("the same", () => {
  test("whatever the order of keys, and true is not 1", () => {
    expect(same({ a: 1, b: [1, 2] }, { b: [1, 2], a: 1 })).toBe(true);
    expect(same({ a: 1 }, { a: true })).toBe(false);
    expect(same({ a: 1 }, {})).toBe(false);
    expect(same([1, 2], [2, 1])).toBe(false);
  });

  test("as what JSON makes of it", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(same(value as Json, JSON.parse(JSON.stringify(value)) as Json)).toBe(true);
      }),
    );
  });
});

test("a value that was cut down to a schema's bounds keeps to them", () => {
  fc.assert(
    fc.property(fc.integer(), fc.integer(), fc.integer(), (value, some, other) => {
      const [minimum, maximum] = [Math.min(some, other), Math.max(some, other)];
      const found = violations({ type: "integer", minimum, maximum }, value);
      expect(found.length === 0).toBe(value >= minimum && value <= maximum);
    }),
  );
});
