/** The bounds in a trace that a metric was held against. */

import type { Trace } from "../../format/traces";
import type { Value } from "../../format/numbers";

export type Operator = "above" | "below" | "at_least" | "at_most" | "equals" | "not_equals";

export interface Bound {
  readonly metric: string;
  readonly operator: Operator;
  readonly threshold: Value;
}

const OPERATORS: readonly Operator[] = ["above", "below", "at_least", "at_most", "equals", "not_equals"];

/** Those that are compared with a value; a rate's or a window's is one of another quantity. */
export function thresholds(trace: Trace): Bound[] {
  const parts = [trace["all"], trace["any"]].flatMap((list) => (Array.isArray(list) ? (list as Trace[]) : []));
  if (typeof trace["not"] === "object" && trace["not"] !== null) parts.push(trace["not"] as Trace);
  const below = parts.flatMap(thresholds);
  const metric = trace["metric"];
  const operator = OPERATORS.find((one) => one in trace);
  if (typeof metric !== "string" || !operator || "rate_over_ms" in trace || "aggregate" in trace) return below;
  const given = trace[operator];
  const threshold = (typeof given === "object" ? trace["threshold"] : given) as Value;
  return threshold === undefined || threshold === null ? below : [{ metric, operator, threshold }, ...below];
}
