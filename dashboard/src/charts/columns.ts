/** Points that grow at the end and are dropped at the beginning, without a new array for each. */

import { type Points, firstFrom } from "./points";

const LEAST = 256;

/** As it is kept: rows of ts, avg, min, max and count. */
export interface Kept {
  readonly bin: number;
  readonly gap: number | null;
  readonly rows: readonly (readonly [number, number | null, number | null, number | null, number])[];
}

export class Columns {
  readonly bin: number;
  readonly gap: number | undefined;
  #ts: Float64Array;
  #avg: Float64Array;
  #min: Float64Array;
  #max: Float64Array;
  #count: Float64Array;
  #first = 0;
  #end = 0;

  /** With a bin, what is added is summed up into bins of that length that begin at multiples of it. */
  constructor({ bin = 0, gap, room = LEAST }: { bin?: number; gap?: number | undefined; room?: number } = {}) {
    this.bin = bin;
    this.gap = gap;
    const size = Math.max(LEAST, room);
    this.#ts = new Float64Array(size);
    this.#avg = new Float64Array(size);
    this.#min = new Float64Array(size);
    this.#max = new Float64Array(size);
    this.#count = new Float64Array(size);
  }

  get length(): number {
    return this.#end - this.#first;
  }

  /** Views of what is there now, and no copies: they are good until the next change. */
  get points(): Points {
    const { bin, gap } = this;
    const part = (column: Float64Array) => column.subarray(this.#first, this.#end);
    const known = { ts: part(this.#ts), avg: part(this.#avg), bin, ...(gap !== undefined && { gap }) };
    return bin ? { ...known, min: part(this.#min), max: part(this.#max) } : known;
  }

  /** A bin as the server has it, or a reading; NaN where there is no number. In any order; the last said of a time counts. */
  put(ts: number, avg: number, min = avg, max = avg, count = 1): void {
    const at = this.#place(ts);
    this.#avg[at] = avg;
    this.#min[at] = min;
    this.#max[at] = max;
    this.#count[at] = count;
  }

  /** A reading that has just come. */
  add(ts: number, value: number): void {
    if (!this.bin) return this.put(ts, value);
    const start = ts - (ts % this.bin);
    const at = this.#place(start);
    const count = this.#count[at] as number;
    const known = count > 0 && !Number.isNaN(this.#avg[at]);
    if (Number.isNaN(value)) {
      if (!known) this.put(start, value);
      return;
    }
    if (!known) return this.put(start, value);
    this.#avg[at] = ((this.#avg[at] as number) * count + value) / (count + 1);
    if (value < (this.#min[at] as number)) this.#min[at] = value;
    if (value > (this.#max[at] as number)) this.#max[at] = value;
    this.#count[at] = count + 1;
  }

  /** Forgets what ended before a time. */
  dropBefore(at: number): void {
    this.#first += firstFrom(this.#ts.subarray(this.#first, this.#end), at - this.bin);
  }

  static of({ bin, gap, rows }: Kept): Columns {
    const made = new Columns({ bin, gap: gap ?? undefined, room: rows.length });
    for (const [ts, avg, min, max, count] of rows) made.put(ts, avg ?? NaN, min ?? NaN, max ?? NaN, count);
    return made;
  }

  plain(): Kept {
    const { bin, gap = null } = this;
    const number = (value: number | undefined) => (value === undefined || Number.isNaN(value) ? null : value);
    const rows = Array.from({ length: this.length }, (_, index) => {
      const at = this.#first + index;
      const [ts, count] = [this.#ts[at] as number, this.#count[at] as number];
      return [ts, number(this.#avg[at]), number(this.#min[at]), number(this.#max[at]), count] as const;
    });
    return { bin, gap, rows };
  }

  /** The index of a time, which is made where there is none; its count is then 0. */
  #place(ts: number): number {
    if (this.length === 0 || ts > (this.#ts[this.#end - 1] as number)) {
      this.#make();
      return this.#open(this.#end - 1, ts);
    }
    const at = this.#first + firstFrom(this.#ts.subarray(this.#first, this.#end), ts);
    if (this.#ts[at] === ts) return at;
    const within = at - this.#first;
    this.#make();
    const place = this.#first + within;
    for (const column of this.#columns()) column.copyWithin(place + 1, place, this.#end - 1);
    return this.#open(place, ts);
  }

  #open(at: number, ts: number): number {
    this.#ts[at] = ts;
    this.#count[at] = 0;
    return at;
  }

  /** Room for one more at the end: by moving to the front where half is free, else in arrays twice as long. */
  #make(): void {
    const size = this.#ts.length;
    if (this.#end === size) {
      const wider = this.#first < size / 2 ? size * 2 : size;
      const moved = this.#columns().map((column) => {
        if (wider === size) return column.copyWithin(0, this.#first, this.#end);
        const made = new Float64Array(wider);
        made.set(column.subarray(this.#first, this.#end));
        return made;
      });
      [this.#ts, this.#avg, this.#min, this.#max, this.#count] = moved as [
        Float64Array,
        Float64Array,
        Float64Array,
        Float64Array,
        Float64Array,
      ];
      this.#end -= this.#first;
      this.#first = 0;
    }
    this.#end++;
  }

  #columns(): Float64Array[] {
    return [this.#ts, this.#avg, this.#min, this.#max, this.#count];
  }
}
