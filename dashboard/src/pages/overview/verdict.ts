/** Whether anything is wrong, in one word and a few. */

import type { AlarmSummary } from "../../api/api";
import type { Summary } from "../../state/summary.svelte";
import { texts as t } from "../../texts";

export interface Verdict {
  /** `pending`: nothing is known to be wrong, and not all is known yet. */
  readonly level: "ok" | "pending" | "warn" | "bad";
  readonly parts: readonly string[];
}

/** More than one message of a hundred lost is worth a word. */
export const LOSSY = 0.01;

export function loss({ received, lost }: Pick<Summary, "received" | "lost">): number {
  return received + lost ? lost / (received + lost) : 0;
}

/** The open alarms, or why they are not there: nobody may call it well without them. */
export type Alarms = readonly AlarmSummary[] | "pending" | "unreadable" | "forbidden";

export function verdict(sum: Summary, open: Alarms): Verdict {
  const alarms = typeof open === "string" ? [] : open;
  const grave = alarms.filter(({ severity }) => severity === "critical" || severity === "major");
  const parts: string[] = [];
  if (alarms.length) parts.push(t.overview.openAlarms(alarms.length));
  if (sum.offline) parts.push(t.overview.offline(sum.offline));
  if (sum.stale) parts.push(t.overview.stale(sum.stale));
  if (loss(sum) > LOSSY) parts.push(t.overview.lossy);
  if (open === "unreadable") parts.push(t.overview.alarmsUnreadable);
  if (grave.length) return { level: "bad", parts };
  if (parts.length) return { level: "warn", parts };
  if (open === "pending") return { level: "pending", parts: [t.overview.alarmsPending] };
  const well = [
    sum.online ? t.overview.allReport(sum.online) : "",
    sum.unknown ? t.overview.neverSeen(sum.unknown) : "",
  ];
  const known = open === "forbidden" ? t.overview.alarmsForbidden : t.overview.noAlarm;
  return { level: "ok", parts: [...well.filter(Boolean), known] };
}
