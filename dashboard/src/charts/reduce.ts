/**
 * Points as they come to stand on the pixels: no more than one column of a line for each. The columns are kept from draw
 * to draw, since a new array for each would have the browser stop to collect them.
 */

import { type Points, firstFrom, isNumber } from "./points";

/** Where a chart's canvas has its plot, and what it is of. */
export interface Frame {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
  readonly from: number;
  readonly to: number;
  readonly low: number;
  readonly high: number;
  /** Pixels of the canvas in one of CSS. */
  readonly ratio: number;
}

/** Of the columns up to `length`, in pixels of the canvas: where it enters and leaves, its lowest and highest place. */
export class Reduced {
  length = 0;
  /** Something is between the least and the greatest. */
  wide = false;
  x = new Float32Array(2048);
  enter = new Float32Array(2048);
  leave = new Float32Array(2048);
  upper = new Float32Array(2048);
  lower = new Float32Array(2048);
  /** 1: no line leads here from the one before. */
  apart = new Uint8Array(2048);

  /** For one more. */
  room(): void {
    if (this.length < this.x.length) return;
    for (const name of ["x", "enter", "leave", "upper", "lower"] as const) {
      const wider = new Float32Array(this[name].length * 2);
      wider.set(this[name]);
      this[name] = wider;
    }
    const apart = new Uint8Array(this.apart.length * 2);
    apart.set(this.apart);
    this.apart = apart;
  }
}

export function reduce(points: Points, frame: Frame, into: Reduced): void {
  const { ts, avg, bin = 0, gap = Infinity } = points;
  const { min = avg, max = avg } = points;
  const { left, top, width, height, from, to, low, high } = frame;
  const perMs = width / (to - from);
  const perUnit = height / (high - low || 1);
  const bottom = top + height;
  into.length = 0;
  into.wide = false;
  const first = Math.max(0, firstFrom(ts, from) - 1);
  const end = Math.min(ts.length, firstFrom(ts, to) + 1);
  let column = -Infinity;
  let at = -1;
  let before = NaN;
  for (let index = first; index < end; index++) {
    const value = avg[index];
    if (!isNumber(value)) {
      before = NaN;
      continue;
    }
    const start = ts[index] as number;
    const x = left + (start + bin / 2 - from) * perMs;
    const y = bottom - (value - low) * perUnit;
    const upper = bottom - ((max[index] ?? value) - low) * perUnit;
    const lower = bottom - ((min[index] ?? value) - low) * perUnit;
    const apart = !(start - before - bin <= gap);
    before = start;
    if (lower - upper > 0.5) into.wide = true;
    const here = Math.floor(x);
    // A gap of less than a pixel is none that could be seen.
    if (here === column) {
      into.leave[at] = y;
      if (upper < (into.upper[at] as number)) into.upper[at] = upper;
      if (lower > (into.lower[at] as number)) into.lower[at] = lower;
      continue;
    }
    column = here;
    into.room();
    at = into.length++;
    into.x[at] = x;
    into.enter[at] = into.leave[at] = y;
    into.upper[at] = upper;
    into.lower[at] = lower;
    into.apart[at] = apart ? 1 : 0;
  }
}
