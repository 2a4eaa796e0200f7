/** The open alarms that may be seen: the one list that menu, title, overview, map and alarms page look at. */

import { type AlarmSummary, api, ask } from "../api/api";
import { live } from "../live/live.svelte";
import { texts as t } from "../texts";
import { notices } from "./notices.svelte";
import { preferences } from "./preferences.svelte";
import { Resource } from "./resource.svelte";
import { chime } from "./sound";

/** Beyond it the count says "so many, or more"; the alarms page goes on by pages. */
export const MOST = 500;
const PAGE = 100;

interface Open {
  readonly items: readonly AlarmSummary[];
  readonly capped: boolean;
}

class Alarms {
  readonly open = new Resource<Open>(read, { keep: "alarms" });
  readonly items: readonly AlarmSummary[] = $derived(this.open.value?.items ?? []);
  readonly capped: boolean = $derived(this.open.value?.capped ?? false);
  readonly unacknowledged: number = $derived(this.items.filter((alarm) => !alarm.acknowledged).length);
  readonly byDevice: ReadonlyMap<string, readonly AlarmSummary[]> = $derived(
    Map.groupBy(this.items, ({ device }) => device),
  );

  /** While somebody is signed in: the list, and what changes of it. Gives what ends it. */
  follow(): () => void {
    void this.open.load();
    const ends = [
      live.watch({ all: true }),
      live.onRefill(() => void this.open.load()),
      live.on((events) => {
        const told = events.filter((event) => event.kind === "alarm");
        if (told.length) void this.#refresh(told.map((event) => event.alarm));
      }),
    ];
    return () => ends.forEach((end) => end());
  }

  /** What the API answered to a change made here. */
  put(alarm: AlarmSummary): void {
    const rest = this.items.filter(({ id }) => id !== alarm.id);
    this.open.put({ items: alarm.state === "active" ? ordered([alarm, ...rest]) : rest, capped: this.capped });
  }

  /** An event says that an alarm changed; what it is now, the API says. */
  async #refresh(ids: readonly string[]): Promise<void> {
    for (const id of new Set(ids)) {
      try {
        const alarm = await ask(api.GET("/alarms/{alarm}", { params: { path: { alarm: id }, query: { limit: 1 } } }));
        const known = this.items.find((one) => one.id === id);
        if (known && known.version >= alarm.version) continue;
        if (!known && alarm.state === "active") this.#announce(alarm);
        this.put(alarm);
      } catch {
        // It is read again with the next refill.
      }
    }
  }

  #announce(alarm: AlarmSummary): void {
    notices.say("alarm", t.alarms.raised(t.severity[alarm.severity], alarm.title, alarm.device), `/alarms/${alarm.id}`);
    if (preferences.sound) chime(alarm.severity);
  }
}

async function read(): Promise<Open> {
  const items: AlarmSummary[] = [];
  let cursor: string | null = null;
  do {
    const query = { state: "active" as const, limit: PAGE, ...(cursor && { cursor }) };
    const page: { items: readonly AlarmSummary[]; cursor: string | null } = await ask(
      api.GET("/alarms", { params: { query } }),
    );
    items.push(...page.items);
    cursor = page.cursor;
  } while (cursor !== null && items.length < MOST);
  return { items: ordered(items), capped: cursor !== null };
}

/** The newest that nobody owns first, then the newest. */
export function ordered(alarms: readonly AlarmSummary[]): readonly AlarmSummary[] {
  const owned = (alarm: AlarmSummary) => (alarm.acknowledged || alarm.assignee ? 1 : 0);
  return [...alarms].sort((a, b) => owned(a) - owned(b) || b.raised_at - a.raised_at);
}

export const alarms = new Alarms();
