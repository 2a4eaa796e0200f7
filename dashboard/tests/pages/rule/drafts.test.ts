import { expect, it, vi } from "vitest";

import { keepDraft, keptDraft } from "../../../src/pages/rule/drafts";

const KEPT = { document: { rule: "warm" }, version: 7, at: 1 };

it.each([
  ["as it is kept", KEPT, KEPT],
  ["of a new rule", { ...KEPT, version: null }, { ...KEPT, version: null }],
  ["without a document", { version: 7, at: 1 }, null],
  ["whose document is a text", { ...KEPT, document: "{}" }, null],
  ["without its time", { document: {}, version: 7 }, null],
])("a draft %s is taken up only if it is one", (_, kept, found) => {
  const store = new Map<string, string>();
  vi.stubGlobal("localStorage", {
    getItem: (name: string) => store.get(name) ?? null,
    setItem: (name: string, value: string) => store.set(name, value),
  });
  keepDraft("warm", kept as typeof KEPT);
  expect(keptDraft("warm")).toEqual(found);
});
