/** How often rules found something: alarms that are over, counted by rule. */

import type { AlarmSummary } from "../../api/api";

export interface Fired {
  readonly count: number;
  /** When the last was raised, ms. */
  readonly last: number;
}

export interface Tally {
  readonly byRule: ReadonlyMap<string, Fired>;
  /** There are more than were looked at. */
  readonly capped: boolean;
}

interface Page {
  readonly items: readonly Pick<AlarmSummary, "rule" | "raised_at">[];
  readonly cursor: string | null;
}

/** Nobody waits for more; the newest come first. */
const MOST = 500;
const MOST_PAGES = 40;

/** Pages may be empty, and yet have a cursor. `told` is given what is known so far. */
export async function tally(
  read: (cursor: string | null) => Promise<Page>,
  told: (tally: Tally) => void = () => undefined,
  most = MOST,
): Promise<Tally> {
  const byRule = new Map<string, Fired>();
  let cursor: string | null = null;
  let seen = 0;
  for (let pages = 0; pages < MOST_PAGES; pages++) {
    const page: Page = await read(cursor);
    for (const { rule, raised_at } of page.items) {
      const known = byRule.get(rule);
      byRule.set(rule, { count: (known?.count ?? 0) + 1, last: Math.max(known?.last ?? 0, raised_at) });
    }
    seen += page.items.length;
    cursor = page.cursor;
    if (cursor === null || seen >= most) break;
    told({ byRule: new Map(byRule), capped: true });
  }
  return { byRule, capped: cursor !== null };
}
