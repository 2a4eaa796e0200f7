/** A rule's document as the editor holds it: plain JSON, changed by making a new one, so that nothing else is touched. */

import { type Kind, kindOf } from "../../format/conditions";
import { durationOf, withDuration } from "../../format/durations";
import type { Json, JsonObject } from "../../parts/schema/schema";
import { isObject } from "../../parts/schema/schema";

export const SEVERITIES = ["critical", "major", "minor", "warning", "info"] as const;
export type Severity = (typeof SEVERITIES)[number];

/** With that key where it stood, or at the end; undefined takes it out. */
export function withKey(document: JsonObject, key: string, value: Json | undefined): JsonObject {
  if (value !== undefined) return { ...document, [key]: value };
  return Object.fromEntries(Object.entries(document).filter(([one]) => one !== key));
}

/** With another key and value in the place of the keys that are named. */
export function replaced(document: JsonObject, keys: readonly string[], key: string, value: Json): JsonObject {
  const entries = Object.entries(document);
  const at = entries.findIndex(([one]) => keys.includes(one));
  const rest = entries.filter(([one]) => !keys.includes(one) && one !== key);
  rest.splice(at < 0 ? rest.length : Math.min(at, rest.length), 0, [key, value]);
  return Object.fromEntries(rest);
}

/** The same to JSON, whatever the order of keys. */
export function same(one: Json | undefined, other: Json | undefined): boolean {
  if (Array.isArray(one) && Array.isArray(other)) {
    return one.length === other.length && one.every((item: Json, at) => same(item, other[at] as Json));
  }
  if (!isObject(one) || !isObject(other)) return Object.is(one, other);
  const keys = Object.keys(one);
  return (
    keys.length === Object.keys(other).length &&
    keys.every((key) => Object.hasOwn(other, key) && same(one[key], other[key]))
  );
}

/** The severities of a rule: itself where it has one, or its bands. `at` is the path that problems have. */
export interface Band {
  readonly at: string;
  readonly band: JsonObject;
}

export function bandsOf(document: JsonObject): Band[] {
  const { bands } = document;
  if (bands === undefined) return [{ at: "", band: document }];
  const list = Array.isArray(bands) ? (bands as readonly Json[]) : [];
  return list.map((band, index) => ({ at: `bands[${index}].`, band: isObject(band) ? band : {} }));
}

const OF_BAND = ["severity", "when", "clear", "clear_after", "clear_after_ms"];

/** With that band in the place of the one at an index. */
export function withBand(document: JsonObject, index: number, band: JsonObject): JsonObject {
  const { bands } = document;
  if (!Array.isArray(bands)) return band;
  return { ...document, bands: (bands as readonly Json[]).map((one, at) => (at === index ? band : one)) };
}

/** One more severity: the next that is not used yet. A rule with one becomes a rule with bands. */
export function withAnotherBand(document: JsonObject): JsonObject {
  const known = bandsOf(document).map(({ band }) => pick(band, OF_BAND));
  const used = known.map(({ severity }) => severity);
  const severity = SEVERITIES.find((one) => !used.includes(one)) ?? "info";
  const when = known.at(-1)?.["when"] ?? blank("comparison");
  const bands = [...known, { severity, when }];
  return document["bands"] === undefined ? replaced(document, OF_BAND, "bands", bands) : { ...document, bands };
}

/** Of the last one left its keys stand in the rule itself again. */
export function withoutBand(document: JsonObject, index: number): JsonObject {
  const left = bandsOf(document)
    .map(({ band }) => band)
    .filter((_, at) => at !== index);
  if (left.length !== 1) return { ...document, bands: left };
  const entries = Object.entries(document).flatMap(([key, value]) =>
    key === "bands" ? Object.entries(left[0] as JsonObject) : [[key, value] as const],
  );
  return Object.fromEntries(entries);
}

function pick(document: JsonObject, keys: readonly string[]): JsonObject {
  return Object.fromEntries(Object.entries(document).filter(([key]) => keys.includes(key)));
}

/**
 * As people write it: what is kept has `clear_after: 5m` spelled out, as "not `when` for 5 minutes", and would stay
 * behind when `when` is changed.
 */
export function asWritten(document: JsonObject): JsonObject {
  const shortened = (band: JsonObject): JsonObject => {
    const { clear, when } = band;
    const ms = isObject(clear) ? durationOf(clear, "for") : undefined;
    if (!isObject(clear) || !isObject(when) || !ms || !same(withoutWait(when), clear["not"])) return band;
    return replaced(band, ["clear"], "clear_after_ms", ms);
  };
  const { bands } = document;
  if (!Array.isArray(bands)) return shortened(document);
  return { ...document, bands: (bands as readonly Json[]).map((band) => (isObject(band) ? shortened(band) : band)) };
}

/** A condition without its own wait. */
function withoutWait(condition: JsonObject): JsonObject {
  const kind = kindOf(condition);
  if (kind === "no_data") return condition;
  const plain = withDuration(condition, "for", undefined);
  return kind === "comparison" ? withKey(withKey(plain, "count", undefined), "of", undefined) : plain;
}

/** A new condition of a kind. */
export function blank(kind: Kind, metric = ""): JsonObject {
  switch (kind) {
    case "comparison":
      return { metric, above: null };
    case "attribute":
      return { attribute: "", equals: "" };
    case "changes":
      return { metric, changes: true };
    case "no_data":
      return { no_data: true, for_ms: 900_000 };
    case "online":
      return { online: false, for_ms: 600_000 };
    case "geofence":
      return { geofence: { circle: { latitude: null, longitude: null, radius_m: 200 } }, is: "outside" };
    case "schedule":
      return {
        schedule: [{ days: ["mon", "tue", "wed", "thu", "fri"], from: "08:00", to: "18:00" }],
        zone: Intl.DateTimeFormat().resolvedOptions().timeZone,
      };
    case "all":
    case "any":
      return { [kind]: [blank("comparison", metric)] };
    case "not":
      return { not: blank("comparison", metric) };
    default:
      return {};
  }
}

/** What a new rule may begin with. */
export const BEGINNINGS = {
  threshold: () => ({ severity: "major", when: { metric: "", above: null, for_ms: 300_000 } }),
  silence: () => ({ severity: "minor", when: blank("no_data") }),
  offline: () => ({ severity: "minor", when: blank("online") }),
  leaving: () => ({ severity: "warning", when: { ...blank("geofence"), for_ms: 300_000 } }),
  night: () => ({
    severity: "warning",
    when: {
      all: [blank("no_data"), { ...blank("schedule"), schedule: [{ from: "22:00", to: "06:00" }] }],
    },
  }),
} as const satisfies Record<string, () => JsonObject>;
export type Beginning = keyof typeof BEGINNINGS;

export const begun = (beginning: Beginning): JsonObject => ({
  rule: "",
  title: "",
  scope: "*",
  ...BEGINNINGS[beginning](),
});

/** Of which devices; the name is empty for all of them. */
export function scopeParts(scope: Json | undefined): { kind: "*" | "model" | "group" | "device" | ""; name: string } {
  if (scope === "*") return { kind: "*", name: "" };
  const [kind, ...rest] = typeof scope === "string" ? scope.split(":") : [""];
  return kind === "model" || kind === "group" || kind === "device"
    ? { kind, name: rest.join(":") }
    : { kind: "", name: "" };
}

/** Every comparison with a number, wherever in the conditions; for lines on a chart. */
export function thresholdsOf(document: JsonObject): { metric: string; value: number; severity: string }[] {
  const found: { metric: string; value: number; severity: string }[] = [];
  for (const { band } of bandsOf(document)) {
    for (const leaf of leavesOf(band["when"])) {
      if (kindOf(leaf) !== "comparison" || durationOf(leaf, "rate_over") !== undefined) continue;
      if (leaf["aggregate"] === "count" || leaf["aggregate"] === "sum" || leaf["aggregate"] === "range") continue;
      for (const key of ["above", "below", "at_least", "at_most", "equals", "not_equals"]) {
        const value = leaf[key];
        if (typeof value === "number" && typeof leaf["metric"] === "string") {
          found.push({ metric: leaf["metric"], value, severity: String(band["severity"] ?? "") });
        }
      }
    }
  }
  return found;
}

/** The metrics that its conditions ask for, in the order in which they stand. */
export function metricsOf(document: JsonObject): string[] {
  const found = bandsOf(document).flatMap(({ band }) =>
    leavesOf(band["when"]).flatMap((leaf) => {
      const fence =
        kindOf(leaf) === "geofence" ? [leaf["latitude"] ?? "latitude", leaf["longitude"] ?? "longitude"] : [];
      const beside = Object.values(leaf).flatMap((value) =>
        isObject(value) && "metric" in value ? [value["metric"]] : [],
      );
      return [leaf["metric"], ...beside, ...fence].filter((one) => typeof one === "string" && one !== "");
    }),
  );
  return [...new Set(found as string[])];
}

function leavesOf(condition: Json | undefined): JsonObject[] {
  if (!isObject(condition)) return [];
  const kind = kindOf(condition);
  if (kind === "not") return leavesOf(condition["not"]);
  if (kind !== "all" && kind !== "any") return [condition];
  const parts = condition[kind];
  return Array.isArray(parts) ? (parts as readonly Json[]).flatMap(leavesOf) : [];
}

/** What an installed rule begins anew for: its conditions, and how old a value may be. */
export function startsAnew(before: JsonObject, after: JsonObject): boolean {
  const watched = (document: JsonObject): JsonObject => pick(document, [...OF_BAND, "bands", "stale_after_ms"]);
  return !same(watched(before), watched(after));
}

/** What a clear condition begins with: below where the rule is above, or else not what the rule is. */
export function opposite(when: Json | undefined): JsonObject {
  const SIDES = { above: "below", at_least: "below", below: "above", at_most: "above" } as const;
  if (kindOf(when) === "comparison" && isObject(when)) {
    const plain = pick(when, [
      "metric",
      ...Object.keys(SIDES),
      "rate_over",
      "rate_over_ms",
      "aggregate",
      "over",
      "over_ms",
    ]);
    for (const [side, other] of Object.entries(SIDES)) {
      if (Object.hasOwn(plain, side)) return replaced(plain, [side], other, plain[side] as Json);
    }
  }
  return { not: isObject(when) ? withoutWait(when) : blank("comparison") };
}

/** Enabled or not; that it is enabled goes without saying. */
export function switched(document: Readonly<Record<string, unknown>>, enabled: boolean): JsonObject {
  const known = document as JsonObject;
  return withKey(known, "enabled", enabled ? undefined : false);
}
