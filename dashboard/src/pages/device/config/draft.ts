/** Settings that are being edited: what they were as the editing began, and what they are to be. */

import { type Json, type JsonObject, isObject, same, settled } from "../../../parts/schema/schema";
import { changedKeys } from "../control/standing";

export interface Seen {
  readonly version: number;
  readonly values: JsonObject;
}

export interface ConfigDraft {
  /** What the change is meant for. */
  readonly base: Seen;
  readonly values: JsonObject;
}

/** A merge patch of what was changed: null takes a setting back to its default. */
export function changes({ base, values }: ConfigDraft): Record<string, Json> {
  return Object.fromEntries(
    changedKeys(base.values, values).map((key) => [key, values[key] === undefined ? null : settled(values[key])]),
  );
}

/** What somebody else has changed since, and whether it was changed here, too, to something else. */
export function theirs({ base, values }: ConfigDraft, now: Seen): { key: string; conflict: boolean }[] {
  const mine = new Set(changedKeys(base.values, values));
  return changedKeys(base.values, now.values).map((key) => ({
    key,
    conflict: mine.has(key) && !same(values[key], now.values[key]),
  }));
}

/** My changes upon what is there now; null where nothing is left of them. */
export function rebased({ base, values }: ConfigDraft, now: Seen): ConfigDraft | null {
  const mine = changedKeys(base.values, values);
  const kept = Object.entries(now.values).filter(([key]) => !mine.includes(key));
  const set = mine.flatMap((key) => (values[key] === undefined ? [] : [[key, values[key]] as const]));
  const after: JsonObject = Object.fromEntries([...kept, ...set]);
  return same(after, now.values) ? null : { base: now, values: after };
}

/** Values of an earlier version, to be saved as a new one. */
export function restored(earlier: JsonObject, now: Seen): ConfigDraft | null {
  return same(earlier, now.values) ? null : { base: now, values: earlier };
}

export function isDraft(kept: unknown): kept is ConfigDraft {
  if (!isObject(kept)) return false;
  const { base, values } = kept;
  return isObject(values) && isObject(base) && typeof base["version"] === "number" && isObject(base["values"]);
}
