/** How a device stands, in one word: stale is online and silent for three of its intervals. */

export type Standing = "online" | "stale" | "offline" | "unknown" | "decommissioned";

export const STALE_INTERVALS = 3;

export interface Seen {
  readonly status: "online" | "offline" | "unknown";
  /** Since when it has that status, ms. */
  readonly since?: number | null | undefined;
  /** The device's time of its newest reading, ms. */
  readonly read_at?: number | null | undefined;
  readonly interval_ms?: number | null | undefined;
  readonly decommissioned?: boolean | undefined;
}

/** As the API counts it, but of now: a device becomes stale while one looks. One that has just come has its intervals too. */
export function standing(device: Seen, now: number): Standing {
  if (device.decommissioned) return "decommissioned";
  if (device.status !== "online" || !device.interval_ms) return device.status;
  const heard = Math.max(device.read_at ?? 0, device.since ?? 0);
  return now - heard > STALE_INTERVALS * device.interval_ms ? "stale" : "online";
}
