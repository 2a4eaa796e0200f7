/** The open alarms, by lists and events in whatever order these come, and which of them are news. */

import type { AlarmSummary } from "../api/api";
import type { Clock } from "../live/clock";
import type { AlarmEvent } from "../live/frames";

export interface Open {
  readonly items: readonly AlarmSummary[];
  /** There are more than were read. */
  readonly capped: boolean;
}

export interface OpenPorts {
  readonly clock: Clock;
  /** The list as the API has it, which may be behind by a moment. */
  list(): Promise<Open>;
  one(id: string): Promise<AlarmSummary>;
  /** What is shown; undefined before the first was read. */
  shown(): Open | undefined;
  show(open: Open): void;
  /** Has `read` called, and what it gives shown. */
  reload(): Promise<void>;
  /** Open since whoever is told began to look; never empty, the newest first. */
  announce(news: readonly AlarmSummary[]): void;
}

/** What became of one alarm; null: it is not open any more. */
interface Change {
  readonly version: number;
  readonly alarm: AlarmSummary | null;
}

/** More that changed at once are read as one list. */
const FEW = 5;
const LIST_EVERY_MS = 5_000;
/** So often a list may be behind an event before the event is given up. */
const LISTS = 3;

export class OpenAlarms {
  /** Those that are no news; null before the first list. */
  #known: Set<string> | null = null;
  /** Where the known are not all: the newest of them was raised then. */
  #knownUntil: number | null = null;
  /** Changes since each list that is being read was asked for. */
  readonly #reads = new Set<Map<string, Change>>();
  /** Changed by events, and to be read. */
  readonly #due = new Map<string, { version: number; lists: number }>();
  #busy = false;
  #session = 0;

  constructor(private readonly ports: OpenPorts) {}

  /** Somebody begins to look, or ends it: what is open then is no news. */
  begin(): void {
    this.#session++;
    this.#known = null;
    this.#due.clear();
  }

  async read(): Promise<Open> {
    const session = this.#session;
    const changes = new Map<string, Change>();
    this.#reads.add(changes);
    try {
      const { items, capped } = await this.ports.list();
      const shown = new Map((this.ports.shown()?.items ?? []).map((alarm) => [alarm.id, alarm]));
      const now = new Map(items.map((alarm) => [alarm.id, newer(alarm, shown.get(alarm.id))]));
      for (const [id, change] of changes) apply(now, id, change);
      const open = { items: ordered([...now.values()]), capped };
      if (session === this.#session) this.#learn(open);
      return open;
    } finally {
      this.#reads.delete(changes);
    }
  }

  /** What the API says that an alarm is now. */
  put(alarm: AlarmSummary): void {
    this.#change(alarm.id, { version: alarm.version, alarm: alarm.state === "active" ? alarm : null });
  }

  /** An event says that an alarm changed; what it is now, the API says. */
  hear(events: readonly AlarmEvent[]): void {
    const shown = new Map((this.ports.shown()?.items ?? []).map(({ id, version }) => [id, version]));
    for (const { alarm: id, data } of events) {
      if (data.state === "cleared") {
        this.#due.delete(id);
        this.#change(id, { version: data.version, alarm: null });
      } else if ((shown.get(id) ?? -1) < data.version) this.#due.set(id, { version: data.version, lists: 0 });
    }
    void this.#catchUp();
  }

  async #catchUp(): Promise<void> {
    if (this.#busy) return;
    this.#busy = true;
    try {
      while (this.#due.size > 0) {
        if (this.#due.size <= FEW) for (const id of [...this.#due.keys()]) await this.#one(id);
        else await this.#list();
      }
    } finally {
      this.#busy = false;
    }
  }

  async #one(id: string): Promise<void> {
    const session = this.#session;
    const due = this.#due.get(id);
    if (!due) return;
    this.#due.delete(id);
    try {
      const alarm = await this.ports.one(id);
      if (session !== this.#session) return;
      this.put(alarm);
      if (alarm.state !== "active" || !this.#known || this.#known.has(id)) return;
      this.#known.add(id);
      this.ports.announce([alarm]);
    } catch {
      if (session !== this.#session) return;
      // Another event may have come meanwhile.
      if (!this.#due.has(id)) this.#due.set(id, due);
      await this.#list();
    }
  }

  async #list(): Promise<void> {
    await this.ports.reload();
    const shown = new Map((this.ports.shown()?.items ?? []).map(({ id, version }) => [id, version]));
    for (const [id, due] of this.#due) {
      if ((shown.get(id) ?? -1) >= due.version || ++due.lists >= LISTS) this.#due.delete(id);
    }
    await new Promise<void>((pass) => this.ports.clock.setTimeout(pass, LIST_EVERY_MS));
  }

  #learn({ items, capped }: Open): void {
    const known = this.#known;
    const until = this.#knownUntil;
    this.#known = new Set([...(capped && known ? known : []), ...items.map(({ id }) => id)]);
    this.#knownUntil = capped ? Math.max(...items.map(({ raised_at }) => raised_at)) : null;
    if (!known) return;
    // Of those beyond the list some come into view as others end.
    const news = items.filter(({ id, raised_at }) => !known.has(id) && (until === null || raised_at > until));
    if (news.length > 0) this.ports.announce(news.sort((one, other) => other.raised_at - one.raised_at));
  }

  #change(id: string, change: Change): void {
    if (change.alarm === null) this.#known?.delete(id);
    for (const changes of this.#reads) {
      if ((changes.get(id)?.version ?? -1) <= change.version) changes.set(id, change);
    }
    const shown = this.ports.shown();
    if (shown === undefined) return;
    const now = new Map(shown.items.map((alarm) => [alarm.id, alarm]));
    if (apply(now, id, change)) this.ports.show({ items: ordered([...now.values()]), capped: shown.capped });
  }
}

/** Whether it changed anything. */
function apply(alarms: Map<string, AlarmSummary>, id: string, { version, alarm }: Change): boolean {
  const known = alarms.get(id);
  if (known && known.version > version) return false;
  if (alarm === null) return alarms.delete(id);
  alarms.set(id, alarm);
  return true;
}

const newer = (one: AlarmSummary, other: AlarmSummary | undefined): AlarmSummary =>
  other && other.version > one.version ? other : one;

/** The newest that nobody owns first, then the newest. */
export function ordered(alarms: readonly AlarmSummary[]): readonly AlarmSummary[] {
  const owned = (alarm: AlarmSummary) => (alarm.acknowledged || alarm.assignee ? 1 : 0);
  return [...alarms].sort((a, b) => owned(a) - owned(b) || b.raised_at - a.raised_at);
}
