/** For which devices a rule is, as people say it. */

import { texts as t } from "../../texts";
import { scopeParts } from "../rule/document";

export function scopeInWords(scope: string): string {
  const { kind, name } = scopeParts(scope);
  if (kind === "*") return t.rules.scopes.all;
  return kind === "" ? scope : t.rules.scopes[kind](name);
}

/** What `Act` asks the session about; undefined: of a single device nobody knows the group here, and the API decides. */
export function placeOf(scope: string): { id: string; group: string | null } | undefined {
  const { kind, name } = scopeParts(scope);
  if (kind === "device") return undefined;
  return { id: "", group: kind === "group" ? name : null };
}
