/** Live data as long as somebody watches: connects, renews without a gap, and comes back after any end. */

import { Timers } from "./clock";
import { Connection, type Ports, type Wish } from "./connection";
import type { LiveEvent } from "./frames";
import { type Refusal, type Topic, type Wanted, topicsOf } from "./topics";

export type SocketStatus = "live" | "connecting" | "reconnecting" | "offline" | "ended";

/** Why it ended: it was stopped, or no ticket was given, for want of a session or of the permission. */
export type Ended = "stopped" | "signed-out" | "forbidden";

/** What must be read by REST, since events of it may be missing. `*` is everything. */
export interface Refill {
  readonly topics: readonly Topic[];
  /** `subscribed`, and once more when it is `complete`; `missed`: something was not told. */
  readonly reason: "subscribed" | "complete" | "missed";
}

export interface SocketPorts extends Ports {
  /** As navigator.onLine, which is wrong about networks of this machine: only the status goes by it. */
  isOnline(): boolean;
}

export interface SocketListener {
  status(status: SocketStatus, ended: Ended | null): void;
  events(events: LiveEvent[]): void;
  refill(refill: Refill): void;
  refused(refused: readonly Refusal[]): void;
}

const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 30_000;
/** A connection that lasts as long is no failure. */
const STABLE_MS = 30_000;
const GATHER_MS = 250;
/** How long the old connection stays beside the new one: until nothing of the new one's is missed. */
const RETIRE_MS = 7_000;

export class LiveSocket {
  /** Topic → how many want it. */
  readonly #wish = new Map<Topic, number>();
  readonly #timers: Timers;
  #current: Connection | null = null;
  /** Is to take the place of the current one. */
  #next: Connection | null = null;
  #old: Connection | null = null;
  #running = false;
  /** While it rests: of what is wanted only this is watched. */
  #only: Topic | null = null;
  #ended: Ended | null = "stopped";
  #wasLive = false;
  #failures = 0;
  readonly #completing = new Set<Topic>();
  #completeAt = 0;
  #told = "";
  #refused = "[]";

  constructor(
    private readonly ports: SocketPorts,
    private readonly on: SocketListener,
  ) {
    this.#timers = new Timers(ports.clock);
  }

  /** Until the function that comes back is called. What several want is watched once. */
  watch(wanted: Wanted): () => void {
    const topics = topicsOf(wanted);
    for (const topic of topics) this.#wish.set(topic, (this.#wish.get(topic) ?? 0) + 1);
    this.#gather();
    let watched = true;
    return () => {
      if (!watched) return;
      watched = false;
      for (const topic of topics) {
        const others = (this.#wish.get(topic) ?? 1) - 1;
        if (others > 0) this.#wish.set(topic, others);
        else this.#wish.delete(topic);
      }
      this.#gather();
    };
  }

  start(): void {
    if (this.#only !== null) {
      this.#only = null;
      this.#reconcile();
    }
    if (this.#running) return;
    this.#running = true;
    this.#ended = null;
    this.#failures = 0;
    this.#connect();
  }

  /**
   * Until the next `start` of what is wanted only this topic is watched: true. Where it is not wanted the connection
   * ends until then: false.
   */
  rest(only: Topic): boolean {
    this.#only = only;
    if (this.#running && this.#wish.has(only)) this.#reconcile();
    else this.#stop(null);
    return this.#running;
  }

  /** Ends the connection, and what there was of it. */
  stop(): void {
    this.#only = null;
    this.#wasLive = false;
    this.#stop("stopped");
  }

  #stop(ended: Ended | null): void {
    this.#running = false;
    this.#ended = ended;
    this.#timers.clearAll();
    this.#completing.clear();
    for (const one of [this.#current, this.#next, this.#old]) one?.close();
    this.#current = this.#next = this.#old = null;
    this.#tell();
  }

  /** The network changed, or somebody looks again: what waits goes on at once, what is silent is asked. */
  check(): void {
    if (!this.#running) return;
    if (this.#current === null) this.#retry(1000);
    else this.#current.check();
    this.#tell();
  }

  #gather(): void {
    if (this.#timers.has("gather")) return;
    this.#timers.set("gather", GATHER_MS, () => this.#reconcile());
  }

  #reconcile(): void {
    this.#current?.reconcile();
    this.#next?.reconcile();
    this.#tell();
  }

  #connect(): void {
    this.#ended = null;
    this.#current = this.#opened();
    this.#tell();
  }

  /** Full jitter: whoever was cut off together must not come back together. */
  #retry(mostMs: number): void {
    this.#timers.set("retry", this.ports.random() * mostMs, () => this.#connect());
  }

  #opened(): Connection {
    const wish: Wish = {
      has: (topic) => this.#wish.has(topic) && (this.#only ?? topic) === topic,
      keys: () => [...this.#wish.keys()].filter((topic) => wish.has(topic)),
    };
    const made: Connection = new Connection(this.ports, wish, {
      welcomed: () => this.#welcomed(made),
      events: (events) => this.on.events(events),
      cut: (topics) => this.on.refill({ topics, reason: "missed" }),
      subscribed: (topics, completeIn) => this.#subscribed(made, topics, completeIn),
      settled: () => this.#settled(made),
      renew: () => this.#renew(made),
      ended: (error) => this.#lost(made, error),
    });
    return made;
  }

  #welcomed(one: Connection): void {
    if (one !== this.#current) return;
    this.#wasLive = true;
    this.#timers.set("stable", STABLE_MS, () => (this.#failures = 0));
    this.#tell();
  }

  #subscribed(one: Connection, topics: Topic[], completeIn: number): void {
    // What the connection watches that is renewed has no gap.
    const known = one === this.#next ? this.#current?.subscribed : undefined;
    this.#incomplete(known ? topics.filter((topic) => !known.has(topic)) : topics, completeIn);
  }

  #incomplete(topics: Topic[], completeIn: number): void {
    if (topics.length === 0) return;
    const now = this.ports.clock.now();
    for (const topic of topics) this.#completing.add(topic);
    this.#completeAt = Math.max(this.#completeAt, now + completeIn);
    this.#timers.set("complete", this.#completeAt - now, () => {
      const complete = [...this.#completing];
      this.#completing.clear();
      this.on.refill({ topics: complete, reason: "complete" });
    });
    this.on.refill({ topics, reason: "subscribed" });
  }

  #settled(one: Connection): void {
    if (one === this.#next) {
      this.#old?.close();
      this.#old = this.#current;
      this.#current = one;
      this.#next = null;
      this.#timers.set("retire", RETIRE_MS, () => {
        this.#old?.close();
        this.#old = null;
      });
    }
    this.#tell();
  }

  #renew(one: Connection): void {
    if (one !== this.#current || this.#next) return;
    this.#timers.clear("renew");
    this.#next = this.#opened();
  }

  #lost(one: Connection, error: unknown): void {
    if (one === this.#next) {
      this.#next = null;
      this.#timers.set("renew", LONGEST_WAIT_MS * (1 + this.ports.random()), () => {
        if (this.#current) this.#renew(this.#current);
      });
    }
    if (one !== this.#current) return;
    for (const name of ["stable", "complete", "renew"]) this.#timers.clear(name);
    this.#completing.clear();
    this.#current = this.#next;
    this.#next = null;
    if (this.#current) {
      // It came too late to be without a gap.
      this.#incomplete([...this.#current.subscribed], RETIRE_MS);
    } else {
      const status = (error as { status?: unknown } | undefined)?.status;
      this.#ended = status === 401 ? "signed-out" : status === 403 ? "forbidden" : null;
      this.#failures++;
      if (!this.#ended) this.#retry(Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** Math.min(this.#failures, 10)));
    }
    this.#tell();
  }

  #status(): SocketStatus {
    if (this.#ended) return "ended";
    if (this.#current?.isOpen) return "live";
    if (!this.ports.isOnline()) return "offline";
    return this.#wasLive ? "reconnecting" : "connecting";
  }

  /** What changed of the status and of what is refused. */
  #tell(): void {
    const status = this.#status();
    const told = `${status} ${this.#ended}`;
    if (told !== this.#told) {
      this.#told = told;
      this.on.status(status, this.#ended);
    }
    if (!this.#current?.isOpen) return;
    const refusals = this.#current.refusals();
    const refused = JSON.stringify(refusals);
    if (refused !== this.#refused) {
      this.#refused = refused;
      this.on.refused(refusals);
    }
  }
}
