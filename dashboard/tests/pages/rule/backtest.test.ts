import { beforeEach, describe, expect, it, vi } from "vitest";

import { session } from "../../../src/api/session.svelte";
import { Backtest, bands, inScope } from "../../../src/pages/rule/test/backtest.svelte";

let asked: { call: string; body: Record<string, unknown> }[];
let states: string[];
const view = (state: string) => ({ id: "b1", device: "press-4", state, result: null, problem: null });

beforeEach(() => {
  vi.useFakeTimers({ now: 1_700_000_000_000 });
  asked = [];
  vi.spyOn(session, "token").mockResolvedValue("t");
  vi.stubGlobal("fetch", async (request: Request) => {
    const url = new URL(request.url);
    const text = await request.text();
    asked.push({ call: `${request.method} ${url.pathname}${url.search}`, body: text ? JSON.parse(text) : {} });
    if (url.pathname === "/v1/devices")
      return Response.json({ items: [{ id: "press-4" }, { id: "press-40" }], cursor: null });
    const state = states.length > 1 ? states.shift() : states[0];
    if (state === "offline") throw new TypeError("no network");
    return state === "refused"
      ? Response.json({ type: "urn:x", title: "No", status: 429, detail: "no", request_id: "r" }, { status: 429 })
      : Response.json(view(state as string), { status: request.method === "POST" ? 202 : 200 });
  });
});

describe("a backtest", () => {
  it("is asked for with the document as it is written, and waited for", async () => {
    states = ["QUEUED", "RUNNING", "DONE"];
    const backtest = new Backtest();
    const run = backtest.run("press-4", "24h", { rule: "warm" });
    await vi.advanceTimersByTimeAsync(0);
    expect(backtest.view?.state).toBe("QUEUED");
    expect(backtest.running).toBe(true);
    await vi.advanceTimersByTimeAsync(10_000);
    await run;
    expect(asked[0]?.body).toEqual({
      device: "press-4",
      from: 1_700_000_000_000 - 86_400_000,
      document: { rule: "warm" },
    });
    expect(backtest.view?.state).toBe("DONE");
    expect(backtest.running).toBe(false);
  });

  it("is not waited for by somebody who left", async () => {
    states = ["QUEUED"];
    const backtest = new Backtest();
    void backtest.run("press-4", "7d", {});
    await vi.advanceTimersByTimeAsync(2000);
    backtest.end();
    await vi.advanceTimersByTimeAsync(2000);
    const before = asked.length;
    await vi.advanceTimersByTimeAsync(60_000);
    expect(asked).toHaveLength(before);
  });

  it("says why it was refused", async () => {
    states = ["refused"];
    const backtest = new Backtest();
    await backtest.run("press-4", "30d", {});
    expect(backtest.failure?.status).toBe(429);
    expect(backtest.running).toBe(false);
  });

  it("goes on being waited for while nobody can be asked", async () => {
    states = ["QUEUED", "refused", "RUNNING", "offline", "DONE"];
    const backtest = new Backtest();
    const run = backtest.run("press-4", "24h", {});
    await vi.advanceTimersByTimeAsync(30_000);
    await run;
    expect([backtest.failure, backtest.view?.state, backtest.running]).toEqual([null, "DONE", false]);
  });

  it("draws what it found", () => {
    expect(bands([{ raised_at: 1, cleared_at: null, severity: "minor" }], (severity) => `found ${severity}`)).toEqual([
      { from: 1, to: null, severity: "minor", label: "found minor" },
    ]);
  });
});

describe("the devices of a scope", () => {
  it.each([
    ["*", "limit=9"],
    ["model:press", "limit=9&model=press"],
    ["group:a/b", "limit=9&group=a%2Fb"],
  ])("%s are looked for as such", async (scope, query) => {
    expect(await inScope({ scope }, "", 9)).toHaveLength(2);
    expect(asked[0]?.call).toBe(`GET /v1/devices?${query}`);
  });

  it("that is one device are that one", async () => {
    const found = await inScope({ scope: "device:press-4" }, "", 9);
    expect(found.map(({ id }) => id)).toEqual(["press-4"]);
  });
});
