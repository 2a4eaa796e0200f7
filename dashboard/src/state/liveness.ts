/** How live what is shown is, in one word. */

import { session } from "../api/session.svelte";
import { type LiveStatus, live } from "../live/live.svelte";

/** Opened without a network nothing is connected, and still nobody has signed out. */
export const liveness = (): LiveStatus =>
  live.status === "ended" && session.standing === "unreachable" ? "offline" : live.status;
