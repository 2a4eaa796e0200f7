import { beforeEach, describe, expect, it } from "vitest";

import type { LiveSocket } from "../../src/live/socket";
import { type FakeBrowser, presence } from "./fakes";
import { Rig } from "./rig";

const MINUTE = 60_000;

let rig: Rig;
let browser: FakeBrowser;
let socket: LiveSocket;

beforeEach(() => {
  rig = new Rig();
  ({ browser, socket } = rig);
});

const pass = (ms: number) => rig.pass(ms);
const live = (renewInMs?: number) => rig.live(renewInMs);

describe("renewal", () => {
  it("connects anew in time by the server's clock, and closes the old connection when nothing can be missed", async () => {
    await live(10 * MINUTE);
    await pass(7_000);
    rig.refills.length = 0;
    for (let at = 0; at < 2; at++) {
      await pass(240_000);
      browser.socket.tells({ type: "pong", at: browser.socket.serverNow });
    }
    expect(browser.sockets).toHaveLength(1);
    await pass(2 * MINUTE - 7_000);
    expect(browser.sockets).toHaveLength(2);
    const [old, fresh] = browser.sockets;
    expect(fresh?.ticket).toBe("ticket-2");
    fresh?.welcomes();
    expect(old?.isClosed).toBe(false);
    fresh?.answers();
    old?.tells({ type: "events", events: [presence("a", 1, "online")] });
    fresh?.tells({ type: "events", events: [presence("a", 2, "online")] });
    expect(rig.events).toHaveLength(2);
    await pass(7_000);
    expect(old?.isClosed).toBe(true);
    expect(fresh?.isClosed).toBe(false);
    expect(rig.statuses).toEqual(["connecting", "live"]);
    expect(rig.refills).toEqual([]);
  });

  it("also comes when the server asks for it, and once", async () => {
    await live();
    browser.socket.tells({ type: "renew", at: browser.socket.serverNow });
    browser.sockets[0]?.tells({ type: "renew", at: browser.socket.serverNow });
    await pass(0);
    expect(browser.sockets).toHaveLength(2);
  });

  it("is tried again where it fails, beside the connection that still is", async () => {
    await live();
    browser.socket.tells({ type: "renew", at: browser.socket.serverNow });
    await pass(0);
    browser.socket.ends();
    expect(rig.statuses.at(-1)).toBe("live");
    await pass(45_000);
    expect(browser.sockets).toHaveLength(3);
    expect(browser.sockets[0]?.isClosed).toBe(false);
  });

  it("has all read anew where the old connection ends too early", async () => {
    await live();
    await pass(7_000);
    rig.refills.length = 0;
    const [old] = browser.sockets;
    old?.tells({ type: "renew", at: old.serverNow });
    await pass(0);
    old?.ends();
    expect(rig.statuses.at(-1)).toBe("reconnecting");
    browser.socket.welcomes();
    browser.socket.answers();
    await pass(7_000);
    expect(rig.refills.map(({ reason }) => reason)).toEqual(["subscribed", "complete"]);
    expect(browser.sockets).toHaveLength(2);
    expect(rig.statuses.at(-1)).toBe("live");
  });
});

describe("renewal of more than one message names", () => {
  it("has anew read what the new connection watched already when the old one ended", async () => {
    const names = Array.from({ length: 60 }, (_, at) => `${"x".repeat(300)}${at}`);
    socket.watch({ groups: names });
    await live();
    browser.socket.answers();
    await pass(7_000);
    rig.refills.length = 0;
    const [old] = browser.sockets;
    old?.tells({ type: "renew", at: old.serverNow });
    await pass(0);
    browser.socket.welcomes();
    browser.socket.answers();
    expect(rig.refills).toEqual([]);
    old?.ends();
    browser.socket.answers();
    expect(rig.refills.flatMap(({ topics }) => topics)).toEqual([...names.map((name) => `group:${name}`), "device:a"]);
  });
});
