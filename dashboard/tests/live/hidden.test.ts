import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { Live, type LiveEvent, type Refill } from "../../src/live/live.svelte";
import { FakeBrowser, alarm, named, presence } from "./fakes";

const MINUTE = 60_000;

let browser: FakeBrowser;
let live: Live;
let told: LiveEvent[][];
let refills: Refill[];

beforeEach(() => {
  browser = new FakeBrowser();
  live = new Live(browser);
  told = [];
  refills = [];
  live.on((events) => told.push(events));
  live.onRefill((refill) => refills.push(refill));
});

afterEach(() => {
  live.disconnect();
});

async function connected(alarms = false): Promise<void> {
  live.watch({ devices: ["a"], alarms });
  live.connect(browser.ticket);
  await browser.clock.pass(0);
  browser.socket.welcomes();
  browser.socket.answers();
  await browser.clock.pass(7_000);
  refills.length = 0;
}

function tell(...events: LiveEvent[]): void {
  browser.socket.tells({ type: "events", events });
  browser.screen.draw(browser.clock.now());
}

describe("a hidden tab", () => {
  it("is told nothing, and once it is looked at the newest of each", async () => {
    await connected();
    browser.hide(true);
    tell(presence("a", 1, "online"));
    tell(presence("a", 2, "offline"));
    expect(told).toEqual([]);
    browser.hide(false);
    browser.screen.draw(browser.clock.now());
    expect(told).toEqual([[presence("a", 2, "offline")]]);
    expect(refills).toEqual([]);
  });

  it("reads nothing by REST until it is looked at", async () => {
    await connected();
    browser.hide(true);
    browser.socket.ends();
    await browser.clock.pass(1_000);
    browser.socket.welcomes();
    browser.socket.answers();
    await browser.clock.pass(10_000);
    expect(refills).toEqual([]);
    browser.hide(false);
    expect(refills).toEqual([{ topics: ["device:a"], reason: "missed" }]);
  });

  it("rests after five minutes, and reads everything anew when it is looked at", async () => {
    await connected();
    browser.hide(true);
    tell(presence("a", 1, "online"));
    await browser.clock.pass(4 * MINUTE);
    browser.socket.tells({ type: "pong", at: browser.socket.serverNow });
    await browser.clock.pass(MINUTE - 1);
    expect(browser.socket.isClosed).toBe(false);
    await browser.clock.pass(1);
    expect(browser.socket.isClosed).toBe(true);
    await browser.clock.pass(60 * MINUTE);
    expect(browser.sockets).toHaveLength(1);
    browser.hide(false);
    expect(live.status).toBe("reconnecting");
    await browser.clock.pass(0);
    browser.socket.welcomes();
    browser.socket.answers();
    await browser.clock.pass(6_000);
    browser.screen.draw(browser.clock.now());
    expect(live.status).toBe("live");
    expect(refills.map(({ reason }) => reason)).toEqual(["subscribed", "complete"]);
    expect(told).toEqual([]);
  });

  it("does not rest that was looked at meanwhile", async () => {
    await connected();
    browser.hide(true);
    await browser.clock.pass(4 * MINUTE);
    browser.hide(false);
    browser.socket.tells({ type: "pong", at: browser.socket.serverNow });
    await browser.clock.pass(3 * MINUTE);
    expect(browser.socket.isClosed).toBe(false);
  });
});

describe("alarms in a hidden tab", () => {
  it("are told though no frame is drawn, and values wait", async () => {
    await connected(true);
    browser.hide(true);
    browser.socket.tells({ type: "events", events: [presence("a", 1, "online"), alarm("b", "b1", 2, 1)] });
    await browser.clock.pass(1_000);
    expect(told).toEqual([[alarm("b", "b1", 2, 1)]]);
    browser.hide(false);
    browser.screen.draw(browser.clock.now());
    expect(told[1]).toEqual([presence("a", 1, "online")]);
  });

  it("are read anew by who wants them alone, and the rest by the others once somebody looks", async () => {
    const alarms: Refill[] = [];
    live.onRefill((refill) => alarms.push(refill), { alarms: true });
    await connected(true);
    alarms.length = 0;
    browser.hide(true);
    browser.socket.ends();
    await browser.clock.pass(1_000);
    browser.socket.welcomes();
    browser.socket.answers();
    expect(alarms.map(({ reason }) => reason)).toEqual(["subscribed"]);
    await browser.clock.pass(10_000);
    expect(alarms.map(({ reason }) => reason)).toEqual(["subscribed", "complete"]);
    expect(refills).toEqual([]);
    browser.hide(false);
    expect(refills).toEqual([{ topics: ["alarms", "device:a"], reason: "missed" }]);
    expect(alarms).toHaveLength(2);
  });

  it("alone are watched after five minutes, by the same connection, and all again once somebody looks", async () => {
    await connected(true);
    browser.hide(true);
    browser.socket.heard();
    tell(presence("a", 1, "online"));
    await browser.clock.pass(4 * MINUTE);
    browser.socket.tells({ type: "pong", at: browser.socket.serverNow });
    await browser.clock.pass(MINUTE);
    const [left, ...others] = browser.socket.heard();
    expect([left?.type, named(left), others]).toEqual(["unsubscribe", ["device:a"], []]);
    browser.socket.answers();
    expect(live.status).toBe("live");

    live.watch({ devices: ["c"] });
    await browser.clock.pass(MINUTE);
    expect(browser.socket.heard()).toEqual([]);
    tell(alarm("b", "b1", 2, 1));
    expect(told).toEqual([[alarm("b", "b1", 2, 1)]]);

    browser.hide(false);
    expect(refills).toEqual([{ topics: ["*"], reason: "missed" }]);
    expect(named(browser.socket.heard()[0])).toEqual(["device:a", "device:c"]);
    browser.socket.answers();
    await browser.clock.pass(6_000);
    browser.screen.draw(browser.clock.now());
    expect(refills.slice(1).map(({ reason }) => reason)).toEqual(["subscribed", "complete"]);
    expect(told).toHaveLength(1);
    expect(browser.sockets).toHaveLength(1);
  });

  it("are watched alone by a connection that comes back meanwhile", async () => {
    await connected(true);
    browser.hide(true);
    await browser.clock.pass(4 * MINUTE);
    browser.socket.tells({ type: "pong", at: browser.socket.serverNow });
    await browser.clock.pass(MINUTE);
    browser.socket.answers();
    browser.socket.ends();
    await browser.clock.pass(1_000);
    browser.socket.welcomes();
    expect(browser.sockets).toHaveLength(2);
    expect(browser.socket.heard().map((message) => message.type)).toEqual(["hello", "subscribe"]);
    expect(named(browser.socket.said.at(-1))).toEqual(["alarms"]);
  });
});
