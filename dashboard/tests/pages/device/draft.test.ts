import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { type ConfigDraft, changes, isDraft, rebased, restored, theirs } from "../../../src/pages/device/config/draft";
import type { JsonObject } from "../../../src/parts/schema/schema";

const BASE = { version: 3, values: { interval_ms: 5000, offset: 1 } };

test("only what was changed is sent, and null takes a setting back to its default", () => {
  const draft = { base: BASE, values: { interval_ms: 6000 } };
  expect(changes(draft)).toEqual({ interval_ms: 6000, offset: null });
});

describe("somebody else saved meanwhile", () => {
  const draft: ConfigDraft = { base: BASE, values: { interval_ms: 6000, offset: 1 } };

  test("what he changed is told, and where it is something that I changed, too", () => {
    expect(theirs(draft, { version: 4, values: { interval_ms: 7000, offset: 2 } })).toEqual([
      { key: "interval_ms", conflict: true },
      { key: "offset", conflict: false },
    ]);
  });

  test("the same change is no conflict", () => {
    expect(theirs(draft, { version: 4, values: { interval_ms: 6000, offset: 1 } })).toEqual([
      { key: "interval_ms", conflict: false },
    ]);
  });

  test("my changes stand upon his", () => {
    const now = { version: 4, values: { interval_ms: 7000, offset: 2 } };
    const after = rebased(draft, now);
    expect(after).toEqual({ base: now, values: { offset: 2, interval_ms: 6000 } });
    expect(changes(after as ConfigDraft)).toEqual({ interval_ms: 6000 });
  });

  test("nothing is left where he changed the same to the same", () =>
    expect(rebased(draft, { version: 4, values: { interval_ms: 6000, offset: 1 } })).toBeNull());

  test("what I took out stays out", () => {
    const now = { version: 4, values: { interval_ms: 5000, offset: 9 } };
    expect(rebased({ base: BASE, values: { interval_ms: 5000 } }, now)?.values).toEqual({ interval_ms: 5000 });
  });

  test("whatever he did, my changes sent upon his give what I wanted of the settings that I touched", () => {
    const values = fc.dictionary(fc.constantFrom("a", "b", "c"), fc.integer({ min: 0, max: 2 }));
    fc.assert(
      fc.property(values, values, values, (base, mine, his) => {
        const draft = { base: { version: 1, values: base }, values: mine };
        const now = { version: 2, values: his };
        const sent = changes(rebased(draft, now) ?? { base: now, values: his });
        const after: JsonObject = { ...his, ...sent };
        for (const key of ["a", "b", "c"]) {
          const wanted = base[key] === mine[key] ? his[key] : mine[key];
          expect(after[key] ?? undefined).toBe(wanted);
        }
      }),
    );
  });
});

test("an earlier version is taken up upon what is there now", () => {
  expect(restored({ interval_ms: 1000 }, BASE)).toEqual({ base: BASE, values: { interval_ms: 1000 } });
  expect(restored({ offset: 1, interval_ms: 5000 }, BASE)).toBeNull();
});

test("what was kept in the browser is a draft only if it looks like one", () => {
  expect(isDraft({ base: BASE, values: {} })).toBe(true);
  for (const odd of [null, [], "x", {}, { base: {}, values: {} }, { base: BASE }]) expect(isDraft(odd)).toBe(false);
});
