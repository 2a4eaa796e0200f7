/** What the page shows, as its address has it: `s=device:metric` for each line, `vs=1d`, `view=table`, `hide=alarms`. */

import { lengthOf } from "../../charts/range";

export const MOST_LINES = 8;

export interface Line {
  readonly device: string;
  readonly metric: string;
}

export const keyOf = ({ device, metric }: Line): string => `${device}:${metric}`;

/** Each once, in their order, no more than there are colours for. */
export function linesOf(query: URLSearchParams): Line[] {
  const found = new Map<string, Line>();
  for (const text of query.getAll("s")) {
    const colon = text.indexOf(":");
    const line = { device: text.slice(0, colon), metric: text.slice(colon + 1) };
    if (colon > 0 && line.metric) found.set(keyOf(line), line);
  }
  return [...found.values()].slice(0, MOST_LINES);
}

/** The address with these lines; all else in it stays. */
export function withLines(search: string, lines: readonly Line[]): string {
  const next = new URLSearchParams(search);
  next.delete("s");
  for (const line of lines) next.append("s", keyOf(line));
  return `?${next.toString()}`;
}

export const COMPARED = ["1d", "7d", "28d"] as const;

/** How much earlier the time is that it is compared with, ms; null: with none. */
export const earlierBy = (query: URLSearchParams): number | null => lengthOf(query.get("vs") ?? "");

export const KINDS = ["alarms", "events"] as const;
export type Kind = (typeof KINDS)[number];

export function hidden(query: URLSearchParams): ReadonlySet<string> {
  return new Set((query.get("hide") ?? "").split(","));
}
