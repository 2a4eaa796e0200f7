/**
 * What a reader needs of events that come twice, late, or in another order: the newest of each metric, alarm, and kind
 * and device; every step of a command, once. Of two of the same moment the same one stands, whichever came first.
 */

import type { LatestEvent, LiveEvent, Reading } from "./frames";

/** One metric of an event of kind `latest`, or one other event. */
interface Item {
  readonly event: LiveEvent;
  readonly metric?: string;
  /** An alarm's changes are counted; all else goes by when it was. */
  readonly moment: number;
  readonly content: unknown;
}

export class Coalescer {
  readonly #waiting = new Map<string, Item>();
  /** What was taken last of each key, the longest unchanged first. */
  readonly #taken = new Map<string, Pick<Item, "moment" | "content">>();

  /** Beyond `most` keys what waits is given up, and `add` says so; of what was taken the oldest is forgotten. */
  constructor(private readonly most = 20_000) {}

  get isEmpty(): boolean {
    return this.#waiting.size === 0;
  }

  /** False where there was too much: then nothing waits any more, and all has to be read anew. */
  add(events: readonly LiveEvent[]): boolean {
    for (const event of events) {
      for (const [key, item] of itemsOf(event)) {
        const known = this.#waiting.get(key) ?? this.#taken.get(key);
        if (!known || isNewer(item, known)) this.#waiting.set(key, item);
      }
    }
    if (this.#waiting.size <= this.most) return true;
    this.clear();
    return false;
  }

  clear(): void {
    this.#waiting.clear();
  }

  /** What waited, the oldest first; of a device's metrics one event. */
  take(): LiveEvent[] {
    const taken: LiveEvent[] = [];
    const latest = new Map<string, { newest: LatestEvent; data: Record<string, Reading> }>();
    for (const [key, item] of this.#waiting) {
      this.#remember(key, item);
      const { event, metric } = item;
      if (event.kind !== "latest" || metric === undefined) {
        taken.push(event);
        continue;
      }
      const known = latest.get(event.device) ?? { newest: event, data: {} };
      if (event.at > known.newest.at) known.newest = event;
      known.data[metric] = item.content as Reading;
      latest.set(event.device, known);
    }
    this.#waiting.clear();
    for (const { newest, data } of latest.values()) taken.push({ ...newest, data });
    return taken.sort((one, other) => one.at - other.at);
  }

  #remember(key: string, { moment, content }: Item): void {
    this.#taken.delete(key);
    this.#taken.set(key, { moment, content });
    if (this.#taken.size <= this.most) return;
    for (const oldest of this.#taken.keys()) {
      this.#taken.delete(oldest);
      break;
    }
  }
}

function* itemsOf(event: LiveEvent): Generator<[string, Item]> {
  const { kind, device, at, data } = event;
  const key = `${kind} ${device}`;
  switch (kind) {
    case "latest":
      for (const [metric, one] of Object.entries(event.data)) {
        yield [`${key} ${metric}`, { event, metric, moment: one.ts, content: one }];
      }
      return;
    case "command":
      yield [`${key} ${event.command} ${at} ${JSON.stringify(data)}`, { event, moment: at, content: null }];
      return;
    case "alarm":
      yield [`${key} ${event.alarm}`, { event, moment: event.data.version, content: data }];
      return;
    default:
      yield [key, { event, moment: at, content: data }];
  }
}

function isNewer(item: Pick<Item, "moment" | "content">, known: Pick<Item, "moment" | "content">): boolean {
  if (item.moment !== known.moment) return item.moment > known.moment;
  return JSON.stringify(item.content) > JSON.stringify(known.content);
}
