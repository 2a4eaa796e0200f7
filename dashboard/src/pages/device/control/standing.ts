/** How one actuator, or one setting, stands between what is desired and what is reported. */

import { type Draft, type Json, type JsonObject, type Schema, isObject, same } from "../../../parts/schema/schema";
import type { Side } from "../shadow.svelte";

/**
 * `free`: nobody desires anything of it. `agreed`: it is reported as desired. `pending`: desired since, and not reported
 * yet. `waiting`: the same, and the device is not there. `rejected`: the device says why it did not take it.
 * `departed`: the device has reported since, and it is otherwise: something there changed it, or could not do it.
 */
export type Accord = "free" | "agreed" | "pending" | "waiting" | "rejected" | "departed";

/** How each is marked. */
export const BADGES: Readonly<Record<Accord, string>> = {
  free: "",
  agreed: "ok",
  pending: "accent",
  waiting: "warn",
  rejected: "bad",
  departed: "warn",
};

/** A device that is there takes up a wish within seconds; later it is no longer on its way. */
const ON_ITS_WAY_MS = 30_000;

export interface Known {
  readonly connected: boolean;
  readonly now: number;
  /** Whether the device reports what is desired; by the truth of an actuator unless it is said. */
  readonly agrees?: boolean | undefined;
  /** It was seen to be as desired since that was desired: what it is now is news, and not on its way. */
  readonly reached?: boolean | undefined;
  /** When it was asked for here, and when the device had reported last then: to ask again makes no new version. */
  readonly said?: { readonly at: number; readonly reportedAt: number | null } | null | undefined;
}

export function accord(side: Side, key: string, known: Known): Accord {
  const { desired, reported } = side;
  if (!Object.hasOwn(desired.values, key)) return "free";
  if (known.agrees ?? fulfils(reported.values[key], desired.values[key])) return "agreed";
  if (reasonOf(side, key) !== null) return "rejected";
  if (!known.connected) return "waiting";
  if (known.reached) return "departed";
  const { said } = known;
  const heard = said
    ? reported.at !== said.reportedAt
    : desired.at === null || (reported.at !== null && reported.at > desired.at);
  const wished = said?.at ?? desired.at ?? 0;
  return heard && known.now - wished > ON_ITS_WAY_MS ? "departed" : "pending";
}

/** Truth is what can be read back: how long something was wanted for is not reported, and no difference. */
export function fulfils(reported: Draft, desired: Draft): boolean {
  if (!isObject(reported) || !isObject(desired)) return same(reported, desired);
  const told = Object.entries(desired).filter(([key]) => Object.hasOwn(reported, key));
  return told.length > 0 && told.every(([key, value]) => same(reported[key], value));
}

/** Why the device did not take it, in its own words. */
export function reasonOf({ reported }: Side, key: string): string | null {
  return reported.rejected[key] ?? reported.rejected["*"] ?? null;
}

/** The one parameter that a switch can show: the boolean that has to be there, where nothing else has to. */
export function switched(parameters: Schema): string | null {
  const [key, ...others] = parameters.required ?? [];
  if (key === undefined || others.length > 0) return null;
  return parameters.properties?.[key]?.type === "boolean" ? key : null;
}

/** One parameter of what an actuator is; undefined where nobody knows, such as of a valve that moves. */
export function valueOf(values: JsonObject, actuator: string, parameter: string): Json | undefined {
  const of = values[actuator];
  return isObject(of) ? of[parameter] : undefined;
}

/** Keys whose values are not the same in both. */
export function changedKeys(one: JsonObject, other: JsonObject): string[] {
  const keys = new Set([...Object.keys(one), ...Object.keys(other)]);
  return [...keys].filter((key) => !same(one[key], other[key])).sort();
}
