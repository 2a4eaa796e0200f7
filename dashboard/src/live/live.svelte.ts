/**
 * Live data, once for the whole page.
 *
 *     $effect(() => live.watch({ devices: [id] }));
 *     $effect(() => live.on((events) => { for (const event of events) if (event.kind === "latest") … }));
 *     $effect(() => live.onRefill(() => void device.load(), { devices: [id] }));
 *
 * Paused, or in a hidden tab, pages are told of alarms alone: those that are open stand in the tab's title, and a new one
 * may be heard.
 */

import { Batches } from "./batches";
import { type Browser, browser } from "./browser";
import { Timers } from "./clock";
import type { LiveEvent } from "./frames";
import { Listeners } from "./listeners";
import { type Ended, LiveSocket, type Refill, type SocketStatus } from "./socket";
import { ALARMS, EVERYTHING, type Refusal, type Topic, type Wanted, concerns, isUrgent, topicsOf } from "./topics";

export type { LiveEvent } from "./frames";
export type { Ended, Refill } from "./socket";
export type { Refusal, Wanted } from "./topics";

export type LiveStatus = SocketStatus | "paused";

/** Nobody looks for as long: nothing but alarms is watched, and what is shown is read anew when somebody does. */
const REST_MS = 5 * 60_000;

export class Live {
  status: LiveStatus = $state("ended");
  /** Since when it has that status, in ms by the browser's clock. */
  since = $state(0);
  /** Why it ended, where it did. */
  ended: Ended | null = $state("stopped");
  /** What is wanted and not watched. */
  refused: readonly Refusal[] = $state.raw([]);
  /** When pages were last told of something, in ms by the browser's clock. */
  lastEventAt: number | null = $state(null);

  readonly #browser: Browser;
  readonly #socket: LiveSocket;
  readonly #batches: Batches;
  readonly #timers: Timers;
  readonly #handlers = new Listeners<LiveEvent[]>();
  readonly #refills = new Listeners<Refill, readonly Topic[]>();
  #ticket: () => Promise<string> = () => Promise.reject(new Error("nobody is signed in"));
  #unlisten: (() => void) | null = null;
  #socketStatus: SocketStatus = "ended";
  #paused = false;
  #held = false;
  /** What is to be read anew once somebody looks. */
  #owed: Topic[] = [];

  constructor(of: Browser = browser) {
    this.#browser = of;
    this.#timers = new Timers(of.clock);
    this.#batches = new Batches(
      of.clock,
      of.screen,
      (events) => this.#deliver(events),
      () => this.#refill({ topics: [EVERYTHING], reason: "missed" }),
    );
    this.#socket = new LiveSocket(
      {
        clock: of.clock,
        random: () => of.random(),
        ticket: () => this.#ticket(),
        open: (ticket) => of.open(ticket),
        isOnline: () => of.isOnline(),
      },
      {
        status: (status, ended) => {
          this.#socketStatus = status;
          this.ended = ended;
          this.#show();
        },
        events: (events) => this.#batches.add(events),
        refill: (refill) => this.#refill(refill),
        refused: (refused) => (this.refused = refused),
      },
    );
  }

  /** As a session begins. `ticket` throws what has `status` 401 or 403 where there is none to be had. */
  connect(ticket: () => Promise<string>): void {
    this.disconnect();
    this.#ticket = ticket;
    this.#unlisten = this.#browser.listen({
      network: () => this.#socket.check(),
      visibility: () => this.#look(),
    });
    this.#socket.start();
    this.#look();
  }

  /** As it ends. What is watched and who is told stay as they are, for the next. */
  disconnect(): void {
    this.#unlisten?.();
    this.#unlisten = null;
    this.#timers.clearAll();
    this.#batches.clear();
    this.#owed = [];
    this.#held = false;
    this.#socket.stop();
    this.refused = [];
    this.lastEventAt = null;
  }

  /** Until the function that comes back is called: the cleanup of an effect. */
  watch(wanted: Wanted): () => void {
    return this.#socket.watch(wanted);
  }

  /** Tells of what is watched by anybody, the oldest first, at most once a frame; of alarms also while nobody looks. */
  on(handler: (events: LiveEvent[]) => void): () => void {
    return this.#handlers.add(handler, undefined);
  }

  /**
   * Tells when to read by REST what events may be missing of; with `wanted` only where it may be about that. While nobody
   * looks it waits, but for whom wants alarms alone.
   */
  onRefill(handler: (refill: Refill) => void, wanted: Wanted = { all: true }): () => void {
    return this.#refills.add(handler, topicsOf(wanted));
  }

  /** What values do is not told until `resume`, which tells what came meanwhile. Alarms are. */
  pause(): void {
    this.#paused = true;
    this.#look();
    this.#show();
  }

  resume(): void {
    this.#paused = false;
    // Who is told to read anew reads only while it is not paused.
    this.#show();
    this.#look();
  }

  #show(): void {
    const status = this.#paused && this.#socketStatus !== "ended" ? "paused" : this.#socketStatus;
    if (status === this.#shown) return;
    this.#shown = status;
    this.status = status;
    this.since = this.#browser.clock.now();
  }
  // Beside `status`, so that whoever pauses in an effect does not come to depend on it.
  #shown: LiveStatus = "ended";

  /** Whether anybody looks may have changed. */
  #look(): void {
    if (this.#unlisten === null) return;
    const held = this.#browser.isHidden() ? "hidden" : this.#paused ? "paused" : null;
    if (held && !this.#held) this.#timers.set("rest", REST_MS, () => this.#rest());
    if (!held) {
      this.#timers.clear("rest");
      this.#socket.start();
      this.#socket.check();
    }
    this.#held = held !== null;
    if (held) this.#batches.hold(held);
    else this.#batches.release();
    if (!held && this.#owed.length > 0) {
      const topics = this.#owed;
      this.#owed = [];
      this.#refills.tell({ topics, reason: "missed" }, (wanted) => !isUrgent(wanted) && concerns(topics, wanted));
    }
  }

  #rest(): void {
    // Of what is subscribed to again later it is told then.
    this.#owed = this.#socket.rest(ALARMS) ? [EVERYTHING] : [];
    this.#batches.clear("values");
  }

  #deliver(events: LiveEvent[]): void {
    this.lastEventAt = this.#browser.clock.now();
    this.#handlers.tell(events);
  }

  #refill(refill: Refill): void {
    if (this.#held) this.#owed.push(...refill.topics.filter((topic) => !this.#owed.includes(topic)));
    this.#refills.tell(refill, (wanted) => (isUrgent(wanted) || !this.#held) && concerns(refill.topics, wanted));
  }
}

export const live = new Live();
