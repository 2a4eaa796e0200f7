/**
 * What a trace says, in words: the tree that the rule engine explains a condition by, as `contract.traces` reads it.
 * A trace of a newer release may have parts that are not known here: they are told as they are.
 */

import { texts } from "../texts";

const t = texts.traces;

export type Trace = Readonly<Record<string, unknown>>;
export type Verdict = "true" | "false" | "unknown";

export interface Line {
  readonly depth: number;
  readonly verdict: Verdict;
  readonly text: string;
}

const GROUPS = ["all", "any"] as const;
const OPERATORS = ["above", "below", "at_least", "at_most", "equals", "not_equals"] as const;
const TOLD = new Set(["verdict", "value", "age_ms", "held_ms", "silent_ms", "threshold", "value_before", "for_ms"]);
const MAX_CHARS = 200;

/** The tree from its root on; `at` is the instant, ms, that it is of. */
export function lines(trace: Trace, at: number, depth = 0): Line[] {
  const verdict = verdictOf(trace);
  for (const word of GROUPS) {
    const parts = trace[word];
    if (Array.isArray(parts)) {
      const own = { depth, verdict, text: `${t.groups[word]}${lasting(trace)}:${held(trace)}` };
      return [own, ...parts.flatMap((part: Trace) => lines(part, at, depth + 1))];
    }
  }
  if (isTrace(trace["not"])) {
    return [
      { depth, verdict, text: `${t.not}${lasting(trace)}:${held(trace)}` },
      ...lines(trace["not"], at, depth + 1),
    ];
  }
  return [{ depth, verdict, text: leaf(trace, at) }];
}

/** A duration as rules write it, by its two greatest units: `1h30m`, `250ms`. */
export function span(ms: number): string {
  let left = Math.max(0, Math.round(ms));
  let text = "";
  let parts = 0;
  for (const [unit, size] of [
    ["d", 86_400_000],
    ["h", 3_600_000],
    ["m", 60_000],
    ["s", 1000],
    ["ms", 1],
  ] as const) {
    const count = Math.floor(left / size);
    left %= size;
    if (count) {
      text += `${count}${unit}`;
      parts++;
    }
    if (parts && (!count || parts === 2 || unit === "s")) break;
  }
  return text || "0s";
}

const isTrace = (value: unknown): value is Trace =>
  typeof value === "object" && value !== null && !Array.isArray(value);

function verdictOf(node: Trace): Verdict {
  const verdict = node["verdict"];
  return verdict === "true" || verdict === "false" ? verdict : "unknown";
}

function leaf(node: Trace, at: number): string {
  const so = held(node);
  return `${what(node)}${lasting(node)}: ${found(node, at)}${so && ","}${so}`.slice(0, MAX_CHARS);
}

/** The condition. */
function what(node: Trace): string {
  if ("no_data" in node) return t.noData(metric(node));
  if ("changes" in node) {
    const ends = (["from", "to"] as const).map((word) => (word in node ? ` ${t[word]} ${shown(node[word])}` : ""));
    return t.changes(metric(node), ends.join(""));
  }
  if ("online" in node) return node["online"] ? t.online : t.offline;
  if ("schedule" in node) return t.schedule(String(node["zone"] ?? "UTC"));
  if ("geofence" in node) return t.geofence(String(node["is"] ?? "inside"));
  const operator = OPERATORS.find((one) => one in node);
  if (!operator) {
    const rest = Object.entries(node).filter(([key]) => !TOLD.has(key));
    return rest.map(([key, value]) => `${key} ${shown(value)}`).join(" ");
  }
  let subject = metric(node);
  if ("rate_over_ms" in node) subject = t.rate(subject, span(Number(node["rate_over_ms"])));
  if ("aggregate" in node)
    subject = t.aggregate(String(node["aggregate"]), subject, span(Number(node["over_ms"] ?? 0)));
  const until = "until" in node ? t.until(shown(node["until"])) : "";
  let times = "";
  if ("count" in node)
    times = "of" in node ? t.of(Number(node["count"]), Number(node["of"])) : t.inARow(Number(node["count"]));
  return `${subject} ${t.operators[operator]} ${operand(node[operator], node)}${until}${times}`;
}

const metric = (node: Trace): string => String(node["metric"] ?? node["attribute"] ?? t.device);

function operand(threshold: unknown, node: Trace): string {
  if (!isTrace(threshold)) return shown(threshold);
  const plus = Number(threshold["plus"] ?? 0);
  const beside = plus ? ` ${plus > 0 ? "+" : "-"} ${shown(Math.abs(plus))}` : "";
  return `${String(threshold["metric"] ?? threshold["attribute"])}${beside} (${shown(node["threshold"])})`;
}

/** What came of it. */
function found(node: Trace, at: number): string {
  if ("silent_ms" in node) return t.silent(span(Number(node["silent_ms"])));
  if ("wall_clock" in node) return t.wallClock(String(node["wall_clock"]));
  return "geofence" in node ? position(node) : value(node, at);
}

function position(node: Trace): string {
  const where = node["position"];
  if (!Array.isArray(where)) return t.noPosition;
  const distance = "distance_m" in node ? t.distance(significant(Number(node["distance_m"]), 6)) : "";
  return `${t.at} ${where.map(shown).join(", ")}${distance}`;
}

function value(node: Trace, at: number): string {
  const computed = "rate_over_ms" in node ? "rate" : "result";
  const age = node["age_ms"];
  const when = typeof age === "number" ? ` ${t.at} ${clock(at - age, at)}` : "";
  if (computed in node) {
    return node[computed] === null ? t.tooLittle : t.computed(shown(node[computed]), when);
  }
  if (!("value" in node)) return t.neverCame;
  const before = "value_before" in node ? t.after(shown(node["value_before"])) : "";
  const now = node["value"] === null ? t.unreliable : shown(node["value"]);
  const doubtful = verdictOf(node) === "unknown" && node["value"] !== null ? t.doubtful : "";
  return `${t.was(now)}${before}${when}${doubtful}`;
}

const lasting = (node: Trace): string => (node["for_ms"] ? t.lasting(span(Number(node["for_ms"]))) : "");
const held = (node: Trace): string => ("held_ms" in node ? t.held(span(Number(node["held_ms"]))) : "");

function shown(one: unknown): string {
  if (typeof one === "number") return Number.isInteger(one) ? String(one) : significant(one, 9);
  return one === null || one === undefined ? t.unknown : String(one);
}

const significant = (one: number, digits: number): string => String(Number(one.toPrecision(digits)));

/** UTC, as rules and their logs say it; with its day only where that is another. */
function clock(ms: number, at: number): string {
  const moment = new Date(ms);
  if (Number.isNaN(moment.getTime())) return `${ms} ms`;
  const text = moment.toISOString();
  return text.slice(0, 10) === new Date(at).toISOString().slice(0, 10)
    ? text.slice(11, 19)
    : text.slice(0, 19).replace("T", " ");
}
