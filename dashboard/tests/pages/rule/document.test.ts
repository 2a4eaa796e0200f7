import { describe, expect, it } from "vitest";

import { KINDS, kindOf } from "../../../src/format/conditions";
import {
  SEVERITIES,
  asWritten,
  bandsOf,
  blank,
  metricsOf,
  opposite,
  replaced,
  same,
  scopeParts,
  startsAnew,
  switched,
  thresholdsOf,
  withAnotherBand,
  withBand,
  withKey,
  withoutBand,
} from "../../../src/pages/rule/document";
import type { JsonObject } from "../../../src/parts/schema/schema";

const RULE: JsonObject = {
  rule: "too-warm",
  title: "Too warm",
  scope: "*",
  severity: "major",
  when: { metric: "temperature", above: 8, for_ms: 300_000 },
  clear: { metric: "temperature", below: 7 },
  message: "kept",
};

describe("changing a document", () => {
  it("leaves everything else as it is, in its order", () => {
    const changed = withKey(RULE, "title", "Warmer");
    expect(Object.keys(changed)).toEqual(Object.keys(RULE));
    expect(changed["when"]).toBe(RULE["when"]);
    expect(Object.keys(withKey(RULE, "clear", undefined))).not.toContain("clear");
  });

  it("puts another key where one stood", () => {
    expect(Object.keys(replaced({ a: 1, b: 2, c: 3 }, ["b"], "x", 5))).toEqual(["a", "x", "c"]);
    expect(replaced({ a: 1 }, ["b"], "x", 5)).toEqual({ a: 1, x: 5 });
  });

  it("compares without the order of keys", () => {
    expect(same({ a: 1, b: [1, { c: 2 }] }, { b: [1, { c: 2 }], a: 1 })).toBe(true);
    expect(same({ a: 1 }, { a: 1, b: 1 })).toBe(false);
    expect(same([1, 2], [2, 1])).toBe(false);
    expect(same({ a: null }, {})).toBe(false);
  });
});

describe("severities", () => {
  it("are the rule itself, or its bands, with the paths that problems have", () => {
    expect(bandsOf(RULE)).toEqual([{ at: "", band: RULE }]);
    expect(bandsOf({ bands: [{ severity: "major" }] })).toEqual([{ at: "bands[0].", band: { severity: "major" } }]);
  });

  it("come to be several, and one again, without losing anything", () => {
    const several = withAnotherBand(RULE);
    expect(bandsOf(several).map(({ band }) => band["severity"])).toEqual(["major", "critical"]);
    expect(several["when"]).toBeUndefined();
    expect(several["message"]).toBe("kept");
    expect(withoutBand(several, 1)).toEqual(RULE);
  });

  it("never repeat one", () => {
    let document = RULE;
    for (let at = 1; at < SEVERITIES.length; at++) document = withAnotherBand(document);
    expect(new Set(bandsOf(document).map(({ band }) => band["severity"])).size).toBe(SEVERITIES.length);
  });

  it("are changed one by one", () => {
    const several = withAnotherBand(RULE);
    const changed = withBand(several, 1, { severity: "info", when: { online: false } });
    expect(bandsOf(changed)[0]?.band).toEqual(bandsOf(several)[0]?.band);
    expect(bandsOf(changed)[1]?.band["severity"]).toBe("info");
  });
});

describe("clear_after", () => {
  const WHEN = { metric: "temperature", above: 8, for_ms: 300_000 };
  const CLEAR = { not: { metric: "temperature", above: 8 }, for_ms: 60_000 };
  const kept: JsonObject = { ...RULE, clear: CLEAR };

  it("is written again as people write it, so that it follows `when`", () => {
    const rest = withKey(RULE, "clear", undefined);
    expect(asWritten(kept)).toEqual({ ...rest, clear_after_ms: 60_000 });
    expect(asWritten({ bands: [{ severity: "major", when: WHEN, clear: CLEAR }] })).toEqual({
      bands: [{ severity: "major", when: WHEN, clear_after_ms: 60_000 }],
    });
  });

  it("leaves a condition of its own alone", () => {
    expect(asWritten(RULE)).toEqual(RULE);
    const other = { ...kept, clear: { not: { metric: "temperature", above: 9 }, for_ms: 60_000 } };
    expect(asWritten(other)).toEqual(other);
  });

  it("goes by the condition without its count", () => {
    const counted = { when: { metric: "a", above: 1, count: 3 }, clear: { not: { metric: "a", above: 1 }, for_ms: 5 } };
    expect(asWritten(counted)).toEqual({ when: counted.when, clear_after_ms: 5 });
  });

  it("keeps the silence of a device as long as it is", () => {
    const silent = { when: { no_data: true, for_ms: 9 }, clear: { not: { no_data: true, for_ms: 9 }, for_ms: 5 } };
    expect(asWritten(silent)).toEqual({ when: silent.when, clear_after_ms: 5 });
  });
});

describe("a new condition", () => {
  it.each(KINDS)("of the kind %s is of that kind", (kind) => expect(kindOf(blank(kind, "a"))).toBe(kind));

  it("that clears is on the other side", () => {
    expect(opposite({ metric: "a", above: 8, until: 7, count: 3, for_ms: 5 })).toEqual({ metric: "a", below: 8 });
    expect(opposite({ metric: "a", at_most: 8, aggregate: "avg", over_ms: 5 })).toEqual({
      metric: "a",
      above: 8,
      aggregate: "avg",
      over_ms: 5,
    });
    expect(opposite({ online: false, for_ms: 5 })).toEqual({ not: { online: false } });
  });
});

describe("what a rule looks at", () => {
  const document = {
    bands: [
      { severity: "critical", when: { metric: "temperature", above: 95 } },
      {
        severity: "major",
        when: {
          all: [
            { metric: "temperature", above: { metric: "setpoint" } },
            { not: { metric: "current", at_least: 3 } },
            { metric: "current", above: 1, rate_over_ms: 5 },
            { geofence: { circle: {} } },
          ],
        },
      },
    ],
  };

  it("are its metrics, each once", () => {
    expect(metricsOf(document)).toEqual(["temperature", "setpoint", "current", "latitude", "longitude"]);
  });

  it("are the bounds that can be drawn", () => {
    expect(thresholdsOf(document)).toEqual([
      { metric: "temperature", value: 95, severity: "critical" },
      { metric: "current", value: 3, severity: "major" },
    ]);
  });
});

describe("a rule that is installed", () => {
  it("begins anew where its conditions change, and not where its words do", () => {
    expect(startsAnew(RULE, { ...RULE, title: "x", message: "y", actions: [] })).toBe(false);
    expect(startsAnew(RULE, { ...RULE, severity: "minor" })).toBe(true);
    expect(startsAnew(RULE, { ...RULE, stale_after_ms: 5 })).toBe(true);
  });

  it("is enabled without a word", () => {
    expect(switched(RULE, false)).toEqual({ ...RULE, enabled: false });
    expect(switched({ ...RULE, enabled: false }, true)).toEqual(RULE);
  });
});

describe("a scope", () => {
  it.each([
    ["*", "*", ""],
    ["model:climate", "model", "climate"],
    ["group:plant-1/line-2", "group", "plant-1/line-2"],
    ["device:a", "device", "a"],
    ["else", "", ""],
  ])("%s has its parts", (scope, kind, name) => expect(scopeParts(scope)).toEqual({ kind, name }));
});
