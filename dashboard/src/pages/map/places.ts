/** Where devices are, by what they last sent; and the fences that rules draw. */

import type { RuleView } from "../../api/api";
import type { Device } from "../../state/fleet.svelte";

export interface Place {
  readonly device: Device;
  readonly at: readonly [latitude: number, longitude: number];
}

export type Fence =
  | {
      readonly kind: "circle";
      readonly rule: string;
      readonly title: string;
      readonly at: readonly [number, number];
      readonly radius: number;
    }
  | {
      readonly kind: "polygon";
      readonly rule: string;
      readonly title: string;
      readonly points: readonly (readonly [number, number])[];
    };

const within = (value: unknown, most: number): value is number => typeof value === "number" && Math.abs(value) <= most;

/** Null for one that tells no position. */
export function place(device: Device): Place | null {
  const latitude = device.latest["latitude"]?.value;
  const longitude = device.latest["longitude"]?.value;
  return within(latitude, 90) && within(longitude, 180) ? { device, at: [latitude, longitude] } : null;
}

export function fences(rules: readonly RuleView[]): Fence[] {
  return rules.filter(({ enabled }) => enabled).flatMap((rule) => found(rule.document, rule));
}

function found(node: unknown, rule: RuleView): Fence[] {
  if (Array.isArray(node)) return node.flatMap((part) => found(part, rule));
  if (typeof node !== "object" || node === null) return [];
  const { geofence, ...rest } = node as Record<string, unknown>;
  return [...fence(geofence, rule), ...Object.values(rest).flatMap((part) => found(part, rule))];
}

function fence(node: unknown, { id, title }: RuleView): Fence[] {
  if (typeof node !== "object" || node === null) return [];
  const { circle, polygon } = node as { circle?: Record<string, unknown>; polygon?: unknown };
  if (
    circle &&
    within(circle["latitude"], 90) &&
    within(circle["longitude"], 180) &&
    typeof circle["radius_m"] === "number"
  ) {
    return [
      { kind: "circle", rule: id, title, at: [circle["latitude"], circle["longitude"]], radius: circle["radius_m"] },
    ];
  }
  const points = Array.isArray(polygon) ? polygon.flatMap(corner) : [];
  return points.length > 2 ? [{ kind: "polygon", rule: id, title, points }] : [];
}

/** `[latitude, longitude]` */
function corner(point: unknown): (readonly [number, number])[] {
  if (!Array.isArray(point)) return [];
  const [latitude, longitude] = point as unknown[];
  return within(latitude, 90) && within(longitude, 180) ? [[latitude, longitude]] : [];
}
