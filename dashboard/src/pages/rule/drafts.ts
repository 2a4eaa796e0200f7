/** What somebody wrote of a rule and did not save. It is much work, so it outlives the tab. */

import { type JsonObject, isObject } from "../../parts/schema/schema";
import * as drafts from "../../state/drafts";

export interface Kept {
  readonly document: JsonObject;
  /** Of the installed rule that it began with; null for a new one. */
  readonly version: number | null;
  readonly at: number;
}

const key = (rule: string) => `rule/${rule}`;

/** Another release may have kept something else. */
function isKept(kept: unknown): kept is Kept {
  if (!isObject(kept)) return false;
  const { document, version, at } = kept;
  return isObject(document) && (version === null || typeof version === "number") && typeof at === "number";
}

export const keepDraft = (rule: string, kept: Kept): void => drafts.keepDraft(key(rule), kept, "browser");
export const keptDraft = (rule: string): Kept | null => drafts.keptDraft(key(rule), isKept, "browser");
export const dropDraft = (rule: string): void => drafts.keepDraft(key(rule), null, "browser");
