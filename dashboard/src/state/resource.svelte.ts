/**
 * Something that is read from the API and shown: pending, ready, failed, or ready with what was kept from earlier.
 *
 *     const device = resource("device/pump-7", () => ask(api.GET(…)));   // in a component: it is read at once
 *     {#if device.value} … {:else if device.failure} <Failed … retry={device.load} /> {:else} <Pending />
 */

import { type Failure, failure } from "../api/problems";
import { session } from "../api/session.svelte";
import { clock } from "./clock.svelte";
import { keep, kept } from "./snapshot";

export interface ResourceOptions<T> {
  /** Kept in this browser under that name, and shown when the API cannot be reached. */
  readonly keep?: string;
  /** Of what was read, and what events have made of it meanwhile: what is shown then. Without it, what was read. */
  merge?(read: T, known: T): T;
}

export class Resource<T> {
  value: T | undefined = $state.raw(undefined);
  failure: Failure | null = $state.raw(null);
  loading = $state(false);
  /** When it was read; of an older snapshot, when that was. */
  at: number | null = $state(null);
  /** What is shown is from an earlier time, since the API cannot be reached. */
  old = $state(false);
  #turn = 0;
  #again = false;

  constructor(
    private readonly read: () => Promise<T>,
    private readonly options: ResourceOptions<T> = {},
  ) {}

  /** Reads it anew; of several at once the last counts. What is shown stays until then. */
  load = async (): Promise<void> => {
    const turn = ++this.#turn;
    this.loading = true;
    try {
      const read = await this.read();
      if (turn !== this.#turn) return;
      const value = this.value !== undefined && this.options.merge ? this.options.merge(read, this.value) : read;
      this.value = value;
      this.failure = null;
      this.old = false;
      this.at = clock.at();
      if (this.options.keep && session.me) void keep(session.me.id, this.options.keep, value);
    } catch (error) {
      if (turn !== this.#turn) return;
      this.failure = failure(error);
      await this.#recall(turn);
    } finally {
      if (turn === this.#turn) this.#settle();
    }
  };

  /** As `load`, for what happens often: one reading at a time, and then one more for all that happened meanwhile. */
  refresh = async (): Promise<void> => {
    if (this.loading) this.#again = true;
    else await this.load();
  };

  /** What an event makes of it. What is being read still counts, and is merged with it. */
  move(value: T): void {
    this.value = value;
  }

  /** What the API answered to a change: what is being read was asked for before it. */
  put(value: T): void {
    this.#turn++;
    this.failure = null;
    this.value = value;
    this.at = clock.at();
    this.old = false;
    this.#settle();
  }

  #settle(): void {
    this.loading = false;
    if (!this.#again) return;
    this.#again = false;
    void this.load();
  }

  async #recall(turn: number): Promise<void> {
    if (this.value !== undefined) {
      this.old = this.failure?.status === 0;
      return;
    }
    if (!this.options.keep || !session.me || this.failure?.status !== 0) return;
    const before = await kept<T>(session.me.id, this.options.keep);
    if (before && turn === this.#turn) {
      this.value = before.value;
      this.at = before.at;
      this.old = true;
    }
  }
}

/** In a component: read at once, and again whenever what `read` depends on changes before its first await. */
export function resource<T>(read: () => Promise<T>, options: ResourceOptions<T> = {}): Resource<T> {
  const made = new Resource(read, options);
  $effect(() => {
    void made.load();
  });
  return made;
}
