/** Where we are: the address is the state of every page that can be linked to. */

import { type Match, matched } from "./routes";

class Router {
  path = $state(location.pathname);
  search = $state(location.search);
  readonly match: Match | null = $derived(matched(this.path));
  readonly query: URLSearchParams = $derived(new URLSearchParams(this.search));
  #guard: ((to: string) => boolean) | null = null;

  constructor() {
    addEventListener("popstate", () => this.#stepped());
    document.addEventListener("click", (event) => this.#follow(event));
  }

  go(to: string, { replace = false }: { replace?: boolean } = {}): void {
    if (to === location.pathname + location.search) return;
    const moved = new URL(to, location.href).pathname !== location.pathname;
    if (moved && this.#guard?.(to) === false) return;
    history[replace ? "replaceState" : "pushState"](null, "", to);
    this.#read();
    if (moved) scrollTo(0, 0);
  }

  /** Changes parameters of the address, without a step of the history: null takes one out. */
  set(changes: Readonly<Record<string, string | null>>, { push = false }: { push?: boolean } = {}): void {
    const next = new URLSearchParams(location.search);
    for (const [name, value] of Object.entries(changes)) {
      if (value === null || value === "") next.delete(name);
      else next.set(name, value);
    }
    const text = next.toString();
    this.go(location.pathname + (text ? `?${text}` : ""), { replace: !push });
  }

  /** Asks before a page is left for another one; where the answer is false, it stays. Gives what ends the asking. */
  guard(asked: (to: string) => boolean): () => void {
    this.#guard = asked;
    return () => {
      if (this.#guard === asked) this.#guard = null;
    };
  }

  /** Back and forth: the address has changed already. */
  #stepped(): void {
    const to = location.pathname + location.search;
    if (location.pathname !== this.path && this.#guard?.(to) === false) {
      history.pushState(null, "", this.path + this.search);
    } else this.#read();
  }

  #read(): void {
    this.path = location.pathname;
    this.search = location.search;
  }

  #follow(event: MouseEvent): void {
    if (
      event.defaultPrevented ||
      event.button !== 0 ||
      event.metaKey ||
      event.ctrlKey ||
      event.shiftKey ||
      event.altKey
    ) {
      return;
    }
    const link = (event.target as Element | null)?.closest?.("a[href]");
    if (!(link instanceof HTMLAnchorElement) || link.target || link.hasAttribute("download")) return;
    if (link.origin !== location.origin || /^\/(v1|ws|_local)(\/|$)/.test(link.pathname)) return;
    if (link.hash && link.pathname === location.pathname) return;
    event.preventDefault();
    this.go(carried(link));
  }
}

/** The range of the charts goes along from page to page. */
const KEPT = ["from", "to", "zone"];

function carried(link: HTMLAnchorElement): string {
  const target = new URLSearchParams(link.search);
  if (!target.has("from")) {
    const here = new URLSearchParams(location.search);
    for (const name of KEPT) if (here.has(name)) target.set(name, here.get(name) as string);
  }
  const text = target.toString();
  return link.pathname + (text ? `?${text}` : "") + link.hash;
}

export const router = new Router();

/** The address of a thing's page. */
export const to = {
  device: (device: string, tab = "") => `/devices/${encodeURIComponent(device)}${tab && `/${tab}`}`,
  alarm: (alarm: string) => `/alarms/${alarm.split("/").map(encodeURIComponent).join("/")}`,
  rule: (rule: string) => `/rules/${encodeURIComponent(rule)}`,
  user: (user: string) => `/users/${encodeURIComponent(user)}`,
  chart: (device: string, metric: string) => `/charts?s=${encodeURIComponent(`${device}:${metric}`)}`,
};
