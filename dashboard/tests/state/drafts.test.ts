import { beforeEach, expect, it, vi } from "vitest";

import { keepDraft, keptDraft } from "../../src/state/drafts";

const isText = (kept: unknown): kept is string => typeof kept === "string";
function store() {
  const kept = new Map<string, string>();
  return {
    getItem: (name: string) => kept.get(name) ?? null,
    setItem: (name: string, value: string) => kept.set(name, value),
    removeItem: (name: string) => kept.delete(name),
  };
}

beforeEach(() => {
  vi.stubGlobal("sessionStorage", store());
  vi.stubGlobal("localStorage", store());
});

it("keeps a draft until it is forgotten", () => {
  keepDraft("comment", "so far");
  expect(keptDraft("comment", isText)).toBe("so far");
  keepDraft("comment", null);
  expect(keptDraft("comment", isText)).toBeNull();
});

it("keeps a draft with the tab unless it is to outlive that", () => {
  keepDraft("rule", "much work", "browser");
  vi.stubGlobal("sessionStorage", store());
  expect(keptDraft("rule", isText)).toBeNull();
  expect(keptDraft("rule", isText, "browser")).toBe("much work");
});

it("takes nothing for a draft that is none", () => {
  keepDraft("comment", { text: "of another release" });
  expect(keptDraft("comment", isText)).toBeNull();
});
