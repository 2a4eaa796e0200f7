/** History from the API, no finer than it can be drawn. */

import { type Document, api, ask } from "../api/api";
import { MOST, binOf, choose, gapOf, usualGap } from "./bins";
import { Columns } from "./columns";

export interface Wish {
  readonly device: string;
  readonly metric: string;
  readonly from: number;
  readonly to: number;
  /** How wide it is drawn, in CSS pixels. */
  readonly pixels: number;
  /** How often the model expects a reading, in ms; null: no model says. */
  readonly interval: number | null;
  readonly signal?: AbortSignal | undefined;
}

type Row = Document<Awaited<ReturnType<typeof page>>>["items"][number];

export interface Loaded {
  readonly columns: Columns;
  /** Texts, which no line can show, by their time; of bins the last of each. */
  readonly texts: readonly { readonly at: number; readonly text: string }[];
  /** There was a boolean: on is 1, off is 0. */
  readonly switches: boolean;
}

function page({ device, metric, from, to, signal }: Wish, bin: number | null, cursor: string | null, limit: number) {
  const query = {
    metric: [metric],
    from: String(Math.floor(from)),
    to: String(Math.ceil(to)),
    limit,
    ...(bin !== null && { bin: `${bin}ms`, agg: ["min", "max", "avg", "last", "count"] }),
    ...(cursor !== null && { cursor }),
  };
  return ask(api.GET("/devices/{id}/telemetry", { params: { path: { id: device }, query }, signal: signal ?? null }));
}

/** All rows; null where there are more than `most`. */
async function rows(wish: Wish, bin: number | null, most: number): Promise<Row[] | null> {
  const found: Row[] = [];
  let cursor: string | null = null;
  do {
    const answer: { items: Row[]; cursor: string | null } = await page(wish, bin, cursor, MOST);
    found.push(...answer.items);
    if (found.length > most) return null;
    cursor = answer.cursor;
  } while (cursor !== null);
  return found;
}

/** Of devices that send more often than their model says: how often at least. Saves asking in vain again. */
const denser = new Map<string, number>();

/** Readings where there are no more of them than pixels, else the least, greatest and average of each bin. */
export async function loadSeries(wish: Wish): Promise<Loaded> {
  const range = wish.to - wish.from;
  const name = `${wish.device}:${wish.metric}`;
  const { bin, most } = choose(range, wish.pixels, denser.get(name) ?? wish.interval);
  if (bin === null) {
    const readings = await rows(wish, null, most);
    if (readings) return loaded(readings, 0, wish.interval);
    denser.set(name, range / (most + 1));
  }
  const length = bin ?? binOf(range, wish.pixels);
  return loaded((await rows(wish, length, Infinity)) ?? [], length, wish.interval);
}

/**
 * Adds what came at `wish.from` and later to columns that end there, in their bins. False where it is more than is drawn
 * of a whole range: then all is to be read.
 */
export async function loadTail(wish: Wish, columns: Columns): Promise<boolean> {
  const found = await rows(wish, columns.bin || null, Math.max(1, Math.min(wish.pixels, MOST)));
  for (const row of found ?? []) put(columns, row);
  return found !== null;
}

/** What was asked for, as columns. */
export function loaded(found: readonly Row[], bin: number, interval: number | null): Loaded {
  const gap = interval
    ? gapOf(interval)
    : usualGap(
        found.map(({ ts }) => ts),
        bin,
      );
  const columns = new Columns({ bin, gap, room: found.length * 2 });
  const texts: { at: number; text: string }[] = [];
  let switches = false;
  for (const row of found) {
    const value = "value" in row ? row.value : row.last;
    if (typeof value === "string") texts.push({ at: row.ts, text: value });
    if (typeof value === "boolean") switches = true;
    put(columns, row);
  }
  return { columns, texts, switches };
}

function put(columns: Columns, row: Row): void {
  if ("value" in row) return columns.put(row.ts, numeric(row.value));
  const known = numeric(row.avg ?? row.last);
  columns.put(row.ts, known, row.min ?? known, row.max ?? known, row.count ?? 1);
}

/** On is 1, off is 0, and what is no number NaN. */
export function numeric(value: unknown): number {
  if (typeof value === "boolean") return value ? 1 : 0;
  return typeof value === "number" ? value : NaN;
}
