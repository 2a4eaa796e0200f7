/** The range of a chart, as the address spells it: `from=now-6h`, `from=yesterday`, or `from=…&to=…` in ms or RFC 3339. */

import type { Range } from "./gestures";
import { dayOf } from "./zones";

const UNITS: Readonly<Record<string, number>> = {
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
};

/** What is offered. */
export const RELATIVE = ["15m", "1h", "6h", "24h", "7d", "30d"] as const;
export const DEFAULT_MS = 3_600_000;
const MOST_MS = 10 * 366 * 86_400_000;

export type Span =
  | { readonly kind: "relative"; readonly ms: number }
  | { readonly kind: "yesterday" }
  | ({ readonly kind: "absolute" } & Range);

/** `6h` → 21,600,000; null of what is none. */
export function lengthOf(text: string): number | null {
  const found = /^([1-9]\d{0,8})([smhdw])$/.exec(text);
  if (!found) return null;
  const ms = Number(found[1]) * (UNITS[found[2] as string] as number);
  return ms <= MOST_MS ? ms : null;
}

/** The shortest text of it: 5,400,000 → `90m`. */
export function spelled(ms: number): string {
  for (const [unit, length] of Object.entries(UNITS).reverse()) {
    if (unit !== "w" && ms >= length && ms % length === 0) {
      const count = ms / length;
      // A day is said as 24 hours, as the buttons do.
      return unit === "d" && count === 1 ? "24h" : `${count}${unit}`;
    }
  }
  return `${Math.max(1, Math.round(ms / 1000))}s`;
}

function moment(text: string | null): number | null {
  if (!text) return null;
  const at = /^\d{1,15}$/.test(text) ? Number(text) : /[zZ]|[+-]\d{2}:?\d{2}$/.test(text) ? Date.parse(text) : NaN;
  return Number.isFinite(at) && at >= 0 && at < 8.64e15 ? at : null;
}

/** What cannot be read is the last hour: an address is nobody's form. */
export function parsed(from: string | null, to: string | null): Span {
  if (from === "yesterday") return { kind: "yesterday" };
  const ms = from?.startsWith("now-") ? lengthOf(from.slice("now-".length)) : null;
  if (ms !== null && (!to || to === "now")) return { kind: "relative", ms };
  const [start, end] = [moment(from), moment(to)];
  if (start !== null && end !== null && start < end && end - start <= MOST_MS) {
    return { kind: "absolute", from: start, to: end };
  }
  return { kind: "relative", ms: DEFAULT_MS };
}

/** As `from` and `to` of the address. */
export function written(span: Span): { from: string; to: string | null } {
  if (span.kind === "yesterday") return { from: "yesterday", to: null };
  if (span.kind === "relative") return { from: `now-${spelled(span.ms)}`, to: null };
  return { from: String(Math.round(span.from)), to: String(Math.round(span.to)) };
}

/** The times that it comes to, now and in that zone. */
export function resolved(span: Span, now: number, zone: string | undefined): Range {
  if (span.kind === "absolute") return { from: span.from, to: span.to };
  if (span.kind === "relative") return { from: now - span.ms, to: now };
  return { from: dayOf(now, zone, -1), to: dayOf(now, zone) };
}
