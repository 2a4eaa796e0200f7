import { describe, expect, it } from "vitest";

import { Columns } from "../../src/charts/columns";
import { LiveSeries } from "../../src/charts/live-series.svelte";
import { type Loaded, type Wish, loaded } from "../../src/charts/series";
import type { LatestEvent } from "../../src/live/frames";

/** Answers when it is told to. */
class Reader {
  readonly asked: { wish: Wish; answer: (loaded: Loaded) => void; fail: (error: unknown) => void }[] = [];
  readonly tails: Wish[] = [];
  whole = true;
  tail: readonly [number, number][] = [];

  readonly all = (wish: Wish): Promise<Loaded> =>
    new Promise((answer, fail) => this.asked.push({ wish, answer, fail }));

  readonly rest = (wish: Wish, columns: Columns): Promise<boolean> => {
    this.tails.push(wish);
    for (const [ts, value] of this.tail) columns.put(ts, value);
    return Promise.resolve(this.whole);
  };
}

const of = (points: readonly (readonly [number, number])[]): Loaded => {
  const columns = new Columns();
  for (const [ts, value] of points) columns.put(ts, value);
  return { columns, texts: [], switches: false };
};
const latest = (ts: number, value: number | boolean | string, device = "pump-7"): LatestEvent => ({
  kind: "latest",
  device,
  at: ts,
  data: { temperature: { ts, value, q: "good" } },
});
const settled = () => new Promise((done) => setTimeout(done));
const WISH = { from: 0, to: 1000, pixels: 500, interval: 10 };

function line() {
  const reader = new Reader();
  const made = new LiveSeries("pump-7", "temperature", { read: { all: reader.all, tail: reader.rest } });
  return { reader, made, shown: () => Array.from(made.points.ts, (ts, at) => [ts, made.points.avg[at]]) };
}

describe("a line", () => {
  it("goes on from its history with what comes, and takes nothing twice", async () => {
    const { reader, made, shown } = line();
    made.load(WISH);
    reader.asked[0]?.answer(of([[990, 1]]));
    await settled();
    made.add([latest(990, 1), latest(995, 2), latest(996, 3, "pump-8"), latest(1005, true)]);
    expect(shown()).toEqual([
      [990, 1],
      [995, 2],
      [1005, 1],
    ]);
  });

  it("has what came while it was read, which the answer may not have", async () => {
    const { reader, made, shown } = line();
    made.load(WISH);
    made.add([latest(990, 1), latest(995, 2)]);
    made.add([latest(1000, 3)]);
    reader.asked[0]?.answer(of([[990, 1]]));
    await settled();
    expect(shown()).toEqual([
      [990, 1],
      [995, 2],
      [1000, 3],
    ]);
  });

  it("shows what was asked for last, and has the older request end", async () => {
    const { reader, made, shown } = line();
    made.load(WISH);
    made.load({ ...WISH, from: 500 });
    const [first, second] = reader.asked;
    expect(first?.wish.signal?.aborted).toBe(true);
    second?.answer(of([[600, 2]]));
    first?.answer(of([[100, 1]]));
    await settled();
    expect(shown()).toEqual([[600, 2]]);
    expect(made.loading).toBe(false);
  });

  it("says why it could not be read, shows what was there, and says nothing of a request that was ended", async () => {
    const { reader, made, shown } = line();
    made.load(WISH);
    reader.asked[0]?.answer(of([[600, 2]]));
    await settled();
    const end = made.load(WISH);
    end();
    reader.asked[1]?.fail(new DOMException("aborted", "AbortError"));
    await settled();
    expect(made.failure).toBeNull();
    made.load(WISH);
    reader.asked[2]?.fail(new TypeError("Failed to fetch"));
    await settled();
    expect(made.failure?.status).toBe(0);
    expect(shown()).toEqual([[600, 2]]);
  });

  it("stands still where it is not live", async () => {
    const { reader, made, shown } = line();
    made.live = false;
    made.load(WISH);
    reader.asked[0]?.answer(of([[600, 2]]));
    await settled();
    made.add([latest(1005, 5)]);
    expect(shown()).toEqual([[600, 2]]);
  });

  it("reads what it may have missed from the last that it knows on, and all where that is too much", async () => {
    const { reader, made, shown } = line();
    made.load(WISH);
    await made.catchUp();
    expect(reader.tails).toEqual([]);
    reader.asked[0]?.answer(of([[600, 2]]));
    await settled();
    reader.tail = [[700, 3]];
    await made.catchUp();
    expect(reader.tails[0]?.from).toBe(600);
    expect(shown()).toEqual([
      [600, 2],
      [700, 3],
    ]);
    reader.whole = false;
    await made.catchUp();
    expect(reader.asked).toHaveLength(2);
    expect((reader.asked[1]?.wish.to ?? 0) - (reader.asked[1]?.wish.from ?? 0)).toBe(1000);
  });

  it("forgets what has long left its range", async () => {
    const { reader, made } = line();
    made.load(WISH);
    reader.asked[0]?.answer(of([[0, 1]]));
    await settled();
    for (let ts = 1000; ts <= 100_000; ts += 10) made.add([latest(ts, 1)]);
    expect(made.points.ts[0]).toBe(98_750);
  });
});

describe("what the API answers", () => {
  it("becomes numbers: on is 1, off is 0, a text is told beside the line", () => {
    const rows = [true, false, "open"].map((value, at) => ({
      ts: at * 10,
      metric: "valve",
      value,
      q: "good" as const,
      late: false,
    }));
    const { columns, texts, switches } = loaded(rows, 0, 10);
    expect(Array.from(columns.points.avg)).toEqual([1, 0, NaN]);
    expect(texts).toEqual([{ at: 20, text: "open" }]);
    expect(switches).toBe(true);
    expect(columns.gap).toBe(30);
  });

  it("of bins of switches is the last of each", () => {
    const { columns } = loaded(
      [{ ts: 0, metric: "relay", min: null, max: null, avg: null, last: true, count: 3 }],
      60,
      10,
    );
    expect(Array.from(columns.points.avg)).toEqual([1]);
    expect(Array.from(columns.points.max ?? [])).toEqual([1]);
  });
});
