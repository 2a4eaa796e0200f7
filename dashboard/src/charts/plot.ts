/**
 * A chart on uPlot: its scales, axes and crosshair are uPlot's, the lines are our own, since each line has its own times
 * and gaps. Imported with the first chart that is shown, and not before.
 */

import "uplot/dist/uPlot.min.css";

import uPlot from "uplot";

import { number } from "../format/numbers";
import { texts as t } from "../texts";
import { span, timeLabels } from "./axes";
import { drawBands, drawMarks, drawSeries, drawThresholds, within } from "./draw";
import { type Band, type Mark, type Series, type Threshold, extent } from "./points";
import type { Frame } from "./reduce";
import { type Theme, theme } from "./theme";

export interface Shown {
  readonly series: readonly Series[];
  readonly from: number;
  readonly to: number;
  readonly bands: readonly Band[];
  readonly marks: readonly Mark[];
  readonly thresholds: readonly Threshold[];
  readonly zone: string | undefined;
}

export interface Told {
  /** Where the pointer is, in ms; null: not over it. */
  crosshair(at: number | null): void;
  /** After each draw, with how long it took. */
  drawn?(ms: number): void;
}

/** Of a y axis' labels, in CSS pixels. */
const DIGIT_PX = 7;
const NARROW_PX = 500;

export class Plot {
  #shown: Shown;
  #theme: Theme = theme();
  #frame = 0;
  /** The pointer is over this one: it says where the crosshair is. Else `point` does. */
  #hovered = false;
  #at: number | null = null;
  readonly #u: uPlot;
  readonly #told: Told;

  constructor(host: HTMLElement, size: { width: number; height: number }, shown: Shown, told: Told) {
    this.#shown = shown;
    this.#told = told;
    this.#u = new uPlot(this.#options(size), this.#data(), host);
    this.#u.over.addEventListener("pointerenter", () => (this.#hovered = true));
    this.#u.over.addEventListener("pointerleave", ({ pointerType }) => {
      // A finger that is lifted leaves the crosshair where it was.
      if (pointerType === "touch") return;
      this.#hovered = false;
      told.crosshair(null);
    });
    this.#draw();
  }

  /** What takes the pointer. */
  get over(): HTMLElement {
    return this.#u.over;
  }

  /** From the next frame on, however often it is called until then; in a hidden tab when somebody looks again. */
  show(shown: Shown): void {
    this.#shown = shown;
    this.#frame ||= requestAnimationFrame(() => {
      this.#frame = 0;
      this.#draw();
    });
  }

  rethemed(): void {
    this.#theme = theme();
    this.show(this.#shown);
  }

  resize(width: number, height: number): void {
    if (width !== this.#u.width || height !== this.#u.height) this.#u.setSize({ width, height });
  }

  /** Puts the crosshair where it is elsewhere; null: nowhere. */
  point(at: number | null): void {
    this.#at = at;
    if (this.#hovered) return;
    const left = at === null ? -1 : this.left(at);
    const isWithin = left >= 0 && left <= this.edge.width;
    this.#u.setCursor(isWithin ? { left, top: 0 } : { left: -10, top: -10 });
  }

  /** Where the plot lies in the chart, in CSS pixels. */
  get edge() {
    const { left, top, width, height } = this.#u.bbox;
    const ratio = uPlot.pxRatio;
    return { left: left / ratio, top: top / ratio, width: width / ratio, height: height / ratio };
  }

  /** In CSS pixels from the plot's left edge. */
  left(at: number): number {
    return this.#u.valToPos(at, "x");
  }

  /** From its upper edge. */
  top(value: number): number {
    return this.#u.valToPos(value, "y");
  }

  select(left: number, width: number): void {
    this.#u.setSelect({ left, width, top: 0, height: this.edge.height }, false);
  }

  destroy(): void {
    cancelAnimationFrame(this.#frame);
    this.#u.destroy();
  }

  #draw(): void {
    const begun = performance.now();
    const { series, from, to, thresholds } = this.#shown;
    const [low, high] = span(
      series.map(({ points }) => extent(points, from, to)),
      thresholds.map(({ value }) => value),
      series.length > 0 && series.every(({ switches }) => switches),
    );
    this.#u.batch(() => {
      this.#u.setData(this.#data(), false);
      this.#u.setScale("x", { min: from, max: to });
      this.#u.setScale("y", { min: low, max: high });
    });
    this.point(this.#at);
    this.#told.drawn?.(performance.now() - begun);
  }

  /** uPlot has the range alone; the lines are drawn from their own columns. */
  #data(): uPlot.AlignedData {
    return [
      [this.#shown.from, this.#shown.to],
      [null, null],
    ];
  }

  #place(u: uPlot): Frame {
    const { left, top, width, height } = u.bbox;
    const { x, y } = u.scales;
    return {
      left,
      top,
      width,
      height,
      from: x?.min ?? 0,
      to: x?.max ?? 1,
      low: y?.min ?? 0,
      high: y?.max ?? 1,
      ratio: uPlot.pxRatio,
    };
  }

  #behind(u: uPlot): void {
    const frame = this.#place(u);
    within(u.ctx, frame, () => drawBands(u.ctx, frame, this.#shown.bands, this.#theme, "tint"));
  }

  #before(u: uPlot): void {
    const frame = this.#place(u);
    const { series, bands, marks, thresholds } = this.#shown;
    within(u.ctx, frame, () => {
      drawBands(u.ctx, frame, bands, this.#theme, "bar");
      drawMarks(u.ctx, frame, marks, this.#theme);
      for (const one of series) if (one.earlier) drawSeries(u.ctx, frame, one, this.#theme);
      for (const one of series) if (!one.earlier) drawSeries(u.ctx, frame, one, this.#theme);
      drawThresholds(u.ctx, frame, thresholds, this.#theme);
    });
  }

  #options(size: { width: number; height: number }): uPlot.Options {
    const grid = { stroke: () => this.#theme.line, width: 1 };
    const axis: uPlot.Axis = {
      stroke: () => this.#theme.muted,
      font: `12px ${this.#theme.font}`,
      grid,
      ticks: { ...grid, size: 4 },
    };
    const isSwitch = () => this.#shown.series.length > 0 && this.#shown.series.every(({ switches }) => switches);
    return {
      ...size,
      ms: 1,
      legend: { show: false },
      padding: [10, 12, 0, 0],
      cursor: { y: false, drag: { x: false, y: false, setScale: false }, points: { show: false } },
      tzDate: (at) => (this.#shown.zone ? uPlot.tzDate(new Date(at), this.#shown.zone) : new Date(at)),
      scales: { x: { time: true, auto: false }, y: { auto: false } },
      series: [{}, { scale: "y", auto: false, paths: () => null, points: { show: false } }],
      axes: [
        {
          ...axis,
          space: 70,
          size: 30,
          gap: 4,
          values: (_u, splits, _axis, _space, step) => timeLabels(splits, step, this.#shown.zone),
        },
        {
          ...axis,
          splits: (_u, _axis, low, high, step) => (isSwitch() ? [0, 1] : steps(low, high, step)),
          values: (_u, splits, _axis, _space, step) =>
            isSwitch()
              ? splits.map((value) => (value ? t.values.yes : t.values.no))
              : splits.map((value) => number(value, digits(step))),
          size: (u, values) =>
            Math.max(
              u.width < NARROW_PX ? 44 : 60,
              16 + DIGIT_PX * Math.max(0, ...(values ?? []).map(({ length }) => length)),
            ),
        },
      ],
      hooks: {
        drawClear: [(u) => this.#behind(u)],
        draw: [(u) => this.#before(u)],
        setCursor: [
          (u) => {
            const { left = -1 } = u.cursor;
            if (this.#hovered && left >= 0) this.#told.crosshair(u.posToVal(left, "x"));
          },
        ],
      },
    };
  }
}

/** Every multiple of a step between two values. */
function steps(low: number, high: number, step: number): number[] {
  const first = Math.ceil(low / step);
  const count = Math.max(0, Math.floor(high / step) - first + 1);
  return Array.from({ length: count }, (_, at) => Number(((first + at) * step).toPrecision(12)));
}

/** 0.25 → 2: as many digits as tell the steps apart. */
function digits(step: number): number {
  const [, behind = ""] = String(step).split(".");
  return step < 1e-6 ? 6 : Math.min(6, behind.length);
}
