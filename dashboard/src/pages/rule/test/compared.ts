/** The alarms of a backtest in one list, newest first, each with what it is beside the installed version's. */

import type { BacktestView } from "../../../api/api";

type Result = NonNullable<BacktestView["result"]>;
export type Episode = Result["tested"]["alarms"][number];
export type Kind = "same" | "changed" | "added" | "removed";

export interface Row {
  readonly episode: Episode;
  /** null: there is nothing to compare it with. */
  readonly kind: Kind | null;
}

/** The answer lists the first of each kind; an alarm that is on no list is the same. */
export function compared({ tested, difference }: Result): Row[] {
  const key = ({ raised_at, cleared_at, severity }: Episode) => `${raised_at}/${cleared_at}/${severity}`;
  const changed = new Set((difference?.changes ?? []).map((change) => key(change.tested)));
  const added = new Set((difference?.additions ?? []).map(key));
  const kindOf = (episode: Episode): Kind | null => {
    if (!difference) return null;
    return added.has(key(episode)) ? "added" : changed.has(key(episode)) ? "changed" : "same";
  };
  const rows: Row[] = [
    ...tested.alarms.map((episode) => ({ episode, kind: kindOf(episode) })),
    ...(difference?.removals ?? []).map((episode) => ({ episode, kind: "removed" as const })),
  ];
  return rows.sort((one, other) => other.episode.raised_at - one.episode.raised_at);
}
