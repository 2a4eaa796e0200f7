/** The lines that are drawn: one chart for each unit. */

import { LiveSeries } from "../../charts/live-series.svelte";
import type { Band, Mark, Points, Series } from "../../charts/points";
import { shown, unit } from "../../format/numbers";
import { duration } from "../../format/times";
import { to } from "../../routing/router.svelte";
import { texts as t } from "../../texts";
import { type Line, keyOf } from "./query";
import { type Known, Source } from "./source.svelte";

export interface Drawn {
  readonly line: Line;
  readonly source: Source;
  readonly now: LiveSeries;
  readonly earlier: LiveSeries;
  readonly color: number;
}

export interface Group {
  readonly key: string;
  readonly title: string;
  readonly drawn: readonly Drawn[];
  readonly series: readonly Series[];
  readonly bands: readonly Band[];
  readonly marks: readonly Mark[];
}

const TEXT = "text";
const SWITCH = "switch";

export class Board {
  readonly #sources = new Map<string, Source>();
  readonly #lines = new Map<string, Pick<Drawn, "now" | "earlier">>();
  readonly drawn: readonly Drawn[] = $derived.by(() =>
    this.lines().map((line, at) => ({ line, source: this.#source(line.device), ...this.#series(line), color: at + 1 })),
  );
  readonly sources: readonly Source[] = $derived([...new Set(this.drawn.map(({ source }) => source))]);

  constructor(private readonly lines: () => readonly Line[]) {}

  /** Since when at least what is shown is old, where the API cannot be reached. */
  readonly oldSince: number | null = $derived.by(() => {
    const times = this.drawn.flatMap(({ now }) => (now.old && now.at !== null ? [now.at] : []));
    return times.length ? Math.min(...times) : null;
  });
  /** Why what is beside the lines could not be read. */
  readonly trouble = $derived.by(() => {
    const all = this.sources.flatMap(({ troubles }) => troubles).filter(({ failure }) => failure?.status !== 0);
    const failure = all[0]?.failure;
    return failure ? { failure, retry: () => all.forEach((one) => void one.load()) } : null;
  });

  again = (): void => {
    for (const { now, earlier } of this.drawn) {
      now.again();
      earlier.again();
    }
    for (const source of this.sources) source.load();
  };

  /** `by`: how much earlier what is drawn beside it is. */
  groups(by: number | null, hidden: ReadonlySet<string>): Group[] {
    const grouped = Map.groupBy(this.drawn, kindOf);
    return [...grouped].map(([key, drawn]) => {
      const sources = [...new Set(drawn.map(({ source }) => source))];
      const prefix = (source: Source) => (this.sources.length > 1 ? `${source.name}: ` : "");
      const titles = [...new Set(drawn.map(titleOf))];
      const shownUnit = unit(drawn[0]?.source.latest(drawn[0].line.metric)?.unit);
      const texts = drawn.flatMap((one) =>
        one.now.texts.map(({ at, text }) => ({ at, label: `${prefix(one.source)}${titleOf(one)}: ${text}` })),
      );
      return {
        key,
        // Of one device, whose name no line has.
        title: t.charts.chartTitle(
          titles.join(", "),
          shownUnit,
          this.sources.length === 1 ? (sources[0]?.name ?? null) : null,
        ),
        drawn,
        series: drawn.flatMap((one) => this.#seriesOf(one, prefix(one.source), by)),
        bands: hidden.has("alarms") ? [] : sources.flatMap((source) => source.bands(prefix(source))),
        marks: [...(hidden.has("events") ? [] : sources.flatMap((source) => source.marks(prefix(source)))), ...texts],
      };
    });
  }

  #seriesOf(one: Drawn, prefix: string, by: number | null): Series[] {
    const known = one.source.latest(one.line.metric);
    const switches = kindOf(one) === SWITCH;
    const series: Series = {
      label: prefix + titleOf(one),
      unit: known?.unit,
      precision: known?.precision,
      points: one.now.points,
      color: one.color,
      switches,
      stepped: switches,
      href: to.device(one.line.device),
      newest: known && { at: known.ts, text: textOf(known) },
    };
    if (by === null) return [series];
    const before = {
      href: undefined,
      newest: undefined,
      label: t.charts.earlier(series.label, duration(by)),
      points: later(one.earlier.points, by),
      earlier: true,
    };
    return [series, { ...series, ...before }];
  }

  #source(device: string): Source {
    let source = this.#sources.get(device);
    if (!source) this.#sources.set(device, (source = new Source(device)));
    return source;
  }

  #series(line: Line): Pick<Drawn, "now" | "earlier"> {
    const key = keyOf(line);
    let made = this.#lines.get(key);
    if (!made) {
      made = {
        now: new LiveSeries(line.device, line.metric, { keep: true }),
        earlier: new LiveSeries(line.device, line.metric),
      };
      made.earlier.live = false;
      this.#lines.set(key, made);
    }
    return made;
  }
}

export const titleOf = ({ source, line }: Drawn): string => source.latest(line.metric)?.title || line.metric;

function textOf({ value, precision, unit: code }: Known): string {
  const words = shown(value, precision, t.values);
  return typeof value === "number" ? `${words} ${unit(code)}`.trim() : words;
}

function kindOf({ source, line, now }: Drawn): string {
  const known = source.latest(line.metric);
  if (typeof known?.value === "boolean" || now.switches) return SWITCH;
  if (typeof known?.value === "string") return TEXT;
  return `unit ${known?.unit ?? ""}`;
}

const moved = new WeakMap<Points, { by: number; points: Points }>();

/** The same points so much later, once for each state of them. */
function later(points: Points, by: number): Points {
  const known = moved.get(points);
  if (known?.by === by) return known.points;
  const made = { ...points, ts: Float64Array.from(points.ts, (at) => at + by) };
  moved.set(points, { by, points: made });
  return made;
}
