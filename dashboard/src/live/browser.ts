/** The browser as live data needs it; tests have another. */

import { clock } from "../state/clock.svelte";
import type { Screen } from "./batches";
import type { Clock } from "./clock";
import type { WebSocketLike } from "./connection";

export interface Browser {
  readonly clock: Clock;
  readonly screen: Screen;
  random(): number;
  open(ticket: string): WebSocketLike;
  isOnline(): boolean;
  isHidden(): boolean;
  /** Until the function that comes back is called. */
  listen(changed: { network(): void; visibility(): void }): () => void;
}

const FEW_CORES = 4;

export const browser: Browser = {
  clock: {
    now: () => clock.at(),
    setTimeout: (call, ms) => setTimeout(call, ms),
    clearTimeout: (timer) => clearTimeout(timer as number | undefined),
  },
  screen: {
    requestFrame: (draw) => requestAnimationFrame(draw),
    get isSlow() {
      return navigator.hardwareConcurrency <= FEW_CORES && matchMedia("(pointer: coarse)").matches;
    },
  },
  random: () => Math.random(),
  open: (ticket) => new WebSocket(socketUrl(location, ticket)),
  isOnline: () => navigator.onLine,
  isHidden: () => document.visibilityState === "hidden",
  listen: ({ network, visibility }) => {
    addEventListener("online", network);
    addEventListener("offline", network);
    document.addEventListener("visibilitychange", visibility);
    return () => {
      removeEventListener("online", network);
      removeEventListener("offline", network);
      document.removeEventListener("visibilitychange", visibility);
    };
  },
};

/** Of the origin that the page came from. */
export function socketUrl({ protocol, host }: Pick<Location, "protocol" | "host">, ticket: string): string {
  return `${protocol === "https:" ? "wss" : "ws"}://${host}/ws?ticket=${encodeURIComponent(ticket)}`;
}
