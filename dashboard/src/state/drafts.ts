/**
 * What was typed and not saved, kept while this tab lives: over a reload, another page and a session that ended.
 * Belongs to a person: another who signs in here sees nothing of it.
 */

import { session } from "../api/session.svelte";

const name = (key: string) => `fieldline-draft/${session.me?.id ?? ""}/${key}`;

export function keepDraft(key: string, draft: unknown): void {
  try {
    if (draft === null) sessionStorage.removeItem(name(key));
    else sessionStorage.setItem(name(key), JSON.stringify(draft));
  } catch {
    // A browser that keeps nothing: the draft lives as long as the page.
  }
}

/** Null where nothing was kept, or nothing that `is` says to be such a draft. */
export function keptDraft<T>(key: string, is: (kept: unknown) => kept is T): T | null {
  try {
    const kept: unknown = JSON.parse(sessionStorage.getItem(name(key)) ?? "null");
    return is(kept) ? kept : null;
  } catch {
    return null;
  }
}
