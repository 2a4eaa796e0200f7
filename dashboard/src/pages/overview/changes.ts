/** An entry of the audit in one line. */

import type { AuditEntry } from "../../api/api";
import { to } from "../../routing/router.svelte";
import { texts as t } from "../../texts";

export interface Change {
  readonly at: number;
  readonly who: string;
  readonly text: string;
  readonly link: string | null;
}

const PAGES: Readonly<Record<string, (id: string) => string>> = {
  device: (id) => to.device(id),
  rule: to.rule,
  user: to.user,
  alarm: to.alarm,
};

/** The page of what was changed, where it has one. */
export const linked = (kind: string, id: string): string | null => PAGES[kind]?.(id) ?? null;

/** By what the audit has of accounts nobody knows whose they are. */
const OPAQUE = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** `device.update` of `pump-7` → "edited pump-7"; an action without words as the API names it. */
export function described({ at, who, action, subject }: AuditEntry): Change {
  const deed = Object.hasOwn(t.overview.deeds, action) ? (t.overview.deeds[action] as string) : action;
  return {
    at,
    who: who.name || who.id,
    text: OPAQUE.test(subject.id) ? deed : `${deed} ${subject.id}`,
    link: linked(subject.kind, subject.id),
  };
}
