/** When each rule found something last, and how often: the open alarms, and those that ended in the last 30 days. */

import { api, ask } from "../../api/api";
import { session } from "../../api/session.svelte";
import { alarms } from "../../state/alarms.svelte";
import { Resource } from "../../state/resource.svelte";
import { type Tally, tally } from "./fired";

export interface Firing {
  readonly count: number;
  /** There may be more. */
  readonly more: boolean;
  readonly last: number | null;
  readonly active: number;
}

class Firings {
  /** All rules' at once: asked for each of them, the API would look through the same month again and again. */
  readonly past = new Resource<Tally>(
    async () =>
      await tally(
        (cursor) => {
          const query = { state: "cleared" as const, from: "-30d", limit: 100, ...(cursor && { cursor }) };
          return ask(api.GET("/alarms", { params: { query } }));
        },
        (known) => (this.soFar = known),
      ),
  );
  /** While the rest is on its way. */
  soFar: Tally | null = $state.raw(null);
  readonly #open = $derived(Map.groupBy(alarms.items, ({ rule }) => rule));

  load(): void {
    if (session.may("alarms:read")) void this.past.load();
  }

  get ready(): boolean {
    return this.past.value !== undefined;
  }

  of(rule: string): Firing | null {
    const tallied = this.past.value ?? this.soFar;
    if (!tallied) return null;
    const open = this.#open.get(rule) ?? [];
    const past = tallied.byRule.get(rule);
    const last = Math.max(past?.last ?? 0, ...open.map(({ raised_at }) => raised_at));
    return {
      count: (past?.count ?? 0) + open.length,
      more: tallied.capped || alarms.capped,
      last: last || null,
      active: open.length,
    };
  }
}

export const firings = new Firings();
