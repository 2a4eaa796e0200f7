import { afterEach, expect, it, vi } from "vitest";

import { covers } from "../../src/api/session.svelte";

afterEach(() => vi.unstubAllGlobals());

type Answers = Record<string, readonly [status: number, body: object]>;

/** A session of its own, whose API answers by path; what is not among them cannot be reached. */
async function asking(answers: Answers) {
  vi.stubGlobal("location", { origin: "http://fieldline.test" });
  vi.stubGlobal("fetch", async (request: Request) => {
    const found = answers[new URL(request.url).pathname];
    if (!found) throw new TypeError("unreached");
    const [status, body] = found;
    const type = status < 400 ? "application/json" : "application/problem+json";
    return new Response(JSON.stringify(body), { status, headers: { "Content-Type": type } });
  });
  vi.resetModules();
  return (await import("../../src/api/session.svelte")).session;
}

const FRESH = [200, { outcome: "signed_in", access_token: "token", expires_in: 900 }] as const;
const problem = (status: number) =>
  [status, { type: "about:blank", title: "Refused", status, detail: "you hold none", request_id: "3d689b60" }] as const;

it("tells somebody without any role from an API that cannot be reached", async () => {
  const answers: Answers = { "/v1/auth/refresh": FRESH, "/v1/me": problem(403) };
  const session = await asking(answers);
  await session.resume();
  expect([session.standing, session.me]).toEqual(["powerless", null]);

  delete answers["/v1/me"];
  await session.resume();
  expect(session.standing).toBe("unreachable");

  answers["/v1/auth/refresh"] = problem(401);
  await session.resume();
  expect(session.standing).toBe("signed-out");
});

it.each([
  ["*", true],
  ["device:pump-7", true],
  ["device:pump-70", false],
  ["group:plant-1", true],
  ["group:plant-1/line-2", true],
  ["group:plant-1/line-20", false],
  ["group:plant", false],
])("the scope %s covers pump-7 of plant-1/line-2: %s", (scope, covered) => {
  expect(covers(scope, "pump-7", "plant-1/line-2")).toBe(covered);
});

it("covers a device of no group by its own name and by everything alone", () => {
  expect([covers("*", "a", null), covers("device:a", "a", null), covers("group:a", "a", null)]).toEqual([
    true,
    true,
    false,
  ]);
});
