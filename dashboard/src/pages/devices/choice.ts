/** Which devices are wanted and in which order: what the address says, and what it makes of the fleet. */

import type { Device } from "../../state/fleet.svelte";
import type { Standing } from "../../state/standing";

const SORTS = ["name", "status", "group", "model", "seen", "alarms"] as const;
export type Sort = (typeof SORTS)[number];

export interface Choice {
  readonly q: string;
  readonly status: string;
  readonly group: string;
  readonly model: string;
  /** `key` or `key=value` */
  readonly tag: string;
  readonly sort: Sort;
  readonly down: boolean;
}

export const FILTERS = ["q", "status", "group", "model", "tag"] as const;

export function chosen(query: URLSearchParams): Choice {
  const text = (name: string) => query.get(name) ?? "";
  const [name = "", direction] = text("sort").split(":");
  const sort = SORTS.find((one) => one === name) ?? "name";
  return {
    q: text("q"),
    status: text("status"),
    group: text("group"),
    model: text("model"),
    tag: text("tag"),
    sort,
    down: direction === "down",
  };
}

export const isFiltered = (choice: Choice): boolean => FILTERS.some((name) => choice[name] !== "");

const ORDER: Readonly<Record<Standing, number>> = { offline: 0, stale: 1, unknown: 2, online: 3, decommissioned: 4 };
const byText = new Intl.Collator(undefined, { numeric: true }).compare;

/** Gives a new list; `alarms` counts the open ones of a device. */
export function select(
  devices: Iterable<Device>,
  choice: Choice,
  now: number,
  alarms: (id: string) => number,
): Device[] {
  const q = choice.q.trim().toLowerCase();
  const [key = "", value] = choice.tag.split("=");
  const found: Device[] = [];
  for (const device of devices) {
    if (choice.status && device.standing(now) !== choice.status) continue;
    if (choice.model && device.model !== choice.model) continue;
    if (choice.group && device.group !== choice.group && !device.group.startsWith(`${choice.group}/`)) continue;
    if (key && !(key in device.tags && (value === undefined || device.tags[key] === value))) continue;
    if (q && !hit(device, q)) continue;
    found.push(device);
  }
  const up = comparing(choice.sort, now, alarms);
  const sign = choice.down ? -1 : 1;
  return found.sort((a, b) => sign * up(a, b) || byText(a.id, b.id));
}

function hit(device: Device, q: string): boolean {
  return (
    device.id.includes(q) ||
    device.name.toLowerCase().includes(q) ||
    device.group.toLowerCase().includes(q) ||
    Object.entries(device.tags).some(([key, value]) => `${key}=${value}`.toLowerCase().includes(q))
  );
}

function comparing(sort: Sort, now: number, alarms: (id: string) => number): (a: Device, b: Device) => number {
  if (sort === "status") return (a, b) => ORDER[a.standing(now)] - ORDER[b.standing(now)];
  if (sort === "seen") return (a, b) => (b.seen_at ?? 0) - (a.seen_at ?? 0);
  if (sort === "alarms") return (a, b) => alarms(b.id) - alarms(a.id);
  return (a, b) => byText(a[sort], b[sort]);
}
