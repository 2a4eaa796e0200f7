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

describe("what is read by REST", () => {
  it("is what was subscribed to, at once and once more when it is complete, by the server's clock", async () => {
    await live();
    expect(rig.refills).toEqual([{ topics: ["device:a"], reason: "subscribed" }]);
    await pass(5_999);
    expect(rig.refills).toHaveLength(1);
    await pass(1);
    expect(rig.refills.slice(1)).toEqual([{ topics: ["device:a"], reason: "complete" }]);
    await pass(MINUTE);
    expect(rig.refills).toHaveLength(2);
  });

  it("is everything that is watched after the connection was lost", async () => {
    await live();
    await pass(10_000);
    rig.refills.length = 0;
    browser.socket.ends();
    await pass(1_000);
    browser.socket.welcomes();
    browser.socket.answers();
    await pass(6_000);
    expect(rig.refills).toEqual([
      { topics: ["device:a"], reason: "subscribed" },
      { topics: ["device:a"], reason: "complete" },
    ]);
  });

  it("is also what was too large to be told", async () => {
    await live();
    rig.refills.length = 0;
    browser.socket.tells({ type: "events", events: [{ kind: "state", device: "a", at: 1, truncated: true }] });
    expect(rig.refills).toEqual([{ topics: ["device:a"], reason: "missed" }]);
  });
});

describe("after an end", () => {
  it("the wait doubles up to 30 s, of which chance takes a part, and a new ticket is asked for each time", async () => {
    browser.chance = 0.999;
    socket.start();
    await pass(0);
    const waits: number[] = [];
    for (let time = 0; time < 9; time++) {
      const began = browser.clock.now();
      const opened = browser.sockets.length;
      browser.socket.ends();
      while (browser.sockets.length === opened) await pass(100);
      waits.push(Math.round((browser.clock.now() - began) / 1000));
    }
    expect(waits).toEqual([1, 2, 4, 8, 16, 30, 30, 30, 30]);
    expect(new Set(browser.sockets.map(({ ticket }) => ticket)).size).toBe(10);
  });

  it("those who were cut off together come back at different times", async () => {
    browser.chance = 0.25;
    socket.start();
    await pass(0);
    browser.socket.ends();
    await pass(249);
    expect(browser.sockets).toHaveLength(1);
    await pass(1);
    expect(browser.sockets).toHaveLength(2);
  });

  it("the wait begins anew once a connection was stable", async () => {
    browser.chance = 0.999;
    socket.start();
    await pass(0);
    for (let time = 0; time < 5; time++) {
      browser.socket.ends();
      await pass(30_000);
    }
    browser.socket.welcomes();
    await pass(30_000);
    const opened = browser.sockets.length;
    browser.socket.ends();
    await pass(1_000);
    expect(browser.sockets).toHaveLength(opened + 1);
  });

  it("a connection that was welcome and ended soon counts as a failure", async () => {
    browser.chance = 0.999;
    socket.start();
    await pass(0);
    for (let time = 0; time < 5; time++) {
      browser.socket.welcomes();
      await pass(20_000);
      browser.socket.ends();
      await pass(30_000);
    }
    browser.socket.welcomes();
    const opened = browser.sockets.length;
    browser.socket.ends();
    await pass(20_000);
    expect(browser.sockets).toHaveLength(opened);
  });

  it.each([
    [401, "ended: signed-out"],
    [403, "ended: forbidden"],
  ])("it is over where the ticket is refused with %i", async (status, ended) => {
    await live();
    browser.noTicket = { status };
    browser.socket.ends();
    await pass(10 * MINUTE);
    expect(rig.statuses.at(-1)).toBe(ended);
    expect(browser.tickets).toBe(2);
  });

  it("it goes on where the ticket fails otherwise", async () => {
    browser.noTicket = { status: 503 };
    socket.start();
    await pass(MINUTE);
    expect(browser.tickets).toBeGreaterThan(3);
    browser.noTicket = null;
    while (browser.sockets.length === 0) await pass(100);
    browser.socket.welcomes();
    expect(rig.statuses).toEqual(["connecting", "live"]);
  });

  it("what ended is tried again when the network comes back", async () => {
    browser.noTicket = { status: 401 };
    socket.start();
    await pass(0);
    browser.noTicket = null;
    socket.check();
    await pass(1_000);
    browser.socket.welcomes();
    expect(rig.statuses.at(-1)).toBe("live");
  });

  it("it says that there is no network, and tries all the same, as the cloud may be on this machine", async () => {
    await live();
    browser.online = false;
    browser.socket.ends();
    expect(rig.statuses.at(-1)).toBe("offline");
    await pass(1_000);
    browser.socket.welcomes();
    expect(rig.statuses.at(-1)).toBe("live");
  });

  it("everything that may no longer be watched ends the connection, and it asks for another", async () => {
    await live();
    browser.socket.tells({ type: "revoked", topics: ["device:a"], everything: true });
    expect(browser.socket.isClosed).toBe(true);
    browser.noTicket = { status: 403 };
    await pass(1_000);
    expect(rig.statuses.at(-1)).toBe("ended: forbidden");
  });
});

describe("once stopped", () => {
  it("nothing is connected, planned or told any more", async () => {
    await live();
    socket.stop();
    const told = rig.refills.length;
    expect(rig.statuses.at(-1)).toBe("ended: stopped");
    browser.socket.tells({ type: "events", events: [presence("a", 1, "online")] });
    browser.socket.ends();
    await pass(10 * MINUTE);
    expect(browser.sockets).toHaveLength(1);
    expect(browser.socket.isClosed).toBe(true);
    expect(rig.events).toEqual([]);
    expect(rig.refills).toHaveLength(told);
  });

  it("a ticket that comes too late opens nothing", async () => {
    socket.start();
    socket.stop();
    await pass(0);
    expect(browser.sockets).toHaveLength(0);
  });

  it("what is watched is watched again with the next start", async () => {
    await live();
    socket.stop();
    socket.start();
    await pass(0);
    browser.socket.welcomes();
    expect(named(browser.socket.said.at(-1))).toEqual(["device:a"]);
  });
});
