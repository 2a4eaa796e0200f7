/** The last that was seen, kept in this browser, so that the app opens without a network. Marked with its time. */

import { clear, get, set } from "idb-keyval";

import { clock } from "./clock.svelte";

export interface Kept<T> {
  readonly at: number;
  readonly value: T;
}

/** Belongs to a person: another who signs in here sees nothing of it. */
const name = (owner: string, key: string) => `${owner}/${key}`;

export async function keep(owner: string, key: string, value: unknown): Promise<void> {
  try {
    await set(name(owner, key), { at: clock.at(), value: plain(value) });
  } catch {
    // A full or forbidden store: the app goes on, and opens empty without a network.
  }
}

export async function kept<T>(owner: string, key: string): Promise<Kept<T> | null> {
  try {
    return (await get<Kept<T>>(name(owner, key))) ?? null;
  } catch {
    return null;
  }
}

/** After signing out nothing stays behind. */
export async function forget(): Promise<void> {
  try {
    await clear();
  } catch {
    // Nothing was kept.
  }
}

const DRAFT = "fieldline-draft/";

/** What was typed and not saved outlives a session that ended, and not a sign-out. */
export function forgetDrafts(): void {
  try {
    for (const store of [sessionStorage, localStorage]) {
      for (const name of Object.keys(store)) {
        if (name.startsWith(DRAFT)) store.removeItem(name);
      }
    }
  } catch {
    // A browser that keeps nothing.
  }
}

/** IndexedDB takes plain values only. */
function plain(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value));
}
