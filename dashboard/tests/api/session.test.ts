import { afterEach, expect, it, vi } from "vitest";

import { covers } from "../../src/api/session.svelte";

afterEach(() => vi.unstubAllGlobals());

type Answers = Record<string, readonly [status: number, body: object]>;

/** The channel between tabs, of which this one is all that there are. */
class Tab extends EventTarget {
  static last: Tab;

  constructor() {
    super();
    Tab.last = this;
  }

  postMessage(): void {}
}

/** A session of its own, whose API answers by path; what is not among them cannot be reached. */
async function asking(answers: Answers) {
  const left = vi.fn();
  vi.stubGlobal("BroadcastChannel", Tab);
  vi.stubGlobal("location", { origin: "http://fieldline.test", replace: left });
  vi.stubGlobal("fetch", async (request: Request) => {
    const found = answers[new URL(request.url).pathname];
    if (!found) throw new TypeError("unreached");
    const [status, body] = found;
    const type = status < 400 ? "application/json" : "application/problem+json";
    return new Response(JSON.stringify(body), { status, headers: { "Content-Type": type } });
  });
  vi.resetModules();
  const { session } = await import("../../src/api/session.svelte");
  return Object.assign(session, { left });
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

const ME = { id: "ada", name: "Ada", permissions: [], allowed: [], grants: [] };

/** Ada's session, which has ended. */
async function ended(answers: Answers) {
  Object.assign(answers, { "/v1/auth/refresh": FRESH, "/v1/me": [200, ME] });
  const session = await asking(answers);
  await session.resume();
  answers["/v1/auth/refresh"] = problem(401);
  await expect(session.refused()).rejects.toMatchObject({ status: 401 });
  expect([session.standing, session.me?.id]).toEqual(["ended", "ada"]);
  answers["/v1/auth/refresh"] = FRESH;
  return session;
}

it("goes on with the page where whoever it was signs in again in another tab", async () => {
  const session = await ended({});
  await session.token();
  expect([session.standing, session.left.mock.calls]).toEqual(["signed-in", []]);
});

it("leaves the page where somebody else signs in in another tab", async () => {
  const answers: Answers = {};
  const session = await ended(answers);
  answers["/v1/me"] = [200, { ...ME, id: "bob" }];
  await session.token();
  await vi.waitFor(() => expect(session.left).toHaveBeenCalledWith("/"));
  expect([session.standing, session.me]).toEqual(["signed-out", null]);
});

it("is told by another tab that somebody signed in", async () => {
  const session = await ended({});
  Tab.last.dispatchEvent(new MessageEvent("message", { data: "signed-in" }));
  await vi.waitFor(() => expect(session.standing).toBe("signed-in"));
});

it("forgets at the sign-out what was typed and not saved", async () => {
  const stores = { "fieldline-draft/ada/config/pump-7": "{}", "fieldline-preferences": "{}" };
  const store = Object.assign(
    Object.create({ removeItem: (name: string) => Reflect.deleteProperty(store, name) }),
    stores,
  );
  vi.stubGlobal("sessionStorage", store);
  vi.stubGlobal("localStorage", store);
  const session = await asking({ "/v1/auth/logout": [200, {}] });
  await session.signOut();
  expect(Object.keys(store)).toEqual(["fieldline-preferences"]);
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
