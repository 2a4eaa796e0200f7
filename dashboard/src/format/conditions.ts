/**
 * A rule's condition as a sentence: "temperature is above 8 °C for 5 min and (door is on or the device is offline)".
 * What a newer release adds to the language is told as it is written.
 */

import type { Json, JsonObject } from "../parts/schema/schema";
import { isObject } from "../parts/schema/schema";
import { texts } from "../texts";
import { durationOf, lasting } from "./durations";
import { number, unit } from "./numbers";

const t = texts.conditions;

export const OPERATORS = ["above", "below", "at_least", "at_most", "equals", "not_equals"] as const;
export type Operator = (typeof OPERATORS)[number];
export const AGGREGATES = ["avg", "min", "max", "sum", "count", "range"] as const;
export type Aggregate = (typeof AGGREGATES)[number];
export const DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"] as const;
export type Day = (typeof DAYS)[number];

export const KINDS = [
  "comparison",
  "attribute",
  "changes",
  "no_data",
  "online",
  "geofence",
  "schedule",
  "all",
  "any",
  "not",
] as const;
export type Kind = (typeof KINDS)[number] | "other";

/** What a metric is called, and its unit, where that is known. */
export type Known = (metric: string) => { readonly title: string; readonly unit: string | null } | undefined;

/** As the contract tells them apart: by the one key that only they have. */
export function kindOf(condition: Json | undefined): Kind {
  if (!isObject(condition)) return "other";
  for (const kind of [
    "all",
    "any",
    "not",
    "changes",
    "no_data",
    "online",
    "geofence",
    "schedule",
    "attribute",
  ] as const) {
    if (Object.hasOwn(condition, kind)) return kind;
  }
  return Object.hasOwn(condition, "metric") ? "comparison" : "other";
}

export const operatorOf = (condition: JsonObject): Operator | undefined =>
  OPERATORS.find((operator) => Object.hasOwn(condition, operator));

/** The sentence, without its "when". */
export function sentence(condition: Json | undefined, known: Known = () => undefined): string {
  return told(condition, known, false);
}

function told(condition: Json | undefined, known: Known, inside: boolean): string {
  if (!isObject(condition)) return t.other(JSON.stringify(condition ?? null));
  const kind = kindOf(condition);
  const ms = durationOf(condition, "for");
  const held = ms && kind !== "no_data" ? t.lasting(lasting(ms)) : "";
  if (kind === "all" || kind === "any") {
    const parts = Array.isArray(condition[kind]) ? (condition[kind] as readonly Json[]) : [];
    if (parts.length === 0) return t.nothing;
    const text = parts.map((part) => told(part, known, parts.length > 1)).join(` ${t.words[kind]} `);
    return parts.length > 1 && (inside || held) ? `(${text})${held}` : text + held;
  }
  if (kind === "not") return `${t.not(told(condition["not"], known, false))}${held}`;
  return LEAVES[kind](condition, known) + held;
}

const LEAVES: Record<Exclude<Kind, "all" | "any" | "not">, (leaf: JsonObject, known: Known) => string> = {
  comparison,
  attribute: (leaf, known) => `${t.tag(text(leaf["attribute"]))} ${compared(leaf, known, null)}`,
  changes: (leaf, known) => {
    const ends = (["from", "to"] as const)
      .filter((end) => leaf[end] !== undefined)
      .map((end) => ` ${t[end]} ${literal(leaf[end], "")}`);
    return t.changes(named(leaf["metric"], known), ends.join(""));
  },
  no_data: (leaf, known) => {
    const ms = durationOf(leaf, "for");
    const metric = leaf["metric"] === undefined ? null : named(leaf["metric"], known);
    return t.noData(metric, ms ? lasting(ms) : t.unset);
  },
  online: (leaf) => (leaf["online"] === false ? t.offline : t.online),
  geofence: (leaf) => t.geofence[leaf["is"] === "outside" ? "outside" : "inside"](area(leaf["geofence"])),
  schedule: (leaf) => {
    const windows = Array.isArray(leaf["schedule"]) ? (leaf["schedule"] as readonly Json[]) : [leaf["schedule"]];
    return t.schedule(windows.map((one) => span(one ?? null)).join(` ${t.words.any} `), text(leaf["zone"]));
  },
  other: (leaf) => t.other(JSON.stringify(leaf)),
};

function comparison(leaf: JsonObject, known: Known): string {
  const metric = named(leaf["metric"], known);
  const symbol = unit(known(text(leaf["metric"]))?.unit);
  const rate = durationOf(leaf, "rate_over");
  const over = durationOf(leaf, "over");
  let subject = metric;
  if (rate !== undefined) subject = t.rate(metric, lasting(rate));
  else if (leaf["aggregate"] !== undefined) {
    const aggregate = text(leaf["aggregate"]);
    const called = (t.aggregates as Record<string, string>)[aggregate] ?? aggregate;
    subject = t.aggregate(called, metric, over ? lasting(over) : t.unset);
  }
  const counts = leaf["aggregate"] === "count";
  const measured = rate !== undefined ? (symbol ? `${symbol}/s` : "") : counts ? "" : symbol;
  const until = leaf["until"] === undefined ? "" : t.until(literal(leaf["until"], measured));
  const times =
    typeof leaf["count"] !== "number"
      ? ""
      : typeof leaf["of"] === "number"
        ? t.countOf(leaf["count"], leaf["of"])
        : t.inARow(leaf["count"]);
  return `${subject} ${compared(leaf, known, measured)}${until}${times}`;
}

function compared(leaf: JsonObject, known: Known, symbol: string | null): string {
  const operator = operatorOf(leaf);
  if (!operator) return t.unset;
  const threshold = leaf[operator];
  const told = isObject(threshold) ? operand(threshold, known) : literal(threshold, symbol ?? "");
  return `${t.operators[operator]} ${told}`;
}

function operand(threshold: JsonObject, known: Known): string {
  const base =
    threshold["metric"] === undefined ? t.tag(text(threshold["attribute"])) : named(threshold["metric"], known);
  const plus = threshold["plus"];
  if (typeof plus !== "number" || plus === 0) return base;
  return `${base} ${plus > 0 ? "+" : "−"} ${number(Math.abs(plus))}`;
}

function literal(value: Json | undefined, symbol: string): string {
  if (typeof value === "boolean") return value ? texts.values.yes : texts.values.no;
  if (typeof value === "number") return symbol ? `${number(value)} ${symbol}` : number(value);
  return typeof value === "string" && value ? value : t.unset;
}

function area(fence: Json | undefined): string {
  const { circle, polygon } = isObject(fence) ? fence : { circle: undefined, polygon: undefined };
  if (isObject(circle)) {
    const place = `${literal(circle["latitude"], "")}, ${literal(circle["longitude"], "")}`;
    return t.circle(literal(circle["radius_m"], "m"), place);
  }
  return t.polygon(Array.isArray(polygon) ? polygon.length : 0);
}

/** "Mon–Fri 08:00–18:00" */
function span(window: Json): string {
  if (!isObject(window)) return t.unset;
  const days = Array.isArray(window["days"]) ? DAYS.filter((day) => (window["days"] as Json[]).includes(day)) : DAYS;
  const times = `${text(window["from"])}–${text(window["to"])}`;
  return days.length === DAYS.length ? times : `${runs(days)} ${times}`;
}

/** Days that follow one another as one: "Mon–Fri, Sun". */
function runs(days: readonly Day[]): string {
  const found: Day[][] = [];
  for (const day of days) {
    const last = found.at(-1);
    if (last && DAYS.indexOf(last.at(-1) as Day) === DAYS.indexOf(day) - 1) last.push(day);
    else found.push([day]);
  }
  return found
    .map((run) => [run[0], run.length > 1 ? run.at(-1) : undefined].flatMap((day) => (day ? [t.days[day]] : [])))
    .map((ends) => ends.join("–"))
    .join(", ");
}

const text = (value: Json | undefined): string => (typeof value === "string" && value ? value : t.unset);

/** Within a sentence a title begins small, unless it is an abbreviation. */
function named(metric: Json | undefined, known: Known): string {
  const key = text(metric);
  const title = known(key)?.title ?? key;
  return /^\p{Lu}[^\p{Ll}]/u.test(title) || title.length < 2 ? title : title.charAt(0).toLowerCase() + title.slice(1);
}
