/** What is drawn, as a table: a row for each time, a column for each line, of bins with their least and greatest. */

import { type Series, firstFrom, isNumber } from "../../charts/points";
import { unit } from "../../format/numbers";

export interface Cell {
  readonly avg: number | null;
  readonly min: number | null;
  readonly max: number | null;
}

export interface Row {
  readonly at: number;
  readonly cells: readonly (Cell | null)[];
}

/** Within `[from, to]`, the newest first. What lies in the same `step` of ms shares a row, as far as the lines differ. */
export function rowsOf(all: readonly Series[], from: number, to: number, step = 1): Row[] {
  const rows: { at: number; cells: (Cell | null)[] }[] = [];
  const byTime = new Map<number, (Cell | null)[][]>();
  all.forEach(({ points }, column) => {
    const { ts, avg, min, max } = points;
    for (let at = firstFrom(ts, from); at < ts.length && (ts[at] as number) <= to; at++) {
      const value = avg[at];
      if (!isNumber(value)) continue;
      const when = ts[at] as number;
      const slot = Math.floor(when / step);
      const known = byTime.get(slot) ?? [];
      let cells = known.find((one) => one[column] === null);
      if (!cells) {
        cells = Array.from({ length: all.length }, () => null);
        byTime.set(slot, [...known, cells]);
        rows.push({ at: when, cells });
      }
      cells[column] = { avg: value, min: min?.[at] ?? null, max: max?.[at] ?? null };
    }
  });
  return rows.sort((a, b) => b.at - a.at);
}

/** For a file: the oldest first, times for people and for programs, numbers as they came. */
export function fileOf(all: readonly Series[], from: number, to: number, words: { min: string; max: string }) {
  const named = (series: Series) =>
    [series.label, unit(series.unit) && `[${unit(series.unit)}]`].filter(Boolean).join(" ");
  const isBinned = all.map(({ points }) => Boolean(points.bin));
  const header = all.flatMap((series, at) =>
    isBinned[at] ? [named(series), `${named(series)} ${words.min}`, `${named(series)} ${words.max}`] : [named(series)],
  );
  const rows = rowsOf(all, from, to)
    .reverse()
    .map(({ at, cells }) => [
      new Date(at).toISOString(),
      at,
      ...cells.flatMap((cell, column) => (isBinned[column] ? [cell?.avg, cell?.min, cell?.max] : [cell?.avg])),
    ]);
  return { header: ["time", "ts", ...header], rows };
}
