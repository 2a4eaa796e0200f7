import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { Coalescer } from "../../src/live/coalescer";
import type { LiveEvent } from "../../src/live/frames";
import { alarm, latest, presence, step } from "./fakes";

/** What a page knows that takes whatever it is told last. */
function shown(told: readonly LiveEvent[]): Map<string, [moment: number, content: string]> {
  const known = new Map<string, [number, string]>();
  for (const event of told) {
    const key = `${event.kind} ${event.device}`;
    if (event.kind === "latest") {
      for (const [metric, one] of Object.entries(event.data)) {
        known.set(`${key} ${metric}`, [one.ts, JSON.stringify(one)]);
      }
    } else if (event.kind === "alarm") {
      known.set(`${key} ${event.alarm}`, [event.data.version, JSON.stringify(event.data)]);
    } else if (event.kind !== "command") known.set(key, [event.at, JSON.stringify(event.data)]);
  }
  return known;
}

function newest(events: readonly LiveEvent[]): Map<string, number> {
  const known = new Map<string, number>();
  for (const event of events) {
    for (const [key, [moment]] of shown([event])) known.set(key, Math.max(moment, known.get(key) ?? 0));
  }
  return known;
}

const steps = (events: readonly LiveEvent[]) =>
  events.filter(({ kind }) => kind === "command").map((event) => JSON.stringify(event));

const device = fc.constantFrom("a", "b");
const moment = fc.integer({ min: 1, max: 6 });
const anEvent: fc.Arbitrary<LiveEvent> = fc.oneof(
  fc
    .tuple(device, fc.dictionary(fc.constantFrom("x", "y", "z"), fc.tuple(moment, moment), { minKeys: 1 }))
    .map(([of, readings]) => latest(of, readings)),
  fc.tuple(device, moment, fc.constantFrom("online" as const, "offline" as const)).map((one) => presence(...one)),
  fc.tuple(device, fc.constantFrom("a.1", "a.2"), moment, moment).map((one) => alarm(...one)),
  fc
    .tuple(device, fc.constantFrom("c1", "c2"), moment, fc.constantFrom("SENT" as const, "SUCCEEDED" as const))
    .map((one) => step(...one)),
);
/** Each event perhaps twice, in any order; `true` is where what waits is taken. */
const story = fc
  .array(anEvent, { minLength: 1, maxLength: 20 })
  .chain((events) =>
    fc.record({
      events: fc.constant(events),
      told: fc.shuffledSubarray([...events, ...events], { minLength: 0 }).map((some) => [...some, ...events]),
      taken: fc.array(fc.boolean(), { minLength: 60, maxLength: 60 }),
    }),
  )
  .chain(({ events, told, taken }) =>
    fc.record({
      events: fc.constant(events),
      told: fc.shuffledSubarray(told, { minLength: told.length }),
      taken: fc.constant(taken),
    }),
  );

function run(told: readonly LiveEvent[], taken: readonly boolean[]): LiveEvent[] {
  const coalescer = new Coalescer();
  const heard: LiveEvent[] = [];
  told.forEach((event, at) => {
    coalescer.add([event]);
    if (taken[at]) heard.push(...coalescer.take());
  });
  return [...heard, ...coalescer.take()];
}

describe("what is delivered", () => {
  it("ends with the newest of each, whatever the order and however often it came", () => {
    fc.assert(
      fc.property(story, ({ events, told, taken }) => {
        const last = new Map([...shown(run(told, taken))].map(([key, [at]]) => [key, at]));
        expect(last).toEqual(newest(events));
      }),
    );
  });

  it("ends the same in any order, also of two of the same moment", () => {
    fc.assert(
      fc.property(story, ({ events, told, taken }) => {
        expect(shown(run(told, taken))).toEqual(shown(run(events, [])));
      }),
    );
  });

  it("has every step of a command, and each once", () => {
    fc.assert(
      fc.property(story, ({ events, told, taken }) => {
        expect(steps(run(told, taken)).sort()).toEqual([...new Set(steps(events))].sort());
      }),
    );
  });

  it("is one event of a device's metrics, each the newest", () => {
    const coalescer = new Coalescer();
    coalescer.add([latest("a", { x: [5, 50], y: [1, 10] }), latest("a", { x: [4, 40], y: [2, 20] })]);
    expect(coalescer.take()).toEqual([latest("a", { x: [5, 50], y: [2, 20] })]);
  });

  it("comes the oldest first", () => {
    const coalescer = new Coalescer();
    coalescer.add([presence("b", 9, "online"), step("a", "c1", 3, "SENT"), alarm("a", "a.1", 5, 1)]);
    expect(coalescer.take().map(({ at }) => at)).toEqual([3, 5, 9]);
  });

  it("is nothing where nothing is new", () => {
    const coalescer = new Coalescer();
    coalescer.add([presence("a", 2, "online")]);
    coalescer.take();
    coalescer.add([presence("a", 2, "online"), presence("a", 1, "offline")]);
    expect(coalescer.isEmpty).toBe(true);
  });
});

describe("what waits", () => {
  const some = (count: number, at: number) => Array.from({ length: count }, (_, n) => presence(`d${n}`, at, "online"));

  it("is given up where it is too much, and said to be, and what comes then is told again", () => {
    const coalescer = new Coalescer(10);
    expect(coalescer.add(some(10, 1))).toBe(true);
    expect(coalescer.add([presence("one-more", 1, "online")])).toBe(false);
    expect(coalescer.isEmpty).toBe(true);
    expect(coalescer.add(some(3, 2))).toBe(true);
    expect(coalescer.take()).toHaveLength(3);
  });

  it("is not more for the same things changing often", () => {
    const coalescer = new Coalescer(10);
    for (let at = 1; at < 50; at++) expect(coalescer.add(some(10, at))).toBe(true);
    expect(coalescer.take()).toEqual(some(10, 49));
  });

  it("is remembered of no more than as many, the latest taken", () => {
    const coalescer = new Coalescer(2);
    for (const name of ["a", "b", "c"]) {
      coalescer.add([presence(name, 5, "online")]);
      coalescer.take();
    }
    coalescer.add([presence("c", 4, "offline")]);
    expect(coalescer.isEmpty).toBe(true);
    coalescer.add([presence("a", 4, "offline")]);
    expect(coalescer.isEmpty).toBe(false);
  });
});
