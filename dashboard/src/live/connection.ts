/** One WebSocket from its ticket to its end: hello, what is watched, the heartbeat. It ends once, and is not used again. */

import { type Clock, Timers } from "./clock";
import { type Frame, type LiveEvent, parsed } from "./frames";
import { type Reason, type Refusal, type Topic, chosen, fitting, topicAt, wantedOf } from "./topics";

/** Of the browser's WebSocket what is used here. */
export interface WebSocketLike {
  addEventListener(type: "open" | "close" | "error", listener: () => void): void;
  addEventListener(type: "message", listener: (event: { readonly data: unknown }) => void): void;
  send(text: string): void;
  close(): void;
}

export interface Ports {
  readonly clock: Clock;
  /** Evenly from 0 up to 1. */
  random(): number;
  /** Throws what has `status` 401 or 403 where there is none for whoever asks. */
  ticket(): Promise<string>;
  open(ticket: string): WebSocketLike;
}

export interface Listener {
  welcomed(): void;
  events(events: LiveEvent[]): void;
  /** Happened, but too large to be told. */
  cut(topics: Topic[]): void;
  /** Nothing of them is missed from `completeIn` ms on. */
  subscribed(topics: Topic[], completeIn: number): void;
  /** All that is wanted is watched, or refused. */
  settled(): void;
  /** It is time for another connection in its place. */
  renew(): void;
  /** `error` is what asking for a ticket threw. */
  ended(error: unknown): void;
}

export interface Wish {
  has(topic: Topic): boolean;
  keys(): Iterable<Topic>;
}

interface Asked {
  readonly type: "subscribe" | "unsubscribe";
  readonly id: string;
  readonly topics: Topic[];
}

type Answer = Extract<Frame, { type: "subscribed" | "refused" | "unsubscribed" }>;

const ANSWER_MS = 20_000;
/** Of the 60 a minute that the server hears, some are left for pings. */
const MESSAGES = 50;
const MINUTE_MS = 60_000;
/** Where the server's clock is not known yet, which it says in answer to the first ping. */
const COMPLETE_MS = 7_000;
const LONGEST_COMPLETE_MS = 15_000;

export class Connection {
  isOpen = false;
  readonly subscribed = new Set<Topic>();
  readonly #refused = new Map<Topic, Reason>();
  #over: Topic[] = [];
  readonly #timers: Timers;
  #socket: WebSocketLike | null = null;
  #done = false;
  #asked: Asked | null = null;
  #sent: number[] = [];
  #asks = 0;
  #most = 100;
  #heartbeatMs = 0;
  #renewAt = Infinity;
  /** Of the server's clock ahead of ours. */
  #skew: number | null = null;

  /** `wish` is all that is to be watched; after a change of it call `reconcile`. */
  constructor(
    private readonly ports: Ports,
    private readonly wish: Wish,
    private readonly on: Listener,
  ) {
    this.#timers = new Timers(ports.clock);
    this.#timers.set("answer", ANSWER_MS, () => this.#end());
    ports.ticket().then(
      (ticket) => this.#open(ticket),
      (error: unknown) => this.#end(error),
    );
  }

  refusals(): Refusal[] {
    const refused = [...this.#refused].map(([topic, reason]) => ({ topic, reason }));
    return [...refused, ...this.#over.map((topic) => ({ topic, reason: "limit" as const }))];
  }

  /** Whether it is still there, where that is in doubt. */
  check(): void {
    if (this.isOpen && !this.#timers.has("pong")) this.#ping();
  }

  /** Quietly: nobody is told. */
  close(): void {
    this.#done = true;
    this.#timers.clearAll();
    this.#socket?.close();
  }

  /** Watches what is wanted: one question at a time, so that an error is known to be about it. */
  reconcile(): void {
    for (const topic of this.#refused.keys()) if (!this.wish.has(topic)) this.#refused.delete(topic);
    const { keep, over } = chosen(this.wish.keys(), this.#refused, this.#most);
    this.#over = over;
    if (!this.isOpen || this.#done || this.#asked || this.#timers.has("room")) return;
    const wanted = new Set(keep);
    const leave = [...this.subscribed].filter((topic) => !wanted.has(topic));
    const enter = keep.filter((topic) => !this.subscribed.has(topic));
    // What is left makes room for what is entered.
    if (leave.length > 0) this.#ask("unsubscribe", fitting(leave));
    else if (enter.length > 0) this.#ask("subscribe", fitting(enter));
    else this.on.settled();
  }

  #open(ticket: string): void {
    if (this.#done) return;
    try {
      this.#socket = this.ports.open(ticket);
    } catch {
      this.#end();
      return;
    }
    this.#socket.addEventListener("open", () => {
      this.#send({ type: "hello", v: 1 });
      this.#send({ type: "ping" });
    });
    this.#socket.addEventListener("message", ({ data }) => this.#hear(parsed(data)));
    this.#socket.addEventListener("close", () => this.#end());
    this.#socket.addEventListener("error", () => this.#end());
  }

  #end(error?: unknown): void {
    if (this.#done) return;
    this.close();
    this.isOpen = false;
    this.on.ended(error);
  }

  #send(message: object): void {
    if (this.#done) return;
    this.#sent.push(this.ports.clock.now());
    try {
      this.#socket?.send(JSON.stringify(message));
    } catch {
      this.#end();
    }
  }

  #ask(type: Asked["type"], topics: Topic[]): void {
    const now = this.ports.clock.now();
    this.#sent = this.#sent.filter((at) => at > now - MINUTE_MS);
    const [first] = this.#sent;
    if (first !== undefined && this.#sent.length >= MESSAGES) {
      this.#later(first + MINUTE_MS - now);
      return;
    }
    this.#asked = { type, id: `${++this.#asks}`, topics };
    this.#timers.set("answer", ANSWER_MS, () => this.#end());
    this.#send({ type, id: this.#asked.id, ...wantedOf(topics) });
  }

  #later(ms: number): void {
    this.#timers.set("room", ms, () => this.reconcile());
  }

  #ping(): void {
    this.#timers.set("beat", this.#heartbeatMs, () => this.#ping());
    this.#timers.set("pong", ANSWER_MS, () => this.#end());
    this.#send({ type: "ping" });
  }

  #hear(frame: Frame | null): void {
    if (this.#done || frame === null) return;
    // Whatever comes, it comes by a connection that is there.
    this.#timers.clear("pong");
    switch (frame.type) {
      case "welcome":
        this.#welcome(frame);
        break;
      case "pong":
      case "renew":
        this.#skew = frame.at - this.ports.clock.now();
        this.#plan();
        if (frame.type === "renew") this.on.renew();
        break;
      case "events":
        if (frame.events.length > 0) this.on.events(frame.events);
        if (frame.cut.length > 0) this.on.cut(frame.cut);
        break;
      case "revoked":
        for (const topic of frame.topics) if (this.subscribed.delete(topic)) this.#refused.set(topic, "revoked");
        if (frame.everything) this.#end();
        else this.reconcile();
        break;
      case "error":
        this.#fault(frame.slug, frame.field);
        break;
      case "subscribed":
      case "refused":
      case "unsubscribed":
        if (frame.id === this.#asked?.id) this.#answer(this.#asked, frame);
    }
  }

  #welcome({ heartbeatMs, renewAt, most }: Extract<Frame, { type: "welcome" }>): void {
    if (this.isOpen) return;
    this.isOpen = true;
    this.#timers.clear("answer");
    this.#most = most;
    this.#renewAt = renewAt;
    this.#heartbeatMs = heartbeatMs;
    this.#timers.set("beat", heartbeatMs, () => this.#ping());
    this.#plan();
    this.on.welcomed();
    this.reconcile();
  }

  /** The renewal, once both the moment and the server's clock are known. */
  #plan(): void {
    if (this.#skew === null || !Number.isFinite(this.#renewAt)) return;
    const ms = this.#renewAt - this.ports.clock.now() - this.#skew;
    this.#timers.set("renew", Math.max(ms, MINUTE_MS), () => this.on.renew());
  }

  #answer({ type, topics }: Asked, frame: Answer): void {
    this.#asked = null;
    this.#timers.clear("answer");
    if (type === "unsubscribe") {
      for (const topic of topics) this.subscribed.delete(topic);
      for (const [topic, reason] of this.#refused) if (reason === "limit") this.#refused.delete(topic);
    } else if (frame.type !== "unsubscribed") {
      const why = new Map(frame.refused.map(({ topic, reason }) => [topic, reason]));
      const none = frame.type === "refused";
      const refused = topics.filter((topic) => none || why.has(topic));
      const taken = topics.filter((topic) => !refused.includes(topic));
      for (const topic of refused) this.#refused.set(topic, why.get(topic) ?? "not_found");
      for (const topic of taken) this.subscribed.add(topic);
      if (frame.type === "subscribed" && taken.length > 0) this.on.subscribed(taken, this.#until(frame.completeFrom));
    }
    this.reconcile();
  }

  #until(completeFrom: number): number {
    if (this.#skew === null) return COMPLETE_MS;
    const ms = completeFrom - this.ports.clock.now() - this.#skew;
    return Math.min(Math.max(ms, 0), LONGEST_COMPLETE_MS);
  }

  /** An error names no question: it is about the one that is open, and to ask the same again does no harm. */
  #fault(slug: string, field: string): void {
    if (!this.#asked) return;
    const { topics } = this.#asked;
    this.#asked = null;
    this.#timers.clear("answer");
    const topic = topicAt(topics, field);
    if (slug !== "malformed") this.#later(5_000 + 10_000 * this.ports.random());
    else if (topic === undefined) this.#end();
    else {
      this.#refused.set(topic, "malformed");
      this.reconcile();
    }
  }
}
