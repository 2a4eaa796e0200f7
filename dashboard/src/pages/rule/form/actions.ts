/** What a rule can do, and at which steps of its alarm. */

import type { JsonObject } from "../../../parts/schema/schema";

export const MOMENTS = ["raised", "escalated", "downgraded", "flapping", "cleared"] as const;
export type Moment = (typeof MOMENTS)[number];

export type ActionKind = "notify" | "command" | "desire";

/** At which moments it is done where the document does not say. */
export const USUAL: Record<ActionKind, readonly Moment[]> = {
  notify: ["raised", "escalated", "cleared"],
  command: ["raised"],
  desire: ["raised"],
};

export const BLANK_ACTIONS: Record<ActionKind, JsonObject> = {
  notify: { notify: [], on: [...USUAL.notify] },
  command: { command: "", on: [...USUAL.command] },
  desire: { desire: {}, on: [...USUAL.desire] },
};

export const actionKind = (action: JsonObject): ActionKind | undefined =>
  (["notify", "command", "desire"] as const).find((kind) => Object.hasOwn(action, kind));
