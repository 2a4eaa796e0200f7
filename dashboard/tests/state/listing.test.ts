import { describe, expect, it } from "vitest";

import { Listing, type ListingOptions } from "../../src/state/listing.svelte";

interface Item {
  readonly id: string;
  readonly state?: string;
}
const settled = () => new Promise((done) => setTimeout(done));

/** Pages of two of what `all` is by then; each answers when it is told to. */
function reading(all: Item[], options: ListingOptions<Item> = {}) {
  const waiting: (() => void)[] = [];
  const asked: (string | null)[] = [];
  const made = new Listing<Item>((cursor) => {
    asked.push(cursor);
    const from = Number(cursor ?? 0);
    const page = { items: all.slice(from, from + 2), cursor: from + 2 < all.length ? String(from + 2) : null };
    return new Promise((answer) => waiting.push(() => answer(page)));
  }, options);
  const answer = async () => {
    waiting.shift()?.();
    await settled();
  };
  return { made, asked, answer, ids: () => made.items.map(({ id }) => id).join("") };
}
const items = (ids: string): Item[] => [...ids].map((id) => ({ id }));

describe("a list", () => {
  it("is read anew with the pages that were opened", async () => {
    const all = items("abcdef");
    const { made, answer, ids } = reading(all);
    void made.load();
    await answer();
    void made.next();
    await answer();
    expect(ids()).toBe("abcd");
    all.unshift({ id: "new" });
    void made.refresh();
    await answer();
    expect(ids()).toBe("abcd");
    await answer();
    expect([ids(), made.more, made.loading]).toEqual(["newabc", true, false]);
  });

  it("begins anew with its first page", async () => {
    const { made, answer, ids } = reading(items("abcdef"));
    void made.load();
    await answer();
    void made.next();
    await answer();
    void made.load();
    await answer();
    expect([ids(), made.loading]).toEqual(["ab", false]);
  });

  it("is read once at a time where much happens, and once more for all of it", async () => {
    const { made, asked, answer } = reading(items("ab"));
    for (let event = 0; event < 9; event++) void made.refresh();
    expect(asked).toHaveLength(1);
    await answer();
    expect([asked.length, made.loading]).toEqual([2, true]);
    await answer();
    expect([asked.length, made.loading]).toEqual([2, false]);
  });

  it("makes of what was read what it is told to make of it", async () => {
    const { made, answer } = reading(items("ab"), { merge: (read, known) => [...known, ...read] });
    void made.load();
    made.change([{ id: "heard" }]);
    await answer();
    expect(made.items.map(({ id }) => id)).toEqual(["heard", "a", "b"]);
  });
});
