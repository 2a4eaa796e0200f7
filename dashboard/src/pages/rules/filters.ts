/** Which rules are shown, as the address says it. */

import type { RuleView } from "../../api/api";
import { bandsOf } from "../rule/document";
import { sentence } from "../../format/conditions";
import type { JsonObject } from "../../parts/schema/schema";

export const FIELDS = ["q", "severity", "scope", "source", "state"] as const;

export interface Wanted {
  readonly q: string;
  readonly severity: string;
  readonly scope: string;
  /** `own`, `model`, or any. */
  readonly source: string;
  /** `on`, `off`, or any. */
  readonly state: string;
}

export function chosen(query: URLSearchParams): Wanted {
  const [q, severity, scope, source, state] = FIELDS.map((name) => query.get(name) ?? "");
  return { q, severity, scope, source, state } as Wanted;
}

type Shown = Pick<RuleView, "id" | "title" | "scope" | "enabled" | "severity" | "default"> & {
  readonly document: Readonly<Record<string, unknown>>;
};

/** Every word of the search is somewhere in the title, id, scope or conditions. */
export function matching<Rule extends Shown>(rules: readonly Rule[], wanted: Wanted): readonly Rule[] {
  const words = wanted.q.toLowerCase().split(/\s+/).filter(Boolean);
  return rules.filter((rule) => {
    if (wanted.severity && rule.severity !== wanted.severity) return false;
    if (wanted.scope && rule.scope !== wanted.scope) return false;
    if (wanted.source && (wanted.source === "model") !== rule.default) return false;
    if (wanted.state && (wanted.state === "on") !== rule.enabled) return false;
    if (words.length === 0) return true;
    const text = [rule.id, rule.title, rule.scope, ...conditions(rule)].join(" ").toLowerCase();
    return words.every((word) => text.includes(word));
  });
}

const conditions = (rule: Shown): string[] =>
  bandsOf(rule.document as JsonObject).flatMap(({ band }) => (band["when"] ? [sentence(band["when"])] : []));
