import { beforeEach, describe, expect, it } from "vitest";

import type { AlarmSummary } from "../../src/api/api";
import { type Open, OpenAlarms, ordered } from "../../src/state/open-alarms";
import { FakeClock, alarm as event } from "../live/fakes";

let clock: FakeClock;
let api: Map<string, AlarmSummary>;
/** What the list says, where that is behind. */
let behind: Map<string, AlarmSummary> | null;
let capped: boolean;
let shown: Open | undefined;
let news: string[][];
let asked: string[];
/** What is called when the API is asked for a list, before it answers. */
let meanwhile: () => void;
let open: OpenAlarms;

const alarm = (id: string, version = 1, more: Partial<AlarmSummary> = {}): AlarmSummary =>
  ({
    id,
    device: id,
    version,
    state: "active",
    severity: "major",
    raised_at: 1,
    title: "Hot",
    ...more,
  }) as AlarmSummary;

const ids = () => shown?.items.map(({ id }) => id).sort();

async function reload(): Promise<void> {
  shown = await open.read();
}

beforeEach(async () => {
  clock = new FakeClock();
  api = new Map([["a", alarm("a")]]);
  behind = null;
  capped = false;
  shown = undefined;
  news = [];
  asked = [];
  meanwhile = () => undefined;
  open = new OpenAlarms({
    clock,
    list: () => {
      asked.push("list");
      const items = [...(behind ?? api).values()].filter(({ state }) => state === "active");
      meanwhile();
      return Promise.resolve().then(() => ({ items, capped }));
    },
    one: (id) => {
      asked.push(id);
      const found = api.get(id);
      return found ? Promise.resolve(found) : Promise.reject(new Error("no such alarm"));
    },
    shown: () => shown,
    show: (now) => (shown = now),
    reload,
    announce: (some) => news.push(some.map(({ id }) => id)),
  });
  open.begin();
  await reload();
  asked.length = 0;
});

/** It happens, and an event tells of it. */
async function raised(...some: AlarmSummary[]): Promise<void> {
  for (const one of some) api.set(one.id, one);
  open.hear(some.map(({ id, version, state }) => happened(id, version, state)));
  await clock.pass(0);
}

function happened(id: string, version: number, state: AlarmSummary["state"] = "active") {
  const told = event(id, id, version, version);
  return { ...told, data: { ...told.data, state } };
}

describe("an alarm that is raised", () => {
  it("is read, shown and told", async () => {
    await raised(alarm("b"));
    expect(asked).toEqual(["b"]);
    expect(ids()).toEqual(["a", "b"]);
    expect(news).toEqual([["b"]]);
  });

  it("is told once, whether an event or a list says it first, and however often", async () => {
    await raised(alarm("b"));
    await raised(alarm("b", 2));
    await reload();
    api.set("c", alarm("c"));
    await reload();
    open.hear([happened("c", 1)]);
    await clock.pass(0);
    expect(news).toEqual([["b"], ["c"]]);
  });

  it("is told again when it was over meanwhile", async () => {
    await raised(alarm("b"));
    await raised(alarm("b", 2, { state: "cleared" }));
    await raised(alarm("b", 3));
    expect(news).toEqual([["b"], ["b"]]);
  });

  it("is no news where it was open before somebody began to look", async () => {
    expect(news).toEqual([]);
    open.begin();
    api.set("b", alarm("b"));
    await reload();
    expect(news).toEqual([]);
  });

  it("that cannot be read just now comes with the next list", async () => {
    open.hear([happened("b", 1)]);
    await clock.pass(0);
    expect(ids()).toEqual(["a"]);
    api.set("b", alarm("b"));
    await reload();
    expect(news).toEqual([["b"]]);
  });

  it("that cannot be read just now is looked for by itself, and not for ever", async () => {
    open.hear([happened("b", 1)]);
    await clock.pass(0);
    expect([asked, ids()]).toEqual([["b", "list"], ["a"]]);
    api.set("b", alarm("b"));
    await clock.pass(6_000);
    expect([news, ids()]).toEqual([[["b"]], ["a", "b"]]);

    asked.length = 0;
    open.hear([happened("never", 1)]);
    await clock.pass(120_000);
    expect(asked.filter((what) => what === "list")).toHaveLength(3);
    expect(asked.filter((what) => what === "never")).toHaveLength(3);
  });

  it("was raised in a session that is over: it is not told in the next", async () => {
    api.set("b", alarm("b"));
    open.hear([happened("b", 1)]);
    open.begin();
    await clock.pass(0);
    expect(news).toEqual([]);
    expect(ids()).toEqual(["a"]);
  });
});

describe("a change", () => {
  it("that is known already asks for nothing", async () => {
    open.put(alarm("a", 4));
    open.hear([happened("a", 4)]);
    await clock.pass(0);
    expect(asked).toEqual([]);
  });

  it("that ends an alarm asks for nothing", async () => {
    await raised(alarm("a", 2, { state: "cleared" }));
    expect(asked).toEqual([]);
    expect(ids()).toEqual([]);
  });

  it("is not undone by a list that was asked for before it", async () => {
    meanwhile = () => {
      open.put(alarm("a", 2, { state: "cleared" }));
      open.put(alarm("b", 7));
    };
    await reload();
    expect(ids()).toEqual(["b"]);
  });

  it("before the first list is in it, and is not taken for all there is", async () => {
    shown = undefined;
    meanwhile = () => {
      open.put(alarm("b", 7));
      expect(shown).toBeUndefined();
    };
    await reload();
    expect(ids()).toEqual(["a", "b"]);
  });

  it("stands against a list that is behind", async () => {
    open.put(alarm("a", 5));
    await reload();
    expect(shown?.items.map(({ version }) => version)).toEqual([5]);
    open.put(alarm("a", 3));
    expect(shown?.items.map(({ version }) => version)).toEqual([5]);
  });
});

describe("many changes at once", () => {
  const many = (count: number, version = 1) => Array.from({ length: count }, (_, at) => alarm(`m${at}`, version));

  it("are read as one list, and told at once", async () => {
    await raised(...many(40));
    await clock.pass(60_000);
    expect(asked).toEqual(["list"]);
    expect(news).toHaveLength(1);
    expect(news[0]).toHaveLength(40);
    expect(shown?.items).toHaveLength(41);
  });

  it("that go on are read every five seconds at most", async () => {
    for (let version = 1; version <= 300; version++) {
      await raised(...many(40, version));
      await clock.pass(100);
    }
    await clock.pass(10_000);
    expect(asked.filter((what) => what === "list").length).toBeLessThanOrEqual(8);
    expect(asked.filter((what) => what !== "list")).toEqual([]);
    expect(shown?.items.every(({ id, version }) => id === "a" || version === 300)).toBe(true);
  });

  it("of which the list knows nothing yet are asked for again, and not for ever", async () => {
    behind = new Map(api);
    await raised(...many(10));
    expect(ids()).toEqual(["a"]);
    behind = new Map(many(8).map((one) => [one.id, one]));
    await clock.pass(6_000);
    expect(asked).toEqual(["list", "list"]);
    await clock.pass(6_000);
    expect(asked).toEqual(["list", "list", "m8", "m9"]);
    expect(news.flat()).toHaveLength(10);

    asked.length = 0;
    behind = new Map();
    open.hear(many(10, 9).map(({ id }) => happened(id, 9)));
    await clock.pass(120_000);
    expect(asked).toEqual(["list", "list", "list"]);
  });
});

describe("where there are more than were read", () => {
  it("older ones that come into view are no news, and newer ones are", async () => {
    capped = true;
    api = new Map([["a", alarm("a", 1, { raised_at: 500 })]]);
    await reload();
    api = new Map([["old", alarm("old", 1, { raised_at: 100 })]]);
    await reload();
    api.set("new", alarm("new", 1, { raised_at: 600 }));
    await reload();
    expect(news).toEqual([["new"]]);
  });
});

it("those that nobody owns come first, then the newest", () => {
  const some = [
    alarm("owned", 1, { raised_at: 9, assignee: { id: "u", name: "Ann" } as AlarmSummary["assignee"] }),
    alarm("old", 1, { raised_at: 1 }),
    alarm("new", 1, { raised_at: 5 }),
  ];
  expect(ordered(some).map(({ id }) => id)).toEqual(["new", "old", "owned"]);
});
