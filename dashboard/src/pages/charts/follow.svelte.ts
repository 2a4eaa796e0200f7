/** Reads what the page shows, and reads it again when what is shown is another: range, width, lines, or time passing. */

import { untrack } from "svelte";

import type { TimeWindow } from "../../charts/window.svelte";
import { clock } from "../../state/clock.svelte";
import type { Board } from "./board.svelte";

interface Followed {
  readonly board: Board;
  readonly time: TimeWindow;
  readonly by: () => number | null;
  readonly pixels: () => number;
}

/** A width that changes by less reads nothing anew. */
const STEP_PX = 80;
/** Axis and edges of a chart. */
const BESIDE_PX = 90;
/** Moving on within so many ms reads only once. */
const SETTLE_MS = 120;
/** As long as it is live, what events may have left out is read again after so long, or a quarter of the range. */
const AGAIN_MS = 300_000;

/** In a component. */
export function follow({ board, time, by, pixels }: Followed): void {
  const wide = $derived(Math.max(200, Math.floor((pixels() - BESIDE_PX) / STEP_PX) * STEP_PX));
  const period = $derived(time.span.kind === "relative" ? Math.max(AGAIN_MS, time.span.ms / 4) : Infinity);
  const turn = $derived(Number.isFinite(period) ? Math.floor(clock.now / period) : 0);
  let first = true;

  $effect(() => {
    const ends = board.sources.map((source) => {
      untrack(() => source.load());
      return source.follow();
    });
    return () => ends.forEach((end) => end());
  });
  $effect(() => {
    const ends = board.drawn.map(({ now }) => now.follow());
    return () => ends.forEach((end) => end());
  });
  $effect(() => {
    for (const { now } of board.drawn) now.live = time.isLive;
  });

  $effect(() => {
    const { drawn } = board;
    if (pixels() === 0 || drawn.some(({ source }) => source.interval === undefined)) return;
    void [time.key, turn];
    const earlier = by();
    const [width, again] = [wide, period];
    const ends: (() => void)[] = [];
    const read = () => {
      const { from, to } = time.range;
      for (const one of drawn) {
        const wish = { from, to, pixels: width, interval: one.source.interval ?? null };
        ends.push(one.now.load(wish));
        if (earlier === null) continue;
        // As far as it will come to be drawn until it is read again.
        const until = to - earlier + (time.span.kind === "relative" ? again : 0);
        ends.push(one.earlier.load({ ...wish, from: from - earlier, to: Math.min(to, until) }));
      }
      for (const source of board.sources) source.loadBeside(from, to);
    };
    const wait = setTimeout(() => untrack(read), first ? 0 : SETTLE_MS);
    first = false;
    return () => {
      clearTimeout(wait);
      ends.forEach((end) => end());
    };
  });
}
