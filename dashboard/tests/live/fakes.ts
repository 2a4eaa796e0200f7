/** The ports of live data, for tests: a clock that is moved by hand, a screen, and the server's end of WebSockets. */

import type { Browser } from "../../src/live/browser";
import type { Clock } from "../../src/live/clock";
import type { WebSocketLike } from "../../src/live/connection";
import type { AlarmEvent, CommandEvent, LatestEvent, PresenceEvent } from "../../src/live/frames";

export class FakeClock implements Clock {
  #now = 1_000_000;
  #last = 0;
  readonly #timers = new Map<number, { at: number; call: () => void }>();

  now(): number {
    return this.#now;
  }

  setTimeout(call: () => void, ms: number): unknown {
    this.#timers.set(++this.#last, { at: this.#now + Math.max(0, ms), call });
    return this.#last;
  }

  clearTimeout(timer: unknown): void {
    this.#timers.delete(timer as number);
  }

  /** Runs what is due on the way, and lets promises settle before and after each. */
  async pass(ms: number): Promise<void> {
    const end = this.#now + ms;
    await settle();
    for (;;) {
      const [due] = [...this.#timers].filter(([, { at }]) => at <= end).sort(([, a], [, b]) => a.at - b.at);
      if (!due) break;
      const [timer, { at, call }] = due;
      this.#timers.delete(timer);
      this.#now = at;
      call();
      await settle();
    }
    this.#now = end;
  }
}

async function settle(): Promise<void> {
  for (let turn = 0; turn < 10; turn++) await Promise.resolve();
}

export class FakeScreen {
  isSlow = false;
  #waiting: ((at: number) => void)[] = [];

  requestFrame(draw: (at: number) => void): void {
    this.#waiting.push(draw);
  }

  /** One frame, that begins at `at`. */
  draw(at: number): void {
    const now = this.#waiting;
    this.#waiting = [];
    for (const one of now) one(at);
  }
}

type Message = Record<string, unknown> & { type: string };
type Listener = (event: { data: unknown }) => void;

/** How far the server's clock is ahead of the browser's. */
export const SKEW_MS = 3_600_000;

/** One WebSocket; the test is the server. */
export class FakeSocket implements WebSocketLike {
  readonly said: Message[] = [];
  isClosed = false;
  readonly #listeners = new Map<string, Listener[]>();
  #read = 0;

  constructor(
    readonly ticket: string,
    private readonly clock: Clock,
  ) {}

  addEventListener(type: string, listener: Listener | (() => void)): void {
    this.#listeners.set(type, [...(this.#listeners.get(type) ?? []), listener]);
  }

  send(text: string): void {
    this.said.push(JSON.parse(text) as Message);
  }

  close(): void {
    this.isClosed = true;
  }

  /** What was said since this was asked last, without pings. */
  heard(): Message[] {
    const fresh = this.said.slice(this.#read);
    this.#read = this.said.length;
    return fresh.filter(({ type }) => type !== "ping");
  }

  get pings(): number {
    return this.said.filter(({ type }) => type === "ping").length;
  }

  get serverNow(): number {
    return this.clock.now() + SKEW_MS;
  }

  opens(): void {
    this.#tell("open", undefined);
  }

  ends(): void {
    this.isClosed = true;
    this.#tell("close", undefined);
  }

  tells(frame: unknown): void {
    this.#tell("message", typeof frame === "string" ? frame : JSON.stringify(frame));
  }

  welcomes(renewInMs = 2 * 3_600_000): void {
    this.opens();
    this.tells({ type: "pong", at: this.serverNow });
    const renew_at = this.serverNow + renewInMs;
    this.tells({ type: "welcome", v: 1, heartbeat_s: 240, renew_at, limits: { subscriptions: 100 } });
  }

  /** Answers the newest message as the server does; `refused` of it with that reason. */
  answers(refused: Record<string, string> = {}): void {
    const asked = this.said.findLast(({ type }) => type.endsWith("subscribe"));
    if (!asked) throw new Error("nothing was asked");
    const topics = named(asked).filter((topic) => !(topic in refused));
    const no = Object.entries(refused).map(([topic, reason]) => ({ topic, reason }));
    const { id } = asked;
    if (asked.type === "unsubscribe") this.tells({ type: "unsubscribed", id, topics });
    else if (topics.length === 0) this.tells({ type: "refused", id, refused: no });
    else this.tells({ type: "subscribed", id, topics, complete_from: this.serverNow + 6000, refused: no });
  }

  #tell(type: string, data: unknown): void {
    for (const listener of this.#listeners.get(type) ?? []) listener({ data });
  }
}

/** The topics of a message. */
export function named(message: Message | undefined): string[] {
  const { devices, groups, commands, alarms, all } = message as unknown as {
    devices: string[];
    groups: string[];
    commands: { device: string; id: string }[];
    alarms?: boolean;
    all: boolean;
  };
  return [
    ...(alarms ? ["alarms"] : []),
    ...(all ? ["*"] : []),
    ...devices.map((device) => `device:${device}`),
    ...groups.map((group) => `group:${group}`),
    ...commands.map(({ device, id }) => `command:${device}/${id}`),
  ];
}

/** Everything outside that live data needs. */
export class FakeBrowser implements Browser {
  readonly clock = new FakeClock();
  readonly screen = new FakeScreen();
  readonly sockets: FakeSocket[] = [];
  chance = 0.5;
  online = true;
  hidden = false;
  tickets = 0;
  /** What asking for a ticket throws. */
  noTicket: unknown = null;
  #changed: { network(): void; visibility(): void } | null = null;

  readonly ticket = (): Promise<string> => {
    this.tickets++;
    return this.noTicket === null ? Promise.resolve(`ticket-${this.tickets}`) : Promise.reject(this.noTicket as Error);
  };

  readonly random = (): number => this.chance;
  readonly isOnline = (): boolean => this.online;
  readonly isHidden = (): boolean => this.hidden;

  readonly open = (ticket: string): FakeSocket => {
    const socket = new FakeSocket(ticket, this.clock);
    this.sockets.push(socket);
    return socket;
  };

  listen(changed: { network(): void; visibility(): void }): () => void {
    this.#changed = changed;
    return () => (this.#changed = null);
  }

  hide(hidden: boolean): void {
    this.hidden = hidden;
    this.#changed?.visibility();
  }

  network(online: boolean): void {
    this.online = online;
    this.#changed?.network();
  }

  /** The newest WebSocket. */
  get socket(): FakeSocket {
    const socket = this.sockets.at(-1);
    if (!socket) throw new Error("no WebSocket was opened");
    return socket;
  }
}

export function latest(device: string, readings: Record<string, [ts: number, value: number]>): LatestEvent {
  const data = Object.fromEntries(
    Object.entries(readings).map(([metric, [ts, value]]) => [metric, { ts, value, q: "good" as const }]),
  );
  return { kind: "latest", device, at: Math.max(...Object.values(readings).map(([ts]) => ts)), data };
}

export function presence(device: string, at: number, status: "online" | "offline"): PresenceEvent {
  return { kind: "presence", device, at, data: { status, since: at, reason: null } };
}

export function step(
  device: string,
  command: string,
  at: number,
  status: CommandEvent["data"]["status"],
): CommandEvent {
  const data = { name: "relay", status, step: null, progress: null, result: null, reason: null };
  return { kind: "command", device, command, at, data };
}

export function alarm(device: string, id: string, at: number, version: number): AlarmEvent {
  const data = {
    version,
    rule: "hot",
    severity: "major" as const,
    state: "active" as const,
    title: "Hot",
    message: "It is hot.",
    raised_at: 1,
    cleared_at: null,
    flapping: false,
    acknowledged: false,
    assignee: null,
    comments: 0,
  };
  return { kind: "alarm", device, alarm: id, at, data };
}
