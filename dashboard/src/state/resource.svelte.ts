/**
 * Something that is read from the API and shown: pending, ready, failed, or ready with what was kept from earlier.
 *
 *     const device = resource("device/pump-7", () => ask(api.GET(…)));   // in a component: it is read at once
 *     {#if device.value} … {:else if device.failure} <Failed … retry={device.load} /> {:else} <Pending />
 */

import { type Failure, failure } from "../api/problems";
import { session } from "../api/session.svelte";
import { keep, kept } from "./snapshot";

export interface ResourceOptions {
  /** Kept in this browser under that name, and shown when the API cannot be reached. */
  readonly keep?: string;
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

  constructor(
    private readonly read: () => Promise<T>,
    private readonly options: ResourceOptions = {},
  ) {}

  /** Reads it anew; of several at once the last counts. What is shown stays until then. */
  load = async (): Promise<void> => {
    const turn = ++this.#turn;
    this.loading = true;
    try {
      const value = await this.read();
      if (turn !== this.#turn) return;
      this.value = value;
      this.failure = null;
      this.old = false;
      this.at = Date.now();
      if (this.options.keep && session.me) void keep(session.me.id, this.options.keep, value);
    } catch (error) {
      if (turn !== this.#turn) return;
      this.failure = failure(error);
      await this.#recall(turn);
    } finally {
      if (turn === this.#turn) this.loading = false;
    }
  };

  /** Changed here, by an answer or an event, without reading it again. */
  put(value: T): void {
    this.#turn++;
    this.loading = false;
    this.failure = null;
    this.value = value;
    this.at = Date.now();
    this.old = false;
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
export function resource<T>(read: () => Promise<T>, options: ResourceOptions = {}): Resource<T> {
  const made = new Resource(read, options);
  $effect(() => {
    void made.load();
  });
  return made;
}
