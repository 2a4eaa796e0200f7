/** Which alarms are wanted: what the address says, and what it leaves of a list. */

import type { AlarmSummary } from "../../api/api";

export interface Wanted {
  readonly q: string;
  readonly state: "active" | "cleared";
  readonly severity: string;
  readonly group: string;
  readonly rule: string;
  /** `none`: of nobody, and not acknowledged; `me`: assigned to whoever looks. */
  readonly owner: "" | "none" | "me";
}

export const FIELDS = ["q", "state", "severity", "group", "rule", "owner"] as const;

export function chosen(query: URLSearchParams): Wanted {
  const text = (name: string) => query.get(name) ?? "";
  const owner = text("owner");
  return {
    q: text("q"),
    state: text("state") === "cleared" ? "cleared" : "active",
    severity: text("severity"),
    group: text("group"),
    rule: text("rule"),
    owner: owner === "none" || owner === "me" ? owner : "",
  };
}

/** Of a list that is here; the API has no search, so that this one is of what is loaded. */
export function matching(alarms: readonly AlarmSummary[], wanted: Wanted, me: string | null): readonly AlarmSummary[] {
  const q = wanted.q.trim().toLowerCase();
  return alarms.filter(
    (alarm) =>
      (!wanted.severity || alarm.severity === wanted.severity) &&
      (!wanted.group || alarm.group === wanted.group || alarm.group.startsWith(`${wanted.group}/`)) &&
      (!wanted.rule || alarm.rule === wanted.rule) &&
      (wanted.owner !== "none" || (!alarm.assignee && !alarm.acknowledged)) &&
      (wanted.owner !== "me" || alarm.assignee?.id === me) &&
      (!q || [alarm.title, alarm.message, alarm.device, alarm.id].some((text) => text.toLowerCase().includes(q))),
  );
}
