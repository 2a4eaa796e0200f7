/** History and what comes after it, on one line. */

import { type Failure, failure } from "../api/problems";
import { type LiveEvent, live } from "../live/live.svelte";
import { session } from "../api/session.svelte";
import { clock } from "../state/clock.svelte";
import { keep, kept } from "../state/snapshot";
import { Columns, type Kept } from "./columns";
import { NONE, type Points } from "./points";
import { type Loaded, type Wish, loadSeries, loadTail, numeric } from "./series";

type Asked = Omit<Wish, "signal">;

/** What has left the range by more than this share of it is forgotten. */
const BESIDE = 0.25;

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
  /** The API cannot be reached, and what is shown is from `at`. */
  readonly old: boolean = $derived(this.failure?.status === 0 && this.at !== null);
  /** Whether what comes is added. */
  live = true;
  #columns: Columns | null = null;
  #wish: Asked | null = null;
  #end: AbortController | null = null;
  #newest = 0;
  /** What came while it is read: the answer may be of a moment before. */
  #meanwhile: LiveEvent[] = [];

  constructor(
    readonly device: string,
    readonly metric: string,
    private readonly options: {
      /** What was read is kept in this browser, and shown where the API cannot be reached. */
      readonly keep?: boolean;
      readonly read?: { readonly all: typeof loadSeries; readonly tail: typeof loadTail };
    } = {},
  ) {}

  get #read() {
    return this.options.read ?? { all: loadSeries, tail: loadTail };
  }

  get #name(): string {
    return `series/${this.device}:${this.metric}`;
  }

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
    const to = this.live ? clock.at() : wish.to;
    this.load({ ...wish, from: wish.from + to - wish.to, to });
  };

  follow(): () => void {
    const { device } = this;
    const ends = [
      live.watch({ devices: [device] }),
      live.on((events) => this.add(events)),
      live.onRefill(() => this.live && void this.catchUp(), { devices: [device] }),
    ];
    return () => ends.forEach((end) => end());
  }

  add(events: readonly LiveEvent[]): void {
    if (!this.live) return;
    if (this.loading) this.#meanwhile.push(...events.filter(({ device }) => device === this.device));
    this.#grow(events);
  }

  #grow(events: readonly LiveEvent[]): void {
    if (!this.#columns || !this.#wish) return;
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
    if (!grown) return;
    const { from, to } = this.#wish;
    this.#columns.dropBefore(this.#newest - (to - from) * (1 + BESIDE));
    this.points = this.#columns.points;
  }

  /** Reads what events may be missing of: from the last that is known on. What is being read anyway has it. */
  async catchUp(): Promise<void> {
    const [columns, wish, end] = [this.#columns, this.#wish, this.#end];
    if (!columns || !wish || !end || end.signal.aborted || this.loading) return;
    const { ts } = columns.points;
    const from = ts[ts.length - 1];
    if (from === undefined || this.failure) return this.again();
    try {
      const isWhole = await this.#read.tail({ ...wish, from, to: clock.at(), signal: end.signal }, columns);
      if (end.signal.aborted || columns !== this.#columns) return;
      if (!isWhole) return this.again();
      this.points = columns.points;
    } catch (error) {
      if (!end.signal.aborted) this.failure = failure(error);
    }
  }

  async #load(wish: Asked, end: AbortController): Promise<void> {
    this.loading = true;
    try {
      const { columns, texts, switches } = await this.#read.all({ ...wish, signal: end.signal });
      if (end.signal.aborted) return;
      this.#columns = columns;
      this.texts = texts;
      this.switches = switches;
      this.points = columns.points;
      const { ts } = columns.points;
      this.#newest = ts[ts.length - 1] ?? 0;
      if (this.live) this.#grow(this.#meanwhile);
      this.failure = null;
      this.at = clock.at();
      if (this.options.keep && session.me) void keep(session.me.id, this.#name, columns.plain());
    } catch (error) {
      if (end.signal.aborted) return;
      this.failure = failure(error);
      if (!this.#columns) await this.#recall(end);
    } finally {
      if (this.#end === end) {
        this.loading = false;
        this.#meanwhile = [];
      }
    }
  }

  async #recall(end: AbortController): Promise<void> {
    if (!this.options.keep || !session.me || this.failure?.status !== 0) return;
    const before = await kept<Kept>(session.me.id, this.#name);
    if (!before || end.signal.aborted) return;
    this.points = Columns.of(before.value).points;
    this.at = before.at;
  }
}
