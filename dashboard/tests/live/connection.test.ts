import { beforeEach, describe, expect, it } from "vitest";

import type { LiveSocket } from "../../src/live/socket";
import { type FakeBrowser, named, presence } from "./fakes";
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

describe("a connection", () => {
  it("opens with a ticket, says hello, and subscribes once it is welcome", async () => {
    socket.watch({ devices: ["a"], commands: [{ device: "a", id: "c1" }] });
    socket.start();
    await pass(0);
    expect(browser.socket.ticket).toBe("ticket-1");
    browser.socket.opens();
    expect(browser.socket.heard()).toEqual([{ type: "hello", v: 1 }]);
    expect(rig.statuses).toEqual(["connecting"]);
    browser.socket.welcomes();
    const subscribe = browser.socket.heard().find(({ type }) => type === "subscribe");
    expect(named(subscribe)).toEqual(["device:a", "command:a/c1"]);
    expect(rig.statuses).toEqual(["connecting", "live"]);
  });

  it("passes on what it is told, and does not mind what it does not understand", async () => {
    await live();
    browser.socket.tells("no JSON");
    browser.socket.tells({ type: "weather" });
    browser.socket.tells({ type: "events", events: [presence("a", 1, "online"), { kind: "weather" }] });
    expect(rig.events).toEqual([presence("a", 1, "online")]);
    expect(browser.sockets).toHaveLength(1);
  });

  it("is given up where there is no welcome within 20 s", async () => {
    socket.start();
    await pass(0);
    browser.socket.opens();
    await pass(20_000);
    expect(browser.sockets[0]?.isClosed).toBe(true);
    await pass(1_000);
    expect(browser.sockets).toHaveLength(2);
  });

  it("pings with each heartbeat, and goes on where a pong comes", async () => {
    await live();
    for (let beat = 1; beat <= 3; beat++) {
      await pass(240_000);
      expect(browser.socket.pings).toBe(1 + beat);
      browser.socket.tells({ type: "pong", at: browser.socket.serverNow });
    }
    expect(browser.sockets).toHaveLength(1);
  });

  it("is dead where no pong comes within 20 s", async () => {
    await live();
    await pass(240_000 + 19_999);
    expect(browser.socket.isClosed).toBe(false);
    await pass(1);
    expect(browser.socket.isClosed).toBe(true);
    expect(rig.statuses.at(-1)).toBe("reconnecting");
  });

  it("is asked at once when somebody looks again", async () => {
    await live();
    socket.check();
    expect(browser.socket.pings).toBe(2);
    await pass(20_000);
    expect(browser.socket.isClosed).toBe(true);
  });
});

describe("what is watched", () => {
  it("is changed in one message for all changes of a quarter of a second", async () => {
    await live();
    socket.watch({ devices: ["b"] });
    await pass(100);
    socket.watch({ groups: ["plant"] });
    await pass(149);
    expect(browser.socket.heard()).toEqual([]);
    await pass(1);
    expect(browser.socket.heard().map(named)).toEqual([["device:b", "group:plant"]]);
  });

  it("stays where it is wanted by another, and where it is wanted again soon", async () => {
    const first = socket.watch({ devices: ["a"] });
    await live();
    first();
    first();
    await pass(250);
    expect(browser.socket.heard()).toEqual([]);
    const second = socket.watch({ devices: ["b"] });
    await pass(250);
    browser.socket.answers();
    browser.socket.heard();
    second();
    await pass(100);
    socket.watch({ devices: ["b"] });
    await pass(250);
    expect(browser.socket.heard()).toEqual([]);
  });

  it("is left before other things are entered, and nothing is asked before the answer came", async () => {
    const leave = socket.watch({ devices: ["b"] });
    await live();
    leave();
    socket.watch({ devices: ["c"] });
    await pass(250);
    expect(browser.socket.heard()).toMatchObject([{ type: "unsubscribe", devices: ["b"] }]);
    socket.watch({ devices: ["d"] });
    await pass(250);
    expect(browser.socket.heard()).toEqual([]);
    browser.socket.answers();
    expect(browser.socket.heard()).toMatchObject([{ type: "subscribe", devices: ["c", "d"] }]);
  });

  it("is everything alone while everything is wanted", async () => {
    await live();
    const leave = socket.watch({ all: true });
    await pass(250);
    expect(browser.socket.heard()).toMatchObject([{ type: "unsubscribe", devices: ["a"], all: false }]);
    browser.socket.answers();
    expect(browser.socket.heard().map(named)).toEqual([["*"]]);
    browser.socket.answers();
    leave();
    await pass(250);
    browser.socket.answers();
    expect(browser.socket.heard().map(named)).toEqual([["*"], ["device:a"]]);
  });

  it("is no more than a hundred, the rest is refused until there is room", async () => {
    const leave = socket.watch({ devices: ["first"] });
    const names = Array.from({ length: 100 }, (_, at) => `d${at}`);
    socket.watch({ devices: names });
    socket.start();
    await pass(0);
    browser.socket.welcomes();
    browser.socket.answers();
    expect(rig.refused).toEqual([{ topic: "device:d99", reason: "limit" }]);
    leave();
    await pass(250);
    browser.socket.answers();
    browser.socket.answers();
    expect(named(browser.socket.said.at(-1))).toEqual(["device:d99"]);
    expect(rig.refused).toEqual([]);
  });

  it("is asked for once more than 50 messages were said only when a minute is over", async () => {
    await live();
    for (let at = 0; at < 60; at++) {
      socket.watch({ devices: [`d${at}`] });
      await pass(250);
      browser.socket.answers();
    }
    expect(browser.socket.said).toHaveLength(50);
    await pass(MINUTE);
    browser.socket.answers();
    expect(browser.socket.said).toHaveLength(51);
    expect(named(browser.socket.said.at(-1)).at(-1)).toBe("device:d59");
  });
});

describe("what is refused", () => {
  it("is told, with the reason, and not asked for again", async () => {
    socket.watch({ devices: ["a", "gone"] });
    socket.start();
    await pass(0);
    browser.socket.welcomes();
    browser.socket.answers({ "device:gone": "not_found" });
    expect(rig.refused).toEqual([{ topic: "device:gone", reason: "not_found" }]);
    expect(rig.refills).toEqual([{ topics: ["device:a"], reason: "subscribed" }]);
    browser.socket.heard();
    socket.watch({ devices: ["b"] });
    await pass(250);
    expect(browser.socket.heard().map(named)).toEqual([["device:b"]]);
  });

  it("is asked for again by who wants it anew, and by another connection", async () => {
    await live();
    const leave = socket.watch({ devices: ["new"] });
    await pass(250);
    browser.socket.answers({ "device:new": "not_found" });
    leave();
    await pass(250);
    expect(rig.refused).toEqual([]);
    socket.watch({ devices: ["new"] });
    await pass(250);
    browser.socket.answers({ "device:new": "not_found" });
    expect(browser.socket.heard().map(named)).toEqual([["device:new"], ["device:new"]]);
    browser.socket.ends();
    await pass(1_000);
    browser.socket.welcomes();
    expect(named(browser.socket.said.at(-1))).toEqual(["device:a", "device:new"]);
  });

  it("for want of room is asked for again once there is some", async () => {
    const leave = socket.watch({ devices: ["b"] });
    await rig.live();
    socket.watch({ devices: ["c"] });
    await pass(250);
    browser.socket.answers({ "device:c": "limit" });
    expect(rig.refused).toEqual([{ topic: "device:c", reason: "limit" }]);
    leave();
    await pass(250);
    browser.socket.heard();
    browser.socket.answers();
    expect(browser.socket.heard().map(named)).toEqual([["device:c"]]);
  });

  it("is a name that is none, and the rest is watched all the same", async () => {
    socket.watch({ devices: ["a", "No Name"], groups: ["plant"] });
    socket.start();
    await pass(0);
    browser.socket.welcomes();
    browser.socket.tells({ type: "error", slug: "malformed", message: "…", field: "devices[1]" });
    browser.socket.answers();
    expect(named(browser.socket.said.at(-1))).toEqual(["device:a", "group:plant"]);
    expect(rig.refused).toEqual([{ topic: "device:No Name", reason: "malformed" }]);
  });

  it("is also what was allowed and no longer is", async () => {
    await live();
    browser.socket.tells({ type: "revoked", topics: ["device:a"] });
    expect(rig.refused).toEqual([{ topic: "device:a", reason: "revoked" }]);
    expect(browser.socket.heard()).toEqual([]);
  });
});

describe("an error", () => {
  it.each(["rate", "unavailable"])("of slug %s has the same asked again after a while", async (slug) => {
    await live();
    socket.watch({ devices: ["b"] });
    await pass(250);
    browser.socket.heard();
    browser.socket.tells({ type: "error", slug, message: "…" });
    await pass(9_999);
    expect(browser.socket.heard()).toEqual([]);
    await pass(1);
    expect(browser.socket.heard().map(named)).toEqual([["device:b"]]);
  });

  it("that names nothing that was asked ends the connection", async () => {
    await live();
    socket.watch({ devices: ["b"] });
    await pass(250);
    browser.socket.tells({ type: "error", slug: "malformed", message: "…", field: "v" });
    expect(browser.socket.isClosed).toBe(true);
  });
});
