/** What somebody wrote and did not save, kept in this browser: over a reload, and the end of a session. */

import { session } from "../../api/session.svelte";
import type { JsonObject } from "../../parts/schema/schema";

export interface Kept {
  readonly document: JsonObject;
  /** Of the installed rule that it began with; null for a new one. */
  readonly version: number | null;
  readonly at: number;
}

/** Belongs to a person: another who signs in here sees nothing of it. */
const name = (rule: string) => `fieldline-rule/${session.me?.id ?? ""}/${rule}`;

export function keepDraft(rule: string, kept: Kept): void {
  try {
    localStorage.setItem(name(rule), JSON.stringify(kept));
  } catch {
    // A browser that keeps nothing: it holds as long as the page.
  }
}

export function keptDraft(rule: string): Kept | null {
  try {
    return JSON.parse(localStorage.getItem(name(rule)) ?? "null") as Kept | null;
  } catch {
    return null;
  }
}

export function dropDraft(rule: string): void {
  try {
    localStorage.removeItem(name(rule));
  } catch {
    // Nothing was kept.
  }
}
