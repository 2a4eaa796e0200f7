/** Lists as somebody wants to see them again: an address by a name, in this browser. */

import { session } from "../api/session.svelte";

/** Belongs to a person: another who signs in here begins anew, with a page of their own. */
const KEY = `fieldline-views/${session.me?.id ?? ""}`;
const MOST = 30;

export interface View {
  readonly name: string;
  readonly search: string;
}

function stored(): readonly View[] {
  try {
    const found: unknown = JSON.parse(localStorage.getItem(KEY) ?? "[]");
    if (!Array.isArray(found)) return [];
    return found.filter((one): one is View => typeof one?.name === "string" && typeof one?.search === "string");
  } catch {
    return [];
  }
}

class Views {
  all: readonly View[] = $state.raw(stored());

  save(name: string, search: string): void {
    this.#keep([...this.all.filter((view) => view.name !== name), { name, search }].slice(-MOST));
  }

  drop(name: string): void {
    this.#keep(this.all.filter((view) => view.name !== name));
  }

  #keep(views: readonly View[]): void {
    this.all = views;
    try {
      localStorage.setItem(KEY, JSON.stringify(views));
    } catch {
      // A browser that keeps nothing: they hold until the page is left.
    }
  }
}

export const views = new Views();
