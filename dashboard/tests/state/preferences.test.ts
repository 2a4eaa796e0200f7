import { beforeEach, expect, it, vi } from "vitest";

const store = new Map<string, string>();

beforeEach(() => {
  vi.resetModules();
  store.clear();
  vi.stubGlobal("localStorage", {
    getItem: (name: string) => store.get(name) ?? null,
    setItem: (name: string, value: string) => store.set(name, value),
  });
  vi.stubGlobal("matchMedia", () => ({ matches: false, addEventListener: () => undefined }));
});
const opened = async () => (await import("../../src/state/preferences.svelte")).preferences;

it("has keyboard shortcuts until they are switched off, and off they stay", async () => {
  const preferences = await opened();
  expect(preferences.shortcuts).toBe(true);
  preferences.choose({ shortcuts: false });
  vi.resetModules();
  const later = await opened();
  expect(later).not.toBe(preferences);
  expect(later.shortcuts).toBe(false);
});

it("goes on with what was chosen before there was such a choice", async () => {
  store.set("fieldline-preferences", JSON.stringify({ theme: "dark" }));
  const preferences = await opened();
  expect([preferences.theme, preferences.shortcuts]).toEqual(["dark", true]);
});
