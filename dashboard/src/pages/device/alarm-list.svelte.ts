/** A device's alarms, followed. */

import { type AlarmSummary, api, ask } from "../../api/api";
import { live } from "../../live/live.svelte";
import { Listing } from "../../state/listing.svelte";

export type Which = "all" | "active" | "cleared";

export function alarmsOf(device: string, which: () => Which, limit: number): Listing<AlarmSummary> {
  return new Listing((cursor) =>
    ask(
      api.GET("/devices/{id}/alarms", {
        params: { path: { id: device }, query: { state: which(), limit, ...(cursor && { cursor }) } },
      }),
    ),
  );
}

/** Read again as soon as one of them changes, with all the pages that were opened. */
export function follow(device: string, list: Listing<AlarmSummary>): () => void {
  const wanted = { devices: [device] };
  const ends = [
    live.watch(wanted),
    live.onRefill(() => void list.refresh(), wanted),
    live.on((events) => {
      if (events.some((event) => event.kind === "alarm" && event.device === device)) void list.refresh();
    }),
  ];
  return () => ends.forEach((end) => end());
}
