/** How the fleet does, as one sum: the API sums up page by page. */

import { type FleetSummaryView, api, ask } from "../api/api";

type Worst = FleetSummaryView["worst"][number];

export interface Summary {
  readonly devices: number;
  readonly online: number;
  readonly offline: number;
  readonly unknown: number;
  readonly stale: number;
  /** Messages since `from`, and those that never came. */
  readonly received: number;
  readonly lost: number;
  readonly from: number;
  readonly quarantined: number;
  readonly worst: readonly Worst[];
  /** More devices than one look is worth. */
  readonly capped: boolean;
}

/** A page is some hundred devices: beyond some thousands a dashboard is of what it could read. */
const MOST_PAGES = 60;
const SHOWN = 10;

const NONE: Summary = {
  devices: 0,
  online: 0,
  offline: 0,
  unknown: 0,
  stale: 0,
  received: 0,
  lost: 0,
  from: 0,
  quarantined: 0,
  worst: [],
  capped: false,
};

export function added(sum: Summary, page: FleetSummaryView): Summary {
  return {
    devices: sum.devices + page.devices,
    online: sum.online + page.online,
    offline: sum.offline + page.offline,
    unknown: sum.unknown + page.unknown,
    stale: sum.stale + page.stale,
    received: sum.received + page.received,
    lost: sum.lost + page.lost,
    from: sum.from ? Math.min(sum.from, page.window_from) : page.window_from,
    quarantined: sum.quarantined + Object.values(page.quarantined).reduce((all, one) => all + one, 0),
    worst: [...sum.worst, ...page.worst].sort((a, b) => weight(b) - weight(a)).slice(0, SHOWN),
    capped: sum.capped,
  };
}

const REASONS = ["offline", "stale", "lossy", "quarantined"];

/** As the API orders those of a page: by the worst that is wrong, and then by how much is. */
const weight = ({ troubles }: Worst): number =>
  troubles.reduce((all, { reason }) => all + 10 ** (REASONS.length - Math.max(0, REASONS.indexOf(reason))), 0);

export async function summarize(): Promise<Summary> {
  let sum = NONE;
  let cursor: string | null = null;
  let pages = 0;
  do {
    const query = cursor === null ? {} : { cursor };
    const page: FleetSummaryView = await ask(api.GET("/fleet/summary", { params: { query } }));
    sum = added(sum, page);
    cursor = page.cursor;
    pages++;
  } while (cursor !== null && pages < MOST_PAGES);
  return { ...sum, capped: cursor !== null };
}
