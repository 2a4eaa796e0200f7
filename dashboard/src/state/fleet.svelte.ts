/**
 * The devices that may be seen, as many as one list can hold, each with what changes of it.
 *
 * A device's own figures are signals of their own, so that a value that changes draws one row, and not the list.
 */

import { type DeviceItem, api, ask } from "../api/api";
import { type Failure, failure } from "../api/problems";
import { session } from "../api/session.svelte";
import { type LiveEvent, type Refill, live } from "../live/live.svelte";
import { keep, kept } from "./snapshot";
import { type Standing, standing } from "./standing";

/** Beyond it a list says so, and its search asks the API. */
export const MOST = 5000;
const PAGE = 100;
/** A list of as many pages is read again for a few of its devices. */
const FEW_PAGES = 5;
/** How often it is read again for those that nobody watches: by its length, and not more often than that. */
const EVERY_MS = 60_000;
const A_PAGE_MS = 6_000;
const KEPT = "devices";

export type Latest = NonNullable<DeviceItem["latest"]>;

export class Device {
  readonly id: string;
  name = $state("");
  model = $state("");
  group = $state("");
  tags: Readonly<Record<string, string>> = $state.raw({});
  status: DeviceItem["status"] = $state("unknown");
  since: number | null = $state(null);
  seen_at: number | null = $state(null);
  read_at: number | null = $state(null);
  interval_ms: number | null = $state(null);
  latest: Latest = $state.raw({});
  readonly created_at: number;

  constructor(item: DeviceItem) {
    this.id = item.id;
    this.created_at = item.created_at;
    this.take(item);
  }

  /** What was read. Of values the newer stays, since events may be faster. */
  take(item: DeviceItem): void {
    this.name = item.name;
    this.model = item.model;
    this.group = item.group;
    this.tags = item.tags;
    this.interval_ms = item.interval_ms;
    if ((item.since ?? 0) >= (this.since ?? 0)) {
      this.status = item.status;
      this.since = item.since;
    }
    this.seen_at = newest(this.seen_at, item.seen_at);
    this.read_at = newest(this.read_at, item.read_at);
    if (item.latest) this.latest = merged(item.latest, this.latest);
  }

  standing(now: number): Standing {
    return standing(this, now);
  }
}

const newest = (one: number | null, other: number | null): number | null =>
  one === null || (other !== null && other > one) ? other : one;

function merged(base: Latest, over: Latest): Latest {
  const all = { ...base };
  for (const [metric, reading] of Object.entries(over)) {
    const known = all[metric];
    if (!known || reading.ts > known.ts) all[metric] = reading;
  }
  return all;
}

class Fleet {
  readonly devices = new Map<string, Device>();
  /** Counts what may move a device on a list: one that comes, goes, is renamed or changes its status. */
  version = $state(0);
  loading = $state(false);
  /** The first page is there. */
  ready = $state(false);
  /** There are more than were read. */
  capped = $state(false);
  failure: Failure | null = $state.raw(null);
  /** What is shown was kept from then, since the API cannot be reached. */
  old: number | null = $state(null);
  #turn = 0;

  /** Reads all of them, page by page; the first are shown at once. */
  load = async (): Promise<void> => {
    const turn = ++this.#turn;
    this.loading = true;
    const seen = new Set<string>();
    try {
      let cursor: string | null = null;
      do {
        const query = { limit: PAGE, latest: true, ...(cursor && { cursor }) };
        const page: { items: DeviceItem[]; cursor: string | null } = await json(query);
        if (turn !== this.#turn) return;
        for (const item of page.items) {
          seen.add(item.id);
          this.#put(item);
        }
        cursor = page.cursor;
        this.ready = true;
        this.version++;
      } while (cursor !== null && seen.size < MOST);
      this.capped = cursor !== null;
      if (!this.capped) for (const id of this.devices.keys()) if (!seen.has(id)) this.devices.delete(id);
      this.failure = null;
      this.old = null;
      this.version++;
      if (session.me) void keep(session.me.id, KEPT, [...this.devices.values()].slice(0, PAGE).map(plain));
    } catch (error) {
      if (turn === this.#turn) await this.#recall(failure(error), turn);
    } finally {
      if (turn === this.#turn) this.loading = false;
    }
  };

  /** While a page shows them: those that it watches by events, and the others as they were a while ago. */
  follow(): () => void {
    let readAt = Date.now();
    const load = () => {
      readAt = Date.now();
      void this.load();
    };
    load();
    const timer = setInterval(() => {
      const due = readAt + Math.max(EVERY_MS, this.#pages * A_PAGE_MS) <= Date.now();
      if (due && !this.loading && document.visibilityState === "visible" && live.status !== "paused") load();
    }, A_PAGE_MS);
    const ends = [
      live.on((events) => this.hear(events)),
      live.onRefill((refill) => {
        if (this.#isWorth(refill)) load();
      }),
      () => clearInterval(timer),
    ];
    return () => ends.forEach((end) => end());
  }

  get #pages(): number {
    return Math.ceil(this.devices.size / PAGE);
  }

  /** Of devices that came into view a short list is read, once; a long one is not read for every scroll. */
  #isWorth({ topics, reason }: Refill): boolean {
    if (topics.some((topic) => !topic.startsWith("device:"))) return true;
    return reason !== "subscribed" && this.#pages <= FEW_PAGES;
  }

  /** Where not all are here, the API looks for them; what it finds is there for the list too. */
  async search(q: string): Promise<void> {
    try {
      const { items } = await json({ limit: PAGE, latest: true, q });
      for (const item of items) this.#put(item);
      this.version++;
    } catch (error) {
      this.failure = failure(error);
    }
  }

  hear(events: readonly LiveEvent[]): void {
    let moved = false;
    for (const event of events) {
      const device = this.devices.get(event.device);
      if (!device) continue;
      if (event.kind === "latest") read(device, event);
      else if (event.kind === "presence" && (event.data.since ?? 0) >= (device.since ?? 0)) {
        device.status = event.data.status;
        device.since = event.data.since;
        moved = true;
      } else if (event.kind === "device") {
        if (event.data.decommissioned || event.data.left) this.devices.delete(device.id);
        if (event.data.name !== undefined) device.name = event.data.name;
        if (event.data.model) device.model = event.data.model;
        if (event.data.group !== undefined) device.group = event.data.group;
        if (event.data.tags !== undefined) device.tags = event.data.tags;
        moved = true;
      }
    }
    if (moved) this.version++;
  }

  #put(item: DeviceItem): void {
    const known = this.devices.get(item.id);
    if (known) known.take(item);
    else this.devices.set(item.id, new Device(item));
  }

  async #recall(problem: Failure, turn: number): Promise<void> {
    this.failure = problem;
    if (problem.status !== 0 || !session.me) return;
    const before = await kept<DeviceItem[]>(session.me.id, KEPT);
    if (!before || turn !== this.#turn) return;
    if (this.devices.size === 0) for (const item of before.value) this.#put(item);
    this.old = before.at;
    this.ready = true;
    this.version++;
  }
}

function read(device: Device, event: Extract<LiveEvent, { kind: "latest" }>): void {
  const latest: Latest = { ...device.latest };
  let newestTs = device.read_at;
  for (const [metric, reading] of Object.entries(event.data)) {
    const known = latest[metric];
    if (known && known.ts > reading.ts) continue;
    // What the model says of it came with the list; a metric that is new has none yet.
    latest[metric] = {
      unit: null,
      title: null,
      unmodeled: false,
      age_ms: 0,
      derived: false,
      precision: null,
      ...known,
      ...reading,
    };
    newestTs = newest(newestTs, reading.ts);
  }
  device.latest = latest;
  device.read_at = newestTs;
  device.seen_at = newest(device.seen_at, event.at);
}

function plain(device: Device): DeviceItem {
  const { id, name, model, group, tags, status, since, seen_at, read_at, interval_ms, latest, created_at } = device;
  return {
    id,
    name,
    model,
    group,
    tags,
    status,
    since,
    seen_at,
    read_at,
    interval_ms,
    latest,
    created_at,
    stale: false,
  };
}

async function json(query: { limit: number; latest: boolean; q?: string; cursor?: string }) {
  return await ask(api.GET("/devices", { params: { query } }));
}

export const fleet = new Fleet();
