import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import { socketUrl } from "../../src/live/browser";
import { Live, type LiveEvent, type Refill } from "../../src/live/live.svelte";
import { FakeBrowser, alarm, presence } from "./fakes";

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

describe("live data", () => {
  it("reaches whoever listens until he no longer does", async () => {
    const other: LiveEvent[][] = [];
    const leave = live.on((events) => other.push(events));
    await connected();
    expect(live.status).toBe("live");
    tell(presence("a", 1, "online"));
    leave();
    tell(presence("a", 2, "offline"));
    expect(told).toEqual([[presence("a", 1, "online")], [presence("a", 2, "offline")]]);
    expect(other).toHaveLength(1);
    expect(live.lastEventAt).toBe(browser.clock.now());
  });

  it("reaches the others though one of them fails, and the failure is told", async () => {
    const failures: unknown[] = [];
    const later = vi.spyOn(globalThis, "queueMicrotask").mockImplementation((call) => {
      try {
        call();
      } catch (error) {
        failures.push(error);
      }
    });
    const broken = new Live(browser);
    broken.on(() => {
      throw new Error("a page's mistake");
    });
    broken.on((events) => told.push(events));
    broken.connect(browser.ticket);
    await browser.clock.pass(0);
    browser.socket.welcomes();
    tell(presence("a", 1, "online"));
    later.mockRestore();
    broken.disconnect();
    expect(told).toHaveLength(1);
    expect(failures).toEqual([new Error("a page's mistake")]);
  });

  it("says since when it stands as it does", async () => {
    await connected();
    const since = live.since;
    await browser.clock.pass(MINUTE);
    expect(live.since).toBe(since);
    browser.socket.ends();
    expect(live.status).toBe("reconnecting");
    expect(live.since).toBe(browser.clock.now());
  });

  it("tells what is refused", async () => {
    live.watch({ devices: ["gone"] });
    live.connect(browser.ticket);
    await browser.clock.pass(0);
    browser.socket.welcomes();
    browser.socket.answers({ "device:gone": "not_found" });
    expect(live.refused).toEqual([{ topic: "device:gone", reason: "not_found" }]);
  });

  it("has only those read anew whom it concerns", async () => {
    const mine: Refill[] = [];
    live.onRefill((refill) => mine.push(refill), { devices: ["b"] });
    await connected();
    expect(mine).toEqual([]);
    live.watch({ devices: ["b"] });
    await browser.clock.pass(250);
    browser.socket.answers();
    expect(mine).toEqual([{ topics: ["device:b"], reason: "subscribed" }]);
  });

  it("ends with the session, and begins with the next", async () => {
    await connected();
    live.disconnect();
    expect([live.status, live.ended]).toEqual(["ended", "stopped"]);
    live.connect(browser.ticket);
    await browser.clock.pass(0);
    browser.socket.welcomes();
    expect([live.status, live.ended]).toEqual(["live", null]);
  });
});

describe("paused", () => {
  it("means values: alarms go on", async () => {
    await connected(true);
    live.pause();
    tell(presence("a", 1, "online"), alarm("a", "a1", 2, 1));
    expect(told).toEqual([[alarm("a", "a1", 2, 1)]]);
    expect(live.status).toBe("paused");
    live.resume();
    browser.screen.draw(browser.clock.now());
    expect(told[1]).toEqual([presence("a", 1, "online")]);
  });

  it("is over before anybody is told to read anew", async () => {
    await connected(true);
    live.pause();
    browser.socket.ends();
    await browser.clock.pass(1_000);
    browser.socket.welcomes();
    browser.socket.answers();
    const statuses: string[] = [];
    live.onRefill(() => statuses.push(live.status));
    live.resume();
    expect(statuses).toEqual(["live"]);
  });

  it("nothing is told until it goes on, and then what came meanwhile", async () => {
    await connected();
    live.pause();
    expect(live.status).toBe("paused");
    tell(presence("a", 1, "online"));
    browser.hide(true);
    browser.hide(false);
    browser.screen.draw(browser.clock.now());
    expect(told).toEqual([]);
    live.resume();
    browser.screen.draw(browser.clock.now());
    expect(live.status).toBe("live");
    expect(told).toEqual([[presence("a", 1, "online")]]);
  });

  it("stays so while the connection comes and goes, but not beyond the session", async () => {
    await connected();
    live.pause();
    browser.socket.ends();
    await browser.clock.pass(1_000);
    expect(live.status).toBe("paused");
    live.disconnect();
    expect(live.status).toBe("ended");
  });
});

describe("when the network comes back", () => {
  it("what waited for long connects at once", async () => {
    browser.chance = 0.999;
    await connected();
    browser.online = false;
    for (let time = 0; time < 8; time++) {
      browser.socket.ends();
      await browser.clock.pass(30_000);
    }
    browser.socket.ends();
    expect(live.status).toBe("offline");
    const before = browser.sockets.length;
    browser.network(true);
    expect(live.status).toBe("reconnecting");
    await browser.clock.pass(1_000);
    expect(browser.sockets).toHaveLength(before + 1);
  });
});

describe("the address", () => {
  it("is of the origin that the page came from, encrypted as the page is", () => {
    expect(socketUrl({ protocol: "https:", host: "fleet.example" }, "a+b/c=")).toBe(
      "wss://fleet.example/ws?ticket=a%2Bb%2Fc%3D",
    );
    expect(socketUrl({ protocol: "http:", host: "127.0.0.1:8420" }, "t")).toBe("ws://127.0.0.1:8420/ws?ticket=t");
  });
});
