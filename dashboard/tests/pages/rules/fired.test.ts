import { describe, expect, it } from "vitest";

import { tally } from "../../../src/pages/rules/fired";

const alarm = (rule: string, raised_at: number) => ({ rule, raised_at });

describe("how often rules fired", () => {
  it("is counted over all pages, also empty ones", async () => {
    const pages = [
      { items: [alarm("a", 5), alarm("b", 4)], cursor: "1" },
      { items: [], cursor: "2" },
      { items: [alarm("a", 9)], cursor: null },
    ];
    const asked: (string | null)[] = [];
    const found = await tally(async (cursor) => {
      asked.push(cursor);
      return pages[asked.length - 1] as (typeof pages)[number];
    });
    expect(asked).toEqual([null, "1", "2"]);
    expect([...found.byRule]).toEqual([
      ["a", { count: 2, last: 9 }],
      ["b", { count: 1, last: 4 }],
    ]);
    expect(found.capped).toBe(false);
  });

  it("ends at so many, and says that there are more", async () => {
    let pages = 0;
    const found = await tally(
      async () => {
        pages++;
        return { items: [alarm("a", pages), alarm("a", pages)], cursor: "x" };
      },
      undefined,
      6,
    );
    expect(pages).toBe(3);
    expect(found.byRule.get("a")?.count).toBe(6);
    expect(found.capped).toBe(true);
  });

  it("tells what is known so far", async () => {
    const told: (number | undefined)[] = [];
    const pages = [
      { items: [alarm("a", 1)], cursor: "1" },
      { items: [alarm("a", 2)], cursor: null },
    ];
    await tally(
      async () => pages.shift() as { items: ReturnType<typeof alarm>[]; cursor: string | null },
      ({ byRule }) => told.push(byRule.get("a")?.count),
    );
    expect(told).toEqual([1]);
  });
});
