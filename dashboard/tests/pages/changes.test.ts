import { expect, it, vi } from "vitest";

import type { AuditEntry } from "../../src/api/api";
import { described } from "../../src/pages/overview/changes";

// The router needs a page.
vi.mock("../../src/routing/router.svelte", () => {
  const at = (place: string) => (id: string) => `/${place}/${id}`;
  return { to: { device: at("devices"), rule: at("rules"), user: at("users"), alarm: at("alarms") } };
});

const entry = (action: string, kind: string, id: string) =>
  ({ at: 1, who: { id: "user:1", name: "ann@example.com" }, action, subject: { kind, id } }) as AuditEntry;

it("tells a change in words, and leads to what was changed", () => {
  expect(described(entry("device.update", "device", "pump-7"))).toEqual({
    at: 1,
    who: "ann@example.com",
    text: "edited pump-7",
    link: "/devices/pump-7",
  });
});

it("tells of an account without the id that nobody knows", () => {
  const { text, link } = described(entry("user.create", "user", "0be3f654-bd83-41b3-8c3a-00af95d1c24d"));
  expect([text, link]).toEqual(["made an account", "/users/0be3f654-bd83-41b3-8c3a-00af95d1c24d"]);
});

it("names an action that has no words as the audit does", () => {
  expect(described(entry("constructor", "thing", "x"))).toMatchObject({ text: "constructor x", link: null });
});
