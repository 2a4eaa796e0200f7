/** A chart in words. */

import { number, unit } from "../format/numbers";
import { texts as t } from "../texts";
import { instant } from "./axes";
import { type Band, type Mark, type Series, extent, isGap, last, nearest } from "./points";

/** A value of a series with its unit. */
export function valued(series: Series, value: number | null | undefined): string {
  if (value === null || value === undefined || Number.isNaN(value)) return t.values.none;
  if (series.switches) return value === 0 ? t.values.no : value === 1 ? t.values.yes : number(value, 2);
  const digits = series.precision ?? null;
  return `${number(value, digits)} ${unit(series.unit)}`.trim();
}

/** What a chart shows, for who does not see it: of each line the last value, the least, the greatest, and the gaps. */
export function summary(all: readonly Series[], from: number, to: number, zone: string | undefined): string {
  const lines = all.map((series) => {
    const reach = extent(series.points, from, to);
    const newest = last(series.points);
    if (!reach || !newest) return t.charts.said.nothing(series.label);
    const { ts } = series.points;
    let gaps = 0;
    for (let at = 0; at + 1 < ts.length; at++) if (isGap(series.points, at)) gaps++;
    const [least, most] = reach.map((value) => valued(series, value)) as [string, string];
    return t.charts.said.line(series.label, valued(series, newest.value), least, most, gaps);
  });
  return [t.charts.said.range(instant(from, zone), instant(to, zone)), ...lines].join(" ");
}

export interface Pointed {
  /** By series: the index of the point, and -1 where there is none. */
  readonly at: readonly number[];
  readonly values: readonly string[];
  /** What stood or happened there. */
  readonly notes: readonly string[];
}

/** What is at a time, `reach` ms to both sides. */
export function pointed(
  all: readonly Series[],
  bands: readonly Band[],
  marks: readonly Mark[],
  when: number,
  reach: number,
): Pointed {
  const at = all.map(({ points }) => nearest(points, when, Math.max(reach, (points.gap ?? 0) / 2)));
  const values = all.map((series, index) => {
    const place = at[index] as number;
    if (place < 0) return t.values.none;
    const { avg, min, max } = series.points;
    const value = valued(series, avg[place]);
    const [least, most] = [min?.[place], max?.[place]];
    const spread = least != null && most != null && most > least && !series.switches;
    return spread
      ? `${value} (${valued({ ...series, unit: null }, least)} – ${valued({ ...series, unit: null }, most)})`
      : value;
  });
  const notes = [
    ...bands
      .filter(({ from, to }) => from - reach <= when && (to === null || when <= to + reach))
      .map(({ label }) => label),
    ...marks.filter((mark) => Math.abs(mark.at - when) <= reach).map(({ label }) => label),
  ];
  return { at, values, notes: [...new Set(notes)] };
}
