/**
 * The subset of JSON Schema in which models describe parameters and settings, as `contract/schema.py` has it: what is
 * wrong with a value is said in the same words here and there.
 */

export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };
export type JsonObject = { readonly [key: string]: Json };

export interface Schema {
  readonly type: "object" | "array" | "string" | "number" | "integer" | "boolean";
  readonly title?: string;
  readonly description?: string;
  readonly default?: Json;
  /** A UCUM code. */
  readonly unit?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean;
  readonly items?: Schema;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly enum?: readonly string[];
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minimum?: number;
  readonly maximum?: number;
}

/** What a form holds: `undefined` is a field that is left out, NaN what is typed and is no number. */
export type Draft = Json | undefined;

export interface Violation {
  /** Its path, empty for the value itself: `limits.high`, `zones[2]`. */
  readonly field: string;
  readonly expected: string;
  readonly got: string;
}

export const joined = (at: string, key: string): string => (at ? `${at}.${key}` : key);

export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Everything in which a value departs from a schema. */
export function violations(schema: Schema, value: Draft, at = ""): Violation[] {
  if (!isOfType(value, schema.type)) return [{ field: at, expected: `of type ${schema.type}`, got: told(value) }];
  if (isObject(value)) return ofObject(schema, value, at);
  if (Array.isArray(value)) {
    const { items } = schema;
    const inner = items ? value.flatMap((item: Json, index) => violations(items, item, `${at}[${index}]`)) : [];
    return [...bounds(schema.minItems, schema.maxItems, value.length, at, " items"), ...inner];
  }
  if (typeof value === "string") {
    const found = bounds(schema.minLength, schema.maxLength, [...value].length, at, " characters");
    const listed = !schema.enum || schema.enum.includes(value);
    return listed ? found : [...found, { field: at, expected: `one of ${schema.enum.join(", ")}`, got: told(value) }];
  }
  return typeof value === "number" ? bounds(schema.minimum, schema.maximum, value, at, "") : [];
}

function ofObject(schema: Schema, value: JsonObject, at: string): Violation[] {
  const properties = schema.properties ?? {};
  const missing = (schema.required ?? [])
    .filter((key) => value[key] === undefined)
    .map((key) => ({ field: joined(at, key), expected: "present", got: "nothing" }));
  const wrong = Object.entries(value).flatMap(([key, item]) => {
    if (item === undefined) return [];
    const inner = Object.hasOwn(properties, key) ? properties[key] : undefined;
    if (inner) return violations(inner, item, joined(at, key));
    if (schema.additionalProperties !== false) return [];
    const known = Object.keys(properties).join(", ") || "no keys";
    return [{ field: joined(at, key), expected: `one of ${known}`, got: told(key) }];
  });
  return [...missing, ...wrong];
}

function bounds(least: number | undefined, most: number | undefined, value: number, at: string, of: string) {
  const found: Violation[] = [];
  if (least !== undefined && !(value >= least)) {
    found.push({ field: at, expected: `at least ${least}${of}`, got: `${value}${of}` });
  }
  if (most !== undefined && !(value <= most)) {
    found.push({ field: at, expected: `at most ${most}${of}`, got: `${value}${of}` });
  }
  return found;
}

function isOfType(value: Draft, type: Schema["type"]): boolean {
  switch (type) {
    case "object":
      return isObject(value);
    case "array":
      return Array.isArray(value);
    case "integer":
      return Number.isInteger(value);
    case "number":
      return Number.isFinite(value);
    default:
      return typeof value === type;
  }
}

function told(value: Draft): string {
  if (value === undefined) return "nothing";
  if (typeof value === "number" && Number.isNaN(value)) return "no number";
  const text = JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}

/** The defaults that an object schema's properties name. */
export function defaults(schema: Schema): JsonObject {
  const named = Object.entries(schema.properties ?? {}).filter(([, inner]) => inner.default !== undefined);
  return Object.fromEntries(named.map(([key, inner]) => [key, inner.default as Json]));
}

/** A value to begin with: what must be there and has an obvious beginning. */
export function beginning(schema: Schema): Draft {
  if (schema.default !== undefined) return schema.default;
  if (schema.type === "object") {
    const begun = (schema.required ?? []).map((key) => {
      const inner = schema.properties?.[key];
      return [key, inner ? beginning(inner) : undefined] as const;
    });
    return Object.fromEntries(begun.filter(([, value]) => value !== undefined)) as JsonObject;
  }
  if (schema.type === "boolean") return false;
  if (schema.type === "array") return [];
  return undefined;
}

/** With another value under a key, or without it. */
export function withKey(value: JsonObject, key: string, inner: Draft): JsonObject {
  const others = Object.entries(value).filter(([other]) => other !== key);
  // Where it was, so that fields keep their order.
  if (inner === undefined) return Object.fromEntries(others);
  return Object.hasOwn(value, key)
    ? Object.fromEntries(Object.entries(value).map(([other, old]) => [other, other === key ? inner : old]))
    : Object.fromEntries([...others, [key, inner]]);
}

/** Without what is left out, so that it can be sent. */
export function settled(value: Draft): Json {
  if (Array.isArray(value)) return value.filter((item: Draft) => item !== undefined).map(settled);
  if (!isObject(value)) return value ?? null;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, item]) => item !== undefined)
      .map(([key, item]) => [key, settled(item)]),
  );
}

/** As JSON compares: the order of keys means nothing, and true is not 1. */
export function same(one: Draft, other: Draft): boolean {
  if (Array.isArray(one) && Array.isArray(other)) {
    return one.length === other.length && one.every((item: Json, at) => same(item, other[at] as Json));
  }
  if (isObject(one) && isObject(other)) {
    const keys = new Set([...Object.keys(one), ...Object.keys(other)]);
    return [...keys].every((key) => same(one[key], other[key]));
  }
  return one === other;
}

/** Problems of the API about `values.relay.for_s` are those of the field `for_s` of a form over `values.relay`. */
export function within(fields: Readonly<Record<string, string>>, prefix: string): Record<string, string> {
  const begins = `${prefix}.`;
  return Object.fromEntries(
    Object.entries(fields)
      .filter(([field]) => field === prefix || field.startsWith(begins))
      .map(([field, what]) => [field.slice(begins.length), what]),
  );
}
