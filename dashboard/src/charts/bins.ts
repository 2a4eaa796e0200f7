/** How long bins are, so that no more are asked for than there are pixels, and when a silence is a gap. */

import { STALE_INTERVALS } from "../state/standing";

const S = 1000;
const M = 60 * S;
const H = 60 * M;
const D = 24 * H;

/** Lengths that divide a day, so that bins begin where people look for them. */
export const LENGTHS: readonly number[] = [
  100,
  200,
  500,
  ...[1, 2, 5, 10, 15, 30].map((n) => n * S),
  ...[1, 2, 5, 10, 15, 30].map((n) => n * M),
  ...[1, 2, 3, 6, 12].map((n) => n * H),
  ...[1, 2, 7, 14, 28, 91].map((n) => n * D),
];

/** A page of the API's. */
export const MOST = 1000;
/** A range that begins and ends within bins has one more. */
const EDGE = 1;

export interface Choice {
  /** null: the readings themselves. */
  readonly bin: number | null;
  /** Of these no more than so many are looked at before bins are asked for instead. */
  readonly most: number;
}

/** The least length with no more bins than pixels, nor than fit on a page. */
export function binOf(range: number, pixels: number): number {
  const most = Math.max(1, Math.min(Math.floor(pixels), MOST) - EDGE);
  const fits = LENGTHS.find((length) => range <= length * most);
  if (fits !== undefined) return fits;
  const longest = LENGTHS[LENGTHS.length - 1] as number;
  return Math.ceil(range / most / longest) * longest;
}

/** Readings only where no more are expected than there are pixels. `interval` is what the model expects, null unknown. */
export function choose(range: number, pixels: number, interval: number | null): Choice {
  const most = Math.max(1, Math.min(Math.floor(pixels), MOST));
  const expected = interval ? range / interval : Infinity;
  return { bin: expected <= most ? null : binOf(range, pixels), most };
}

/** As a device counts for stale. */
export const gapOf = (interval: number): number => STALE_INTERVALS * interval;

/** Where no model says how often: three times what is usual between two, or undefined of fewer than three. */
export function usualGap(ts: ArrayLike<number>, bin: number): number | undefined {
  if (ts.length < 3) return undefined;
  const between = Array.from({ length: ts.length - 1 }, (_, at) => (ts[at + 1] as number) - (ts[at] as number));
  between.sort((a, b) => a - b);
  return STALE_INTERVALS * Math.max(bin, between[Math.floor(between.length / 2)] as number);
}
