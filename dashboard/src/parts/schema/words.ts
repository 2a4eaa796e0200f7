/** Values of a schema in words: by titles, with units. */

import { number, unit } from "../../format/numbers";
import { texts as t } from "../../texts";
import { type Draft, type Schema, isObject } from "./schema";

/** `{on: true, for_s: 30}` → "Closed: on, Then go back after: 30 s". */
export function inWords(schema: Schema | undefined, value: Draft): string {
  if (value === undefined || value === null) return t.values.none;
  if (typeof value === "boolean") return value ? t.values.yes : t.values.no;
  if (typeof value === "number") return withUnit(number(value, decimals(value)), schema?.unit);
  if (typeof value === "string") return withUnit(value, schema?.unit);
  if (isObject(value)) {
    const entries = Object.entries(value).filter(([, inner]) => inner !== undefined);
    if (entries.length === 0) return t.schema.nothing;
    return entries
      .map(([key, inner]) => `${titleOf(schema?.properties?.[key], key)}: ${inWords(schema?.properties?.[key], inner)}`)
      .join(", ");
  }
  return value.length === 0 ? t.schema.nothing : value.map((item: Draft) => inWords(schema?.items, item)).join(", ");
}

export const titleOf = (schema: Schema | undefined, key: string): string => schema?.title ?? key;

const withUnit = (text: string, code: string | undefined) => (unit(code) ? `${text} ${unit(code)}` : text);

/** As it was set, not rounded. */
const decimals = (value: number) => Math.min(10, (String(value).split(".")[1] ?? "").length);

/** What a field takes, for whoever fills it in: "1 to 86,400 s; default 30 s". */
export function limits(schema: Schema, fallback: Draft): string | undefined {
  const said: string[] = [];
  const { minimum: least, maximum: most } = schema;
  if (schema.type === "number" || schema.type === "integer") {
    const shown = (bound: number) => withUnit(number(bound, decimals(bound)), schema.unit);
    if (least !== undefined && most !== undefined)
      said.push(t.schema.between(number(least, decimals(least)), shown(most)));
    else if (least !== undefined) said.push(t.schema.atLeast(shown(least)));
    else if (most !== undefined) said.push(t.schema.atMost(shown(most)));
    if (schema.type === "integer" && said.length === 0) said.push(t.schema.whole);
  }
  if (schema.type === "string" && schema.maxLength !== undefined) said.push(t.schema.characters(schema.maxLength));
  if (fallback !== undefined) said.push(t.schema.default(inWords(schema, fallback)));
  return [schema.description, said.join(t.schema.and)].filter(Boolean).join(" ") || undefined;
}
