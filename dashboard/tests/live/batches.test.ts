import { beforeEach, describe, expect, it } from "vitest";

import { Batches } from "../../src/live/batches";
import type { LiveEvent } from "../../src/live/frames";
import { FakeClock, FakeScreen, alarm, presence } from "./fakes";

let clock: FakeClock;
let screen: FakeScreen;
let told: LiveEvent[][];
let lost: number;
let batches: Batches;

beforeEach(() => {
  clock = new FakeClock();
  screen = new FakeScreen();
  told = [];
  lost = 0;
  batches = new Batches(
    clock,
    screen,
    (events) => told.push(events),
    () => lost++,
    10,
  );
});

/** Ten events a second for that long, on a screen that draws every `frameMs`; how often something was told. */
async function busy(seconds: number, frameMs: number): Promise<number> {
  const before = told.length;
  for (let at = 0; at < seconds * 1000; at += frameMs) {
    await clock.pass(frameMs);
    batches.add([presence("a", clock.now(), "online")]);
    screen.draw(clock.now());
  }
  return told.length - before;
}

describe("pages", () => {
  it("are told once a frame of what came since the last one", () => {
    batches.add([presence("a", 1, "online")]);
    batches.add([presence("b", 2, "online")]);
    expect(told).toEqual([]);
    screen.draw(16);
    expect(told).toEqual([[presence("a", 1, "online"), presence("b", 2, "online")]]);
    screen.draw(32);
    expect(told).toHaveLength(1);
  });

  it("are told at most twice a second on a slow machine", async () => {
    screen.isSlow = true;
    expect(await busy(10, 20)).toBeLessThanOrEqual(21);
    expect(told.length).toBeGreaterThan(15);
  });

  it("are told at most twice a second while drawing takes long, and each frame again when it no longer does", async () => {
    await busy(5, 80);
    expect(await busy(10, 80)).toBeLessThanOrEqual(21);
    await busy(10, 16);
    expect(await busy(1, 16)).toBeGreaterThan(50);
  });

  it("are told the last value too, though nothing follows it", async () => {
    screen.isSlow = true;
    batches.add([presence("a", 1, "online")]);
    screen.draw(0);
    batches.add([presence("a", 2, "offline")]);
    screen.draw(16);
    expect(told).toHaveLength(1);
    await clock.pass(500);
    screen.draw(516);
    expect(told[1]).toEqual([presence("a", 2, "offline")]);
  });
});

describe("while nobody looks", () => {
  it("nothing is told, and afterwards the newest of each", () => {
    batches.hold("hidden");
    for (let at = 1; at <= 100; at++) batches.add([presence("a", at, "online")]);
    screen.draw(16);
    expect(told).toEqual([]);
    batches.release();
    screen.draw(32);
    expect(told).toEqual([[presence("a", 100, "online")]]);
  });

  it("a frame that was asked for before tells nothing", () => {
    batches.add([presence("a", 1, "online")]);
    batches.hold("hidden");
    screen.draw(16);
    expect(told).toEqual([]);
  });

  it("what is too much is given up, and somebody hears that", () => {
    batches.hold("hidden");
    for (let n = 0; n < 11; n++) batches.add([presence(`d${n}`, 1, "online")]);
    expect(lost).toBe(1);
    batches.release();
    screen.draw(16);
    expect(told).toEqual([]);
  });
});

describe("alarms while nobody looks", () => {
  it("are told at once and then at most once a second, without a frame", async () => {
    batches.hold("hidden");
    batches.add([presence("a", 1, "online"), alarm("a", "a1", 2, 1)]);
    expect(told).toEqual([[alarm("a", "a1", 2, 1)]]);
    for (let version = 2; version <= 30; version++) {
      batches.add([alarm("a", "a1", version, version)]);
      await clock.pass(100);
    }
    expect(told.length).toBeGreaterThanOrEqual(3);
    expect(told.length).toBeLessThanOrEqual(4);
    await clock.pass(1_000);
    expect(told.at(-1)).toEqual([alarm("a", "a1", 30, 30)]);
  });

  it("do not wait for a frame that was asked for before the tab was hidden", async () => {
    batches.add([alarm("a", "a1", 1, 1)]);
    batches.hold("hidden");
    await clock.pass(1_000);
    expect(told).toEqual([[alarm("a", "a1", 1, 1)]]);
    batches.add([alarm("a", "a1", 2, 2)]);
    batches.release();
    screen.draw(16);
    expect(told).toHaveLength(2);
    screen.draw(32);
    expect(told).toHaveLength(2);
  });

  it("are told with frames while paused, and values stay", () => {
    batches.hold("paused");
    batches.add([presence("a", 1, "online"), alarm("a", "a1", 2, 1)]);
    expect(told).toEqual([]);
    screen.draw(16);
    expect(told).toEqual([[alarm("a", "a1", 2, 1)]]);
    batches.release();
    screen.draw(32);
    expect(told[1]).toEqual([presence("a", 1, "online")]);
  });

  it("do not wait longer after the clock was set back", async () => {
    batches.hold("hidden");
    batches.add([alarm("a", "a1", 1, 1)]);
    await clock.pass(-3_600_000);
    batches.add([alarm("a", "a1", 2, 2)]);
    await clock.pass(1_000);
    expect(told).toHaveLength(2);
  });

  it("are told still where values are not any more", () => {
    batches.hold("paused");
    batches.add([presence("a", 1, "online"), alarm("a", "a1", 2, 1)]);
    batches.clear("values");
    batches.release();
    screen.draw(16);
    expect(told).toEqual([[alarm("a", "a1", 2, 1)]]);
  });
});

it("tells alarms and values of one frame at once, the oldest first", () => {
  batches.add([presence("a", 3, "online"), alarm("a", "a1", 2, 1), presence("b", 1, "online")]);
  screen.draw(16);
  expect(told).toEqual([[presence("b", 1, "online"), alarm("a", "a1", 2, 1), presence("a", 3, "online")]]);
});
