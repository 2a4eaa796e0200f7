/** History and what comes after it, on one line. */

import { type Failure, failure } from "../api/problems";
import { type LiveEvent, live } from "../live/live.svelte";
import type { Columns } from "./columns";
import { NONE, type Points } from "./points";
import { type Loaded, type Wish, loadSeries, numeric } from "./series";

type Asked = Omit<Wish, "signal">;

/**
 *     const line = new LiveSeries("pump-7", "temperature");
 *     $effect(() => line.follow());                          // what comes, while `live` is so
 *     $effect(() => line.load({ from, to, pixels, interval }));   // gives what ends it: a newer wish ends the older
 *     line.points                                            // changes at most once a frame
 */
export class LiveSeries {
  /** Columns that are shared with later states of it: to be drawn now, not kept. */
  points: Points = $state.raw(NONE);
  texts: Loaded["texts"] = $state.raw([]);
  switches = $state(false);
  failure: Failure | null = $state.raw(null);
  loading = $state(false);
  /** When it was read, ms. */
  at: number | null = $state(null);
  /** Whether what comes is added. */
  live = true;
  #columns: Columns | null = null;
  #wish: Asked | null = null;
  #end: AbortController | null = null;

  constructor(
    readonly device: string,
    readonly metric: string,
    private readonly read: (wish: Wish) => Promise<Loaded> = loadSeries,
  ) {}

  /** What is shown stays until the new has come. */
  load(range: Omit<Asked, "device" | "metric">): () => void {
    const wish = { device: this.device, metric: this.metric, ...range };
    this.#end?.abort();
    const end = (this.#end = new AbortController());
    this.#wish = wish;
    void this.#load(wish, end);
    return () => end.abort();
  }

  /** While it is live, up to now. */
  again = (): void => {
    const wish = this.#wish;
    if (!wish) return;
    const to = this.live ? Date.now() : wish.to;
    this.load({ ...wish, from: wish.from + to - wish.to, to });
  };

  follow(): () => void {
    const { device } = this;
    const ends = [
      live.watch({ devices: [device] }),
      live.on((events) => this.add(events)),
      live.onRefill(() => this.live && this.again(), { devices: [device] }),
    ];
    return () => ends.forEach((end) => end());
  }

  add(events: readonly LiveEvent[]): void {
    if (!this.live || !this.#columns) return;
    let grown = false;
    for (const event of events) {
      if (event.kind !== "latest" || event.device !== this.device) continue;
      const reading = event.data[this.metric];
      if (!reading || reading.ts <= this.#newest) continue;
      this.#newest = reading.ts;
      this.#columns.add(reading.ts, numeric(reading.value));
      if (typeof reading.value === "string") this.texts = [...this.texts, { at: reading.ts, text: reading.value }];
      grown = true;
    }
    if (grown) this.points = this.#columns.points;
  }
  #newest = 0;

  /** Forgets what has left the range on the left. */
  trim(from: number): void {
    this.#columns?.dropBefore(from);
    if (this.#columns) this.points = this.#columns.points;
  }

  async #load(wish: Asked, end: AbortController): Promise<void> {
    this.loading = true;
    try {
      const { columns, texts, switches } = await this.read({ ...wish, signal: end.signal });
      if (end.signal.aborted) return;
      this.#columns = columns;
      this.texts = texts;
      this.switches = switches;
      this.points = columns.points;
      const { ts } = columns.points;
      this.#newest = ts[ts.length - 1] ?? 0;
      this.failure = null;
      this.at = Date.now();
    } catch (error) {
      if (!end.signal.aborted) this.failure = failure(error);
    } finally {
      if (this.#end === end) this.loading = false;
    }
  }
}
