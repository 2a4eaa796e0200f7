/** Times as people read them. All are milliseconds since the Unix epoch. */

import { texts as t } from "../texts";

const UNITS: readonly (readonly [Intl.RelativeTimeFormatUnit, number])[] = [
  ["second", 1000],
  ["minute", 60_000],
  ["hour", 3_600_000],
  ["day", 86_400_000],
  ["month", 2_629_800_000],
  ["year", 31_557_600_000],
];

const relative = new Intl.RelativeTimeFormat(undefined, { numeric: "auto", style: "short" });

/** "12 sec. ago", "in 5 min."; within a second of now "now". */
export function ago(at: number, now: number): string {
  const by = at - now;
  if (Math.abs(by) < 1000) return t.times.now;
  let chosen = UNITS[0] as (typeof UNITS)[number];
  for (const unit of UNITS) if (Math.abs(by) >= unit[1]) chosen = unit;
  return relative.format(Math.trunc(by / chosen[1]), chosen[0]);
}

const zones = new Map<string, string | undefined>();

/** The name of a zone, which may be anybody's text; undefined of one that this browser does not know, for its own. */
export function known(zone: string | undefined): string | undefined {
  if (!zone) return undefined;
  if (!zones.has(zone)) zones.set(zone, named(zone));
  return zones.get(zone);
}

function named(zone: string): string | undefined {
  try {
    return new Intl.DateTimeFormat(undefined, { timeZone: zone }).resolvedOptions().timeZone;
  } catch {
    return undefined;
  }
}

/** As `datetime` of a `<time>`; undefined of what is no time. */
export function iso(at: number): string | undefined {
  const date = new Date(at);
  return Number.isNaN(date.getTime()) ? undefined : date.toISOString();
}

const absolutes = new Map<string, Intl.DateTimeFormat>();

/** The date and the second, with the zone's name; in the browser's zone, or that one. */
export function absolute(at: number, wanted?: string): string {
  if (iso(at) === undefined) return `${at} ms`;
  const zone = known(wanted);
  const key = zone ?? "";
  let format = absolutes.get(key);
  if (!format) {
    format = new Intl.DateTimeFormat(undefined, {
      dateStyle: "medium",
      timeStyle: "medium",
      ...(zone && { timeZone: zone }),
    });
    absolutes.set(key, format);
  }
  return `${format.format(at)} ${zone === "UTC" ? "UTC" : ""}`.trim();
}

/** 90 s → "1 min 30 s"; the two largest units. */
export function duration(ms: number): string {
  const parts: string[] = [];
  let left = Math.round(Math.abs(ms) / 1000);
  for (const [unit, seconds] of [
    ["d", 86_400],
    ["h", 3_600],
    ["min", 60],
    ["s", 1],
  ] as const) {
    const count = Math.floor(left / seconds);
    left -= count * seconds;
    if (count) parts.push(`${number(count)} ${unit}`);
    if (parts.length === 2) break;
  }
  return parts.join(" ") || "0 s";
}

const number = (count: number) => new Intl.NumberFormat().format(count);
