/** Lines, bands and marks on a canvas. Colours, widths and texts come in; where to put them says the frame. */

import type { Band, Mark, Series, Threshold } from "./points";
import { type Frame, Reduced, reduce } from "./reduce";
import { type Theme, dashes } from "./theme";

const LINE_PX = 1.6;
const columns = new Reduced();

const xOf = (frame: Frame, at: number): number =>
  frame.left + ((at - frame.from) / (frame.to - frame.from)) * frame.width;
const yOf = (frame: Frame, value: number): number =>
  frame.top + frame.height - ((value - frame.low) / (frame.high - frame.low || 1)) * frame.height;

/** What draws does not leave the plot. */
export function within(ctx: CanvasRenderingContext2D, frame: Frame, draw: () => void): void {
  ctx.save();
  ctx.beginPath();
  ctx.rect(frame.left, frame.top, frame.width, frame.height);
  ctx.clip();
  draw();
  ctx.restore();
}

/** The least and greatest as an area, the average as a line; of readings too dense for pixels all that a column holds. */
export function drawSeries(ctx: CanvasRenderingContext2D, frame: Frame, series: Series, theme: Theme): void {
  const { ratio } = frame;
  reduce(series.points, frame, columns);
  if (columns.length === 0) return;
  const color = theme.series[(series.color - 1) % theme.series.length] ?? theme.text;
  const isBinned = Boolean(series.points.bin);
  ctx.strokeStyle = ctx.fillStyle = color;
  if (isBinned && columns.wide && !series.earlier) {
    ctx.globalAlpha = 0.2;
    ctx.fill(area());
    ctx.globalAlpha = 1;
  }
  ctx.globalAlpha = series.earlier ? 0.65 : 1;
  ctx.lineWidth = (series.earlier ? 1.2 : LINE_PX) * ratio;
  ctx.lineJoin = "round";
  const pattern = series.earlier ? [3, 4] : dashes(series.color);
  ctx.setLineDash(pattern.map((length) => length * ratio));
  ctx.stroke(line(series.stepped === true, isBinned));
  ctx.setLineDash([]);
  lonely(ctx, ratio);
  ctx.globalAlpha = 1;
}

function area(): Path2D {
  const { x, upper, lower, apart, length } = columns;
  const path = new Path2D();
  for (let first = 0; first < length;) {
    let end = first + 1;
    while (end < length && !apart[end]) end++;
    path.moveTo(x[first] as number, upper[first] as number);
    for (let at = first + 1; at < end; at++) path.lineTo(x[at] as number, upper[at] as number);
    for (let at = end - 1; at >= first; at--) path.lineTo(x[at] as number, lower[at] as number);
    path.closePath();
    first = end;
  }
  return path;
}

function line(stepped: boolean, isBinned: boolean): Path2D {
  const { x, enter, leave, upper, lower, apart, length } = columns;
  const path = new Path2D();
  for (let at = 0; at < length; at++) {
    const here = x[at] as number;
    const from = enter[at] as number;
    if (apart[at]) path.moveTo(here, from);
    else {
      if (stepped) path.lineTo(here, leave[at - 1] as number);
      path.lineTo(here, from);
    }
    const high = upper[at] as number;
    const low = lower[at] as number;
    if (!isBinned && low > high) {
      path.lineTo(here, low);
      path.lineTo(here, high);
    }
    const to = leave[at] as number;
    if (to !== from || (!isBinned && low > high)) path.lineTo(here, to);
  }
  return path;
}

/** A point with gaps on both sides has no line. */
function lonely(ctx: CanvasRenderingContext2D, ratio: number): void {
  const { x, enter, apart, length } = columns;
  ctx.beginPath();
  for (let at = 0; at < length; at++) {
    if (!apart[at] || (at + 1 < length && !apart[at + 1])) continue;
    const [here, there] = [x[at] as number, enter[at] as number];
    ctx.moveTo(here + 2 * ratio, there);
    ctx.arc(here, there, 2 * ratio, 0, 2 * Math.PI);
  }
  ctx.fill();
}

/** From when to when an alarm stood: a tint behind the lines, and a bar on the upper edge before them. */
export function drawBands(
  ctx: CanvasRenderingContext2D,
  frame: Frame,
  bands: readonly Band[],
  theme: Theme,
  part: "tint" | "bar",
): void {
  for (const { from, to, severity } of bands) {
    const left = Math.max(frame.left, xOf(frame, from));
    const right = Math.min(frame.left + frame.width, to === null ? Infinity : xOf(frame, to));
    if (right < frame.left || left > frame.left + frame.width) continue;
    const width = Math.max(frame.ratio, right - left);
    ctx.fillStyle = theme.severity[severity] ?? theme.muted;
    ctx.globalAlpha = part === "tint" ? 0.12 : 1;
    ctx.fillRect(left, frame.top, width, part === "tint" ? frame.height : 3 * frame.ratio);
  }
  ctx.globalAlpha = 1;
}

/** Things that happened at an instant: a line, and a triangle on the lower edge. */
export function drawMarks(ctx: CanvasRenderingContext2D, frame: Frame, marks: readonly Mark[], theme: Theme): void {
  const { ratio } = frame;
  const bottom = frame.top + frame.height;
  ctx.strokeStyle = ctx.fillStyle = theme.edge;
  ctx.lineWidth = ratio;
  ctx.setLineDash([2 * ratio, 3 * ratio]);
  ctx.beginPath();
  const heads = new Path2D();
  let before = -Infinity;
  for (const { at } of marks) {
    const x = Math.round(xOf(frame, at));
    if (x < frame.left || x > frame.left + frame.width || x === before) continue;
    before = x;
    ctx.moveTo(x + ratio / 2, frame.top);
    ctx.lineTo(x + ratio / 2, bottom);
    heads.moveTo(x - 4 * ratio, bottom);
    heads.lineTo(x + 5 * ratio, bottom);
    heads.lineTo(x + ratio / 2, bottom - 6 * ratio);
  }
  ctx.stroke();
  ctx.setLineDash([]);
  ctx.fill(heads);
}

export function drawThresholds(
  ctx: CanvasRenderingContext2D,
  frame: Frame,
  thresholds: readonly Threshold[],
  theme: Theme,
): void {
  const { ratio } = frame;
  ctx.strokeStyle = ctx.fillStyle = theme.severity["critical"] ?? theme.text;
  ctx.lineWidth = ratio;
  ctx.font = `${11 * ratio}px ${theme.font}`;
  ctx.textAlign = "right";
  ctx.textBaseline = "bottom";
  for (const { value, label } of thresholds) {
    const y = Math.round(yOf(frame, value)) + ratio / 2;
    ctx.setLineDash([6 * ratio, 4 * ratio]);
    ctx.beginPath();
    ctx.moveTo(frame.left, y);
    ctx.lineTo(frame.left + frame.width, y);
    ctx.stroke();
    ctx.setLineDash([]);
    ctx.fillText(label, frame.left + frame.width - 4 * ratio, y - 2 * ratio);
  }
}
