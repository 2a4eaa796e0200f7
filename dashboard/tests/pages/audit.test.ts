import { beforeAll, describe, expect, it } from "vitest";

import { changes } from "../../src/pages/audit/changes";
import { joined } from "../../src/pages/audit/file";
import { type ChainHead, type ChainedRecord, checkChain, genesis, sha256 } from "../../src/pages/audit/verify";

const DAY = "2026-03-01";
const SHARD = "07";

async function chain(length: number): Promise<ChainedRecord[]> {
  const records: ChainedRecord[] = [];
  let prev = await genesis(DAY, SHARD);
  for (let seq = 1; seq <= length; seq++) {
    const at = 1_772_366_400_000 + seq;
    const body = JSON.stringify({ at, day: DAY, shard: SHARD, seq, prev, subject: { kind: "device", id: "pump-7" } });
    const hash = await sha256(body);
    records.push({ shard: SHARD, key: `${at}#${String(seq).padStart(8, "0")}`, subject: "device#pump-7", hash, body });
    prev = hash;
  }
  return records;
}

const head = (records: readonly ChainedRecord[]): ChainHead => ({
  shard: SHARD,
  seq: records.length,
  hash: records.at(-1)?.hash ?? "",
  at: 0,
  keep_days: 400,
});

describe("a chain of the audit", () => {
  let whole: ChainedRecord[];
  beforeAll(async () => {
    whole = await chain(5);
  });
  const faults = async (records: readonly ChainedRecord[], of = head(whole)) =>
    (await checkChain(DAY, SHARD, records, of, of)).map(({ kind, first, last }) => `${kind} ${first}-${last}`);

  it("begins where the contract begins it", async () => {
    expect(await genesis(DAY, SHARD)).toBe(await sha256("fieldline-audit-1#2026-03-01#07"));
  });

  it("is intact as it was written", async () => {
    expect(await faults(whole)).toEqual([]);
  });

  it("tells an edited text", async () => {
    const edited = whole.map((one, at) => (at === 2 ? { ...one, body: one.body.replace("pump-7", "pump-8") } : one));
    expect(await faults(edited)).toEqual(["edited 3-3"]);
  });

  it("tells an edited text whose hash was made anew, by the one behind it", async () => {
    const body = (whole[2] as ChainedRecord).body.replace("1772366400003", "1772366400002");
    const hash = await sha256(body);
    const forged = whole.map((one, at) => (at === 2 ? { ...one, body, hash, key: "1772366400002#00000003" } : one));
    expect(await faults(forged)).toEqual(["edited 3-4"]);
  });

  it("tells what is missing in between, and at the end", async () => {
    expect(await faults(whole.toSpliced(1, 2))).toEqual(["removed 2-3"]);
    expect(await faults(whole.slice(0, 3))).toEqual(["truncated 4-5"]);
  });

  it("tells what was put in, a missing head, and one that was put back", async () => {
    expect(await faults([...whole, whole[4] as ChainedRecord])).toContain("putIn 5-5");
    expect((await checkChain(DAY, SHARD, whole, undefined, undefined)).map(({ kind }) => kind)).toEqual([
      "headMissing",
    ]);
    expect(await faults(whole, head(whole.slice(0, 3)))).toEqual(["headChanged 4-5"]);
  });

  it("tells a text that is no entry", async () => {
    expect(await faults(whole.map((one, at) => (at === 0 ? { ...one, body: "{" } : one)))).toContain("edited 1-1");
  });
});

describe("what an entry changed", () => {
  it("is a line for each value that is another", () => {
    expect(changes({ name: "a", tags: { site: "x", room: "1" } }, { name: "b", tags: { site: "x" }, n: 5 })).toEqual([
      { path: "n", before: "–", after: "5" },
      { path: "name", before: "a", after: "b" },
      { path: "tags.room", before: "1", after: "–" },
    ]);
  });

  it("is everything where something was made or removed", () => {
    expect(changes(null, { on: true })).toEqual([{ path: "on", before: "–", after: "true" }]);
    expect(changes({ list: [1, 2] }, null)).toEqual([{ path: "list", before: "[1,2]", after: "–" }]);
  });
});

describe("the audit as a file", () => {
  const pages = ["at,who\r\n2,Ada\r\n", "at,who\r\n", "at,who\r\n1,Bob\r\n"];
  const read = async (cursor: string | null) => {
    const at = Number(cursor ?? 0);
    return { text: pages[at] ?? "", cursor: at + 1 < pages.length ? String(at + 1) : null };
  };

  it("has every page, and the line of names once", async () => {
    expect(await joined(read)).toEqual({ text: "at,who\r\n2,Ada\r\n1,Bob\r\n", capped: false });
  });

  it("says where it ends before the last", async () => {
    expect(await joined(read, 2)).toEqual({ text: "at,who\r\n2,Ada\r\n", capped: true });
  });
});
