/** Durations of rules, which write `for: 5m` or `for_ms: 300000`; see `contract.durations`. */

import type { JsonObject } from "../parts/schema/schema";

const UNITS_MS: Readonly<Record<string, number>> = {
  w: 604_800_000,
  d: 86_400_000,
  h: 3_600_000,
  m: 60_000,
  s: 1000,
  ms: 1,
};
const DURATION = /^(?:\d{1,15}(?:ms|[wdhms]))+$/;

/** "1h30m" → 5,400,000; null of what is no duration, or has a unit twice. */
export function milliseconds(text: string): number | null {
  if (!DURATION.test(text)) return null;
  const parts = [...text.matchAll(/(\d+)(ms|[wdhms])/g)];
  if (new Set(parts.map(([, , unit]) => unit)).size < parts.length) return null;
  return parts.reduce((sum, [, count, unit]) => sum + Number(count) * (UNITS_MS[unit as string] as number), 0);
}

/** The ms of `{key}_ms`, or of the text `{key}`; undefined without either, NaN where it is none. */
export function durationOf(document: JsonObject, key: string): number | undefined {
  const ms = document[`${key}_ms`];
  if (ms !== undefined) return typeof ms === "number" ? ms : NaN;
  const text = document[key];
  if (text === undefined) return undefined;
  return typeof text === "string" ? (milliseconds(text) ?? NaN) : NaN;
}

/** The document with that duration as `{key}_ms`, where it stood; undefined takes it out. */
export function withDuration(document: JsonObject, key: string, ms: number | undefined): JsonObject {
  const name = `${key}_ms`;
  const stood = Object.keys(document).some((one) => one === key || one === name);
  const entries = Object.entries(document).flatMap(([one, value]) => {
    if (one !== key && one !== name) return [[one, value] as const];
    return ms === undefined ? [] : [[name, ms] as const];
  });
  if (!stood && ms !== undefined) entries.push([name, ms]);
  return Object.fromEntries(entries);
}

const WORDS = [
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["min", 60_000],
  ["s", 1000],
  ["ms", 1],
] as const;

/** 5,400,000 → "1 h 30 min": all of it, since a rule goes by all of it. */
export function lasting(ms: number): string {
  let left = Math.round(ms);
  const parts: string[] = [];
  for (const [unit, size] of WORDS) {
    const count = Math.floor(left / size);
    left -= count * size;
    if (count) parts.push(`${count} ${unit}`);
  }
  return parts.join(" ") || "0 s";
}
