/** What edits each kind of condition. */

import type { Component } from "svelte";

import type { Kind } from "../../../format/conditions";
import type { JsonObject } from "../../../parts/schema/schema";
import Attribute from "./Attribute.svelte";
import Changes from "./Changes.svelte";
import Comparison from "./Comparison.svelte";
import Geofence from "./Geofence.svelte";
import NoData from "./NoData.svelte";
import Online from "./Online.svelte";
import Other from "./Other.svelte";
import Schedule from "./Schedule.svelte";

export interface LeafProps {
  readonly node: JsonObject;
  /** Its path in the document, as problems name it. */
  readonly at: string;
  readonly onchange: (node: JsonObject) => void;
}

export type LeafKind = Exclude<Kind, "all" | "any" | "not">;

export const LEAVES: Record<LeafKind, Component<LeafProps>> = {
  comparison: Comparison,
  attribute: Attribute,
  changes: Changes,
  no_data: NoData,
  online: Online,
  geofence: Geofence,
  schedule: Schedule,
  other: Other,
};
