/** A device whose metrics are drawn: its name and zone, its last values, its alarms and events. */

import { type AlarmSummary, type DeviceView, type LatestView, api, ask } from "../../api/api";
import { session } from "../../api/session.svelte";
import type { Band, Mark } from "../../charts/points";
import { type LiveEvent, live } from "../../live/live.svelte";
import { alarms } from "../../state/alarms.svelte";
import { Resource } from "../../state/resource.svelte";
import { texts as t } from "../../texts";

/** Beyond so many nothing can be told apart on a chart. */
const MOST_ALARMS = 300;
const MOST_EVENTS = 500;
const PAGE = 100;

interface Page<Item> {
  readonly items: readonly Item[];
  readonly cursor: string | null;
}

export type Known = Pick<LatestView, "ts" | "value"> & Partial<LatestView>;

type Values = Readonly<Record<string, Known>>;

export class Source {
  readonly view: Resource<DeviceView>;
  readonly #values: Resource<Values>;
  readonly #alarms: Resource<readonly AlarmSummary[]>;
  readonly #events: Resource<readonly Mark[]>;
  #from = 0;
  #to = 0;

  constructor(readonly id: string) {
    const path = { id };
    this.view = new Resource(() => ask(api.GET("/devices/{id}", { params: { path } })), { keep: `device/${id}` });
    this.#values = new Resource(async () => (await ask(api.GET("/devices/{id}/latest", { params: { path } }))).latest, {
      keep: `latest/${id}`,
      merge: newest,
    });
    this.#alarms = new Resource(() => {
      const from = this.#from;
      const read = (cursor: string | null) => {
        const query = { state: "all" as const, limit: PAGE, ...(cursor !== null && { cursor }) };
        return ask(api.GET("/devices/{id}/alarms", { params: { path, query } }));
      };
      // Open ones may have begun long before the range: all that are told, while any of a page reaches into it.
      return all<AlarmSummary>(read, MOST_ALARMS, (alarm) => (alarm.cleared_at ?? Infinity) >= from);
    });
    this.#events = new Resource(async () => {
      const range = { from: String(Math.floor(this.#from)), to: String(Math.ceil(this.#to)) };
      const read = (cursor: string | null) => {
        const query = { ...range, limit: PAGE, ...(cursor !== null && { cursor }) };
        return ask(api.GET("/devices/{id}/events", { params: { path, query } }));
      };
      const events = await all(read, MOST_EVENTS, () => true);
      return events.map(({ at, kind }) => ({ at, label: t.charts.event(kind) }));
    });
  }

  readonly name: string = $derived.by(() => this.view.value?.name || this.id);
  readonly interval: number | null | undefined = $derived.by(() =>
    this.view.value || this.view.failure ? (this.view.value?.interval_ms ?? null) : undefined,
  );
  readonly zone: string | undefined = $derived.by(() => this.view.value?.tags["zone"]);

  /** What is known of a metric; undefined while it is not, or where nothing has ever come. */
  latest(metric: string): Known | undefined {
    return this.#values.value?.[metric];
  }

  get ready(): boolean {
    return this.#values.value !== undefined || this.#values.failure !== null;
  }

  bands(prefix: string): Band[] {
    const open = session.may("alarms:read") ? (alarms.byDevice.get(this.id) ?? []) : [];
    const byId = new Map([...(this.#alarms.value ?? []), ...open].map((alarm) => [alarm.id, alarm]));
    return [...byId.values()].map((alarm) => ({
      from: alarm.raised_at,
      to: alarm.cleared_at,
      severity: alarm.severity,
      label: prefix + t.charts.alarm(t.severity[alarm.severity], alarm.title),
    }));
  }

  marks(prefix: string): Mark[] {
    return (this.#events.value ?? []).map(({ at, label }) => ({ at, label: prefix + label }));
  }

  /** What could not be read. */
  get troubles() {
    return [this.view, this.#values, this.#alarms, this.#events].filter(({ failure }) => failure !== null);
  }

  load(): void {
    void this.view.load();
    void this.#values.load();
  }

  /** What else there was in a range; that nobody may see is not asked for. */
  loadBeside(from: number, to: number): void {
    [this.#from, this.#to] = [from, to];
    if (session.may("alarms:read")) void this.#alarms.load();
    if (session.may("events:read")) void this.#events.load();
  }

  follow(): () => void {
    const about = { devices: [this.id] };
    const ends = [live.watch(about), live.on((events) => this.#hear(events)), live.onRefill(() => this.load(), about)];
    return () => ends.forEach((end) => end());
  }

  #hear(events: readonly LiveEvent[]): void {
    let values = this.#values.value;
    for (const event of events) {
      if (event.device !== this.id) continue;
      if (event.kind === "alarm" && session.may("alarms:read")) void this.#alarms.refresh();
      if (event.kind !== "latest") continue;
      for (const [metric, { ts, value, q }] of Object.entries(event.data)) {
        const before = values?.[metric];
        if (!before || before.ts < ts) values = { ...values, [metric]: { ...before, ts, value, q } };
      }
    }
    if (values && values !== this.#values.value) this.#values.move(values);
  }
}

/** Of each metric, of what was read and what was heard meanwhile. */
function newest(read: Values, known: Values): Values {
  const heard = Object.entries(known).filter(([metric, { ts }]) => ts > (read[metric]?.ts ?? -Infinity));
  return { ...read, ...Object.fromEntries(heard.map(([metric, one]) => [metric, { ...read[metric], ...one }])) };
}

async function all<Item>(
  read: (cursor: string | null) => Promise<Page<Item>>,
  most: number,
  reaches: (item: Item) => boolean,
): Promise<Item[]> {
  const found: Item[] = [];
  let cursor: string | null = null;
  do {
    const page: Page<Item> = await read(cursor);
    const wanted = page.items.filter(reaches);
    found.push(...wanted);
    cursor = page.items.length && !wanted.length ? null : page.cursor;
  } while (cursor !== null && found.length < most);
  return found.slice(0, most);
}
