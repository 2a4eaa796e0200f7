/** Moving along the time by pointer and wheel: drag, pinch, Shift and drag to zoom in, Shift and wheel, Ctrl and wheel. */

export interface Range {
  readonly from: number;
  readonly to: number;
}

export interface Moves {
  range(): Range;
  /** `done`: it was let go, and is to be read. */
  move(range: Range, done: boolean): void;
  /** What is chosen to zoom into, in pixels; a width of 0 takes it away. */
  select(left: number, width: number): void;
}

const LEAST_MS = 1000;
const MOST_MS = 10 * 366 * 86_400_000;
const SLACK_PX = 4;
const WHEEL_DONE_MS = 200;

export const panned = ({ from, to }: Range, by: number): Range => ({
  from: Math.round(from + by),
  to: Math.round(to + by),
});

/** `factor` 0.5 shows half as much; `share` of the range stays where it is. */
export function zoomed({ from, to }: Range, factor: number, share = 0.5): Range {
  const length = Math.min(MOST_MS, Math.max(LEAST_MS, (to - from) * factor));
  const fixed = from + (to - from) * share;
  const start = Math.round(fixed - length * share);
  return { from: start, to: start + Math.round(length) };
}

/** Until the function that comes back is called. */
export function gestures(over: HTMLElement, moves: Moves): () => void {
  const ends = new AbortController();
  const pointers = new Map<number, number>();
  let begun: { range: Range; x: number; gap: number; selects: boolean } | null = null;
  let moved = false;
  let wheel = 0;
  const left = () => over.getBoundingClientRect().left;
  const middle = () => [...pointers.values()].reduce((sum, x) => sum + x, 0) / pointers.size;
  const gap = () => {
    const [a = 0, b = 0] = pointers.values();
    return pointers.size > 1 ? Math.abs(a - b) : 0;
  };
  const begin = (selects: boolean) => {
    begun = pointers.size ? { range: moves.range(), x: middle(), gap: gap(), selects } : null;
  };
  const now = (): Range => {
    if (!begun) return moves.range();
    const { range, x, gap: wide } = begun;
    const perPx = (range.to - range.from) / over.clientWidth;
    const share = (x - left()) / over.clientWidth;
    const turned = wide && gap() ? zoomed(range, wide / gap(), share) : range;
    return panned(turned, (x - middle()) * perPx);
  };

  const listen = <Name extends keyof HTMLElementEventMap>(
    name: Name,
    handler: (event: HTMLElementEventMap[Name]) => void,
    options: AddEventListenerOptions = {},
  ) => over.addEventListener(name, handler, { ...options, signal: ends.signal });

  listen("pointerdown", (event) => {
    if (event.button !== 0) return;
    pointers.set(event.pointerId, event.clientX);
    moved = false;
    begin(event.shiftKey);
  });
  listen("pointermove", (event) => {
    if (!begun || !pointers.has(event.pointerId)) return;
    pointers.set(event.pointerId, event.clientX);
    const away = middle() - begun.x;
    if (!moved && Math.abs(away) < SLACK_PX && !begun.gap) return;
    if (!moved) over.setPointerCapture(event.pointerId);
    moved = true;
    if (begun.selects) moves.select(Math.min(begun.x, middle()) - left(), Math.abs(away));
    else moves.move(now(), false);
  });
  const end = (event: PointerEvent) => {
    if (!begun || !pointers.has(event.pointerId)) return;
    pointers.set(event.pointerId, event.clientX);
    const wasAt = middle();
    const last = now();
    pointers.delete(event.pointerId);
    const { selects, range, x } = begun;
    if (moved && selects) {
      moves.select(0, 0);
      const at = (px: number) => range.from + ((px - left()) / over.clientWidth) * (range.to - range.from);
      const [from, to] = [at(Math.min(x, wasAt)), at(Math.max(x, wasAt))].map(Math.round) as [number, number];
      if (event.type !== "pointercancel" && to - from >= LEAST_MS) moves.move({ from, to }, true);
    } else if (moved) moves.move(last, pointers.size === 0);
    begin(false);
  };
  listen("pointerup", end);
  listen("pointercancel", end);
  listen(
    "wheel",
    (event) => {
      const along = event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY);
      const zooms = event.ctrlKey || event.metaKey;
      // The wheel alone scrolls the page.
      if (!along && !zooms) return;
      event.preventDefault();
      const range = moves.range();
      const by = along ? event.deltaX || event.deltaY : event.deltaY;
      const share = (event.clientX - left()) / over.clientWidth;
      const next = zooms
        ? zoomed(range, Math.exp(Math.max(-100, Math.min(100, event.deltaY)) / 250), share)
        : panned(range, (by / over.clientWidth) * (range.to - range.from));
      moves.move(next, false);
      clearTimeout(wheel);
      wheel = window.setTimeout(() => moves.move(next, true), WHEEL_DONE_MS);
    },
    { passive: false },
  );
  return () => {
    ends.abort();
    clearTimeout(wheel);
  };
}
