/** What a line is drawn of: readings, or bins of them, by column. Times are milliseconds since the Unix epoch. */

type Numbers = ArrayLike<number | null>;

/** In the order of time. Where there is no number, `avg` has null or NaN. */
export interface Points {
  readonly ts: ArrayLike<number>;
  readonly avg: Numbers;
  /** The least and the greatest within a bin. */
  readonly min?: Numbers | undefined;
  readonly max?: Numbers | undefined;
  /** How long a bin is; none or 0: readings as they are. A bin's `ts` is its beginning. */
  readonly bin?: number | undefined;
  /** Nothing for longer than so many ms is a gap, and no line leads across; without it, none is. */
  readonly gap?: number | undefined;
}

export const NONE: Points = { ts: [], avg: [] };

/** A line of a chart. */
export interface Series {
  readonly label: string;
  /** A UCUM code. */
  readonly unit?: string | null | undefined;
  /** Digits behind the point. */
  readonly precision?: number | null | undefined;
  readonly points: Points;
  /** 1 to 8: its colour, and its dashes, so that no line is known by its colour alone. */
  readonly color: number;
  /** Of an earlier time, beside the line of the same colour. */
  readonly earlier?: boolean | undefined;
  /** A value holds until the next: switches. */
  readonly stepped?: boolean | undefined;
  /** Its values are on and off. */
  readonly switches?: boolean | undefined;
  /** The last that is known, even if it is no part of the points; the key tells it with its age. */
  readonly newest?: { readonly at: number; readonly text: string } | undefined;
  /** Where its name leads to. */
  readonly href?: string | undefined;
}

export interface Band {
  readonly from: number;
  /** null: still going on. */
  readonly to: number | null;
  readonly label: string;
  readonly severity: "critical" | "major" | "minor" | "warning" | "info";
}

export interface Mark {
  readonly at: number;
  readonly label: string;
}

export interface Threshold {
  readonly value: number;
  readonly label: string;
}

/** The first index whose time is not before `at`. */
export function firstFrom(ts: ArrayLike<number>, at: number): number {
  let low = 0;
  let high = ts.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((ts[middle] as number) < at) low = middle + 1;
    else high = middle;
  }
  return low;
}

export const isNumber = (value: number | null | undefined): value is number => value != null && !Number.isNaN(value);

/** Whether between a point and the next one nothing was heard for too long. */
export function isGap(points: Points, at: number): boolean {
  const { ts, bin = 0, gap } = points;
  return gap !== undefined && (ts[at + 1] as number) - (ts[at] as number) - bin > gap;
}

/** The index of the point that stands for a time: the bin it lies in, or the nearest reading that is not a gap away; -1. */
export function nearest(points: Points, at: number, reach: number): number {
  const { ts, bin = 0 } = points;
  const after = firstFrom(ts, at);
  let best = -1;
  let distance = reach;
  for (const index of [after - 1, after]) {
    if (index < 0 || index >= ts.length || !isNumber(points.avg[index])) continue;
    const start = ts[index] as number;
    const away = at < start ? start - at : Math.max(0, at - start - bin);
    if (away <= distance) {
      best = index;
      distance = away;
    }
  }
  return best;
}

/** The least and greatest within `[from, to]`; null where nothing is. */
export function extent(points: Points, from: number, to: number): [number, number] | null {
  const { ts, avg, bin = 0 } = points;
  const { min = avg, max = avg } = points;
  let low = Infinity;
  let high = -Infinity;
  for (let at = firstFrom(ts, from - bin); at < ts.length && (ts[at] as number) <= to; at++) {
    const least = min[at];
    const most = max[at];
    if (isNumber(least) && least < low) low = least;
    if (isNumber(most) && most > high) high = most;
  }
  return low <= high ? [low, high] : null;
}

/** The newest number. */
export function last(points: Points): { at: number; value: number } | null {
  for (let at = points.ts.length - 1; at >= 0; at--) {
    const value = points.avg[at];
    if (isNumber(value)) return { at: points.ts[at] as number, value };
  }
  return null;
}
