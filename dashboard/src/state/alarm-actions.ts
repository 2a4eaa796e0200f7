/** What people do with an alarm. Each gives the alarm as it is then; throws a ProblemError where the API refuses. */

import { type AlarmSummary, api, ask, etag, newKey } from "../api/api";
import { alarms } from "./alarms.svelte";

export type Deed = "acknowledge" | "unacknowledge" | "clear";

const at = (alarm: string) => ({ path: { alarm } });

async function done<T extends AlarmSummary>(answer: Promise<T>): Promise<T> {
  const alarm = await answer;
  alarms.put(alarm);
  return alarm;
}

export const acknowledge = (id: string) => done(ask(api.POST("/alarms/{alarm}/acknowledge", { params: at(id) })));

export const unacknowledge = (id: string) => done(ask(api.POST("/alarms/{alarm}/unacknowledge", { params: at(id) })));

/** Only as it was seen: what has changed meanwhile is looked at first. */
export const clear = ({ id, version }: AlarmSummary) =>
  done(ask(api.POST("/alarms/{alarm}/clear", { params: { ...at(id), header: { "If-Match": etag(version) } } })));

export const assign = (id: string, assignee: string | null) =>
  done(ask(api.POST("/alarms/{alarm}/assign", { params: at(id), body: { assignee } })));

/** `key` stays the same over the tries of one comment, so that it is there once. */
export const comment = (id: string, text: string, key: string = newKey()) =>
  done(
    ask(
      api.POST("/alarms/{alarm}/comments", {
        params: { ...at(id), header: { "Idempotency-Key": key } },
        body: { text },
      }),
    ),
  );

export interface Refused {
  readonly id: string;
  readonly why: string;
}

const MOST = 100;

/** Gives those that it could not be done to, each with the reason. */
export async function inBulk(
  action: Deed | "assign",
  ids: readonly string[],
  assignee: string | null = null,
): Promise<Refused[]> {
  const refused: Refused[] = [];
  for (let from = 0; from < ids.length; from += MOST) {
    const body = { action, alarms: ids.slice(from, from + MOST), ...(action === "assign" && { assignee }) };
    const { items } = await ask(api.POST("/alarms/bulk", { body }));
    for (const { id, alarm, problem, detail } of items) {
      if (alarm) alarms.put(alarm);
      else refused.push({ id, why: detail ?? problem ?? "" });
    }
  }
  return refused;
}
