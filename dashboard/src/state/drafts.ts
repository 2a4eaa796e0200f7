/**
 * What was typed and not saved, kept over a reload, another page and a session that ended; while this tab lives, or as long
 * as this browser keeps it. Belongs to a person: another who signs in here sees nothing of it.
 */

import { session } from "../api/session.svelte";

export type Keeper = "tab" | "browser";

const name = (key: string) => `fieldline-draft/${session.me?.id ?? ""}/${key}`;
const storeOf = (keeper: Keeper) => (keeper === "tab" ? sessionStorage : localStorage);

/** Null: it is forgotten. */
export function keepDraft(key: string, draft: unknown, keeper: Keeper = "tab"): void {
  try {
    if (draft === null) storeOf(keeper).removeItem(name(key));
    else storeOf(keeper).setItem(name(key), JSON.stringify(draft));
  } catch {
    // A browser that keeps nothing: the draft lives as long as the page.
  }
}

/** Null where nothing was kept, or nothing that `is` says to be such a draft. */
export function keptDraft<T>(key: string, is: (kept: unknown) => kept is T, keeper: Keeper = "tab"): T | null {
  try {
    const kept: unknown = JSON.parse(storeOf(keeper).getItem(name(key)) ?? "null");
    return is(kept) ? kept : null;
  } catch {
    return null;
  }
}
