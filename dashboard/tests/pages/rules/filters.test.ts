import { describe, expect, it } from "vitest";

import { chosen, matching } from "../../../src/pages/rules/filters";

const rule = (id: string, more: object = {}) => ({
  id,
  title: `Title of ${id}`,
  scope: "*",
  enabled: true,
  severity: "major" as const,
  default: false,
  document: { when: { metric: "temperature", above: 8 } },
  ...more,
});
const RULES = [
  rule("warm"),
  rule("silent", { document: { when: { no_data: true, for_ms: 60_000 } }, severity: "minor" }),
  rule("climate:cold", { default: true, scope: "model:climate" }),
  rule("off", { enabled: false, document: {}, severity: null }),
];
const found = (query: string) => matching(RULES, chosen(new URLSearchParams(query))).map(({ id }) => id);

describe("the rules of a search", () => {
  it("are all of them without one", () => expect(found("")).toHaveLength(RULES.length));

  it("have each word somewhere: in title, id, scope or condition", () => {
    expect(found("q=WARM")).toEqual(["warm"]);
    expect(found("q=nothing+has+come")).toEqual(["silent"]);
    expect(found("q=above+climate")).toEqual(["climate:cold"]);
    expect(found("q=warm+silent")).toEqual([]);
  });

  it("are of the severity, scope, source and state that are asked for", () => {
    expect(found("severity=minor")).toEqual(["silent"]);
    expect(found("scope=model:climate")).toEqual(["climate:cold"]);
    expect(found("source=model")).toEqual(["climate:cold"]);
    expect(found("source=own")).toEqual(["warm", "silent", "off"]);
    expect(found("state=off")).toEqual(["off"]);
    expect(found("state=on&severity=major")).toEqual(["warm", "climate:cold"]);
  });
});
