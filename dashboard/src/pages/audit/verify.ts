/**
 * Whether a day of the audit is as it was written, computed here anew: each entry's text has the hash that stands beside
 * it, names the one before, and the chain ends where its head says. What a chain alone cannot tell is in docs/audit.md.
 */

import { type AuditChains, api, ask } from "../../api/api";

export type ChainedRecord = AuditChains["items"][number];
export type ChainHead = AuditChains["heads"][number];

export type FaultKind = "edited" | "removed" | "truncated" | "putIn" | "headMissing" | "headChanged";

export interface Fault {
  readonly kind: FaultKind;
  readonly shard: string;
  readonly first: number;
  readonly last: number;
}

export interface Report {
  readonly day: string;
  readonly entries: number;
  readonly chains: number;
  readonly faults: readonly Fault[];
}

interface Entry {
  readonly at: number;
  readonly day: string;
  readonly shard: string;
  readonly seq: number;
  readonly prev: string;
  readonly subject: { readonly kind: string; readonly id: string };
}

export async function sha256(text: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** What the first entry of a chain has for the hash of the one before. */
export const genesis = (day: string, shard: string): Promise<string> => sha256(`fieldline-audit-1#${day}#${shard}`);

/** `records` in the order of their keys; `opened` is the head as it was read before them, `closed` as after. */
export async function checkChain(
  day: string,
  shard: string,
  records: readonly ChainedRecord[],
  opened: ChainHead | undefined,
  closed: ChainHead | undefined,
): Promise<Fault[]> {
  const faults: Fault[] = [];
  const fault = (kind: FaultKind, first: number, last: number) => faults.push({ kind, shard, first, last });
  const hashes = new Map<number, string>([[0, await genesis(day, shard)]]);
  let last = 0;
  let latest = 0;
  for (const record of records) {
    const entry = parsed(record.body);
    const seq = entry?.seq ?? last + 1;
    if (!entry || (await edited(record, entry, day, shard, latest))) fault("edited", seq, seq);
    if (seq <= last) {
      fault("putIn", seq, seq);
      continue;
    }
    if (seq > last + 1) fault("removed", last + 1, seq - 1);
    else if (entry && entry.prev !== hashes.get(last)) fault("edited", seq - 1, seq);
    last = seq;
    latest = Math.max(latest, entry?.at ?? 0);
    hashes.set(seq, record.hash);
  }
  const end = closed ?? opened;
  if (!end) {
    if (records.length) fault("headMissing", 1, last);
    return faults;
  }
  const begin = opened?.seq ?? 0;
  if (last < begin) fault("truncated", last + 1, begin);
  if (last > end.seq) fault("headChanged", end.seq + 1, last);
  for (const head of new Set([opened, end])) {
    if (head && hashes.has(head.seq) && hashes.get(head.seq) !== head.hash) fault("edited", head.seq, head.seq);
  }
  return faults;
}

async function edited(
  record: ChainedRecord,
  entry: Entry,
  day: string,
  shard: string,
  latest: number,
): Promise<boolean> {
  return (
    (await sha256(record.body)) !== record.hash ||
    entry.day !== day ||
    entry.shard !== shard ||
    record.key !== `${String(entry.at).padStart(13, "0")}#${String(entry.seq).padStart(8, "0")}` ||
    record.subject !== `${entry.subject.kind}#${entry.subject.id}` ||
    entry.at < latest
  );
}

function parsed(body: string): Entry | null {
  try {
    const entry = JSON.parse(body) as Entry;
    return Number.isInteger(entry.seq) && typeof entry.prev === "string" && typeof entry.subject?.id === "string"
      ? entry
      : null;
  } catch {
    return null;
  }
}

/** Reads the chains of a UTC day (`2026-03-01`) and checks each. */
export async function verify(day: string): Promise<Report> {
  const records: ChainedRecord[] = [];
  const opened = new Map<string, ChainHead>();
  let cursor: string | null = null;
  do {
    const page: AuditChains = await chains(day, cursor);
    if (cursor === null) for (const head of page.heads) opened.set(head.shard, head);
    records.push(...page.items);
    cursor = page.cursor;
  } while (cursor !== null);
  const closed = new Map((await chains(day, null)).heads.map((head) => [head.shard, head]));
  const byShard = Map.groupBy(records, ({ shard }) => shard);
  const shards = new Set([...byShard.keys(), ...opened.keys()]);
  const faults: Fault[] = [];
  for (const shard of [...shards].sort()) {
    const ordered = [...(byShard.get(shard) ?? [])].sort((a, b) => (a.key < b.key ? -1 : 1));
    faults.push(...(await checkChain(day, shard, ordered, opened.get(shard), closed.get(shard))));
  }
  return { day, entries: records.length, chains: shards.size, faults };
}

async function chains(day: string, cursor: string | null): Promise<AuditChains> {
  return await ask(api.GET("/audit/chains/{day}", { params: { path: { day }, query: cursor ? { cursor } : {} } }));
}
