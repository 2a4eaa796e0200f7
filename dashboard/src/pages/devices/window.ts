/** Which rows of a long list are drawn: those that are seen, and a few beside them. */

export interface Shown {
  readonly from: number;
  readonly to: number;
  /** Of the whole list, and of what is above what is drawn, px. */
  readonly height: number;
  readonly above: number;
}

const BESIDE = 6;
/** However tall the window is. */
const MOST = 50;

export function visible(count: number, row: number, top: number, height: number): Shown {
  const first = Math.min(Math.max(0, Math.floor(top / row)), Math.max(0, count - 1));
  const from = Math.max(0, first - BESIDE);
  const to = Math.min(count, from + MOST, Math.ceil((top + height) / row) + BESIDE);
  return { from, to: Math.max(from, to), height: count * row, above: from * row };
}
