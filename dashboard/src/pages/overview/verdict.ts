/** Whether anything is wrong, in one word and a few. */

import type { AlarmSummary } from "../../api/api";
import type { Summary } from "../../state/summary.svelte";
import { texts as t } from "../../texts";

export interface Verdict {
  readonly level: "ok" | "warn" | "bad";
  readonly parts: readonly string[];
}

/** More than one message of a hundred lost is worth a word. */
export const LOSSY = 0.01;

export function loss({ received, lost }: Pick<Summary, "received" | "lost">): number {
  return received + lost ? lost / (received + lost) : 0;
}

export function verdict(sum: Summary, alarms: readonly AlarmSummary[]): Verdict {
  const grave = alarms.filter(({ severity }) => severity === "critical" || severity === "major");
  const parts: string[] = [];
  if (alarms.length) parts.push(t.overview.openAlarms(alarms.length));
  if (sum.offline) parts.push(t.overview.offline(sum.offline));
  if (sum.stale) parts.push(t.overview.stale(sum.stale));
  if (loss(sum) > LOSSY) parts.push(t.overview.lossy);
  if (grave.length) return { level: "bad", parts };
  if (parts.length) return { level: "warn", parts };
  return { level: "ok", parts: [t.overview.allReport(sum.online)] };
}
