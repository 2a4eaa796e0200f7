/** An entry of the audit in one line. */

import type { AuditEntry } from "../../api/api";
import { to } from "../../routing/router.svelte";

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

/** `devices.update` of `pump-7` → "update pump-7", as the API names what was done. */
export function described({ at, who, action, subject }: AuditEntry): Change {
  return { at, who: who.name || who.id, text: `${action} ${subject.id}`, link: linked(subject.kind, subject.id) };
}
