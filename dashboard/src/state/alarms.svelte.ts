/** The open alarms that may be seen: the one list that menu, title, overview, map and alarms page look at. */

import { type AlarmSummary, api, ask } from "../api/api";
import { browser } from "../live/browser";
import { live } from "../live/live.svelte";
import { texts as t } from "../texts";
import { notices } from "./notices.svelte";
import { type Open, OpenAlarms } from "./open-alarms";
import { preferences } from "./preferences.svelte";
import { Resource } from "./resource.svelte";
import { chime } from "./sound";

/** Beyond it the count says "so many, or more"; the alarms page goes on by pages. */
export const MOST = 500;
const PAGE = 100;
/** As many are said one by one. */
const SAID = 3;
const LEVELS: readonly AlarmSummary["severity"][] = ["critical", "major", "minor", "warning", "info"];

class Alarms {
  readonly #open = new OpenAlarms({
    clock: browser.clock,
    list,
    one: (id) => ask(api.GET("/alarms/{alarm}", { params: { path: { alarm: id }, query: { limit: 1 } } })),
    shown: () => this.open.value,
    // Not as what is put: a list that is being read meanwhile counts.
    show: (open) => (this.open.value = open),
    reload: () => this.open.load(),
    announce,
  });
  readonly open: Resource<Open> = new Resource(() => this.#open.read(), { keep: "alarms" });
  readonly items: readonly AlarmSummary[] = $derived(this.open.value?.items ?? []);
  readonly capped: boolean = $derived(this.open.value?.capped ?? false);
  readonly unacknowledged: number = $derived(this.items.filter((alarm) => !alarm.acknowledged).length);
  readonly byDevice: ReadonlyMap<string, readonly AlarmSummary[]> = $derived(
    Map.groupBy(this.items, ({ device }) => device),
  );

  /** While somebody is signed in, also in a hidden tab: the list, and what changes of it. Gives what ends it. */
  follow(): () => void {
    this.#open.begin();
    void this.open.load();
    const ends = [
      live.watch({ alarms: true }),
      live.onRefill(() => void this.open.load(), { alarms: true }),
      live.on((events) => {
        const told = events.filter((event) => event.kind === "alarm");
        if (told.length) this.#open.hear(told);
      }),
      () => this.#open.begin(),
    ];
    return () => ends.forEach((end) => end());
  }

  /** What the API answered to a change made here. */
  put(alarm: AlarmSummary): void {
    this.#open.put(alarm);
  }
}

async function list(): Promise<Open> {
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
  return { items, capped: cursor !== null };
}

function announce(news: readonly AlarmSummary[]): void {
  const worst = LEVELS.find((level) => news.some(({ severity }) => severity === level)) ?? "info";
  if (news.length > SAID) notices.say("alarm", t.alarms.raisedMany(news.length, t.severity[worst]), "/alarms");
  else {
    // The newest is said last.
    for (const { id, severity, title, device } of [...news].reverse()) {
      notices.say("alarm", t.alarms.raised(t.severity[severity], title, device), `/alarms/${id}`);
    }
  }
  if (preferences.sound) chime(worst);
}

export const alarms = new Alarms();
