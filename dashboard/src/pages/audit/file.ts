/** The audit as one file, of which the API gives a page at a time. */

import { api, ask } from "../../api/api";

export interface Asked {
  readonly from: string;
  readonly subject?: string;
  readonly principal?: string;
  readonly action?: string;
}

interface Page {
  readonly text: string;
  readonly cursor: string | null;
}

export interface File {
  readonly text: string;
  /** There is more than a file is worth. */
  readonly capped: boolean;
}

const MOST_PAGES = 50;

/** Every page begins with the same line of names, which the file has once. */
export async function joined(read: (cursor: string | null) => Promise<Page>, most = MOST_PAGES): Promise<File> {
  const pages: string[] = [];
  let cursor: string | null = null;
  do {
    const page: Page = await read(cursor);
    pages.push(pages.length ? page.text.slice(page.text.indexOf("\n") + 1) : page.text);
    cursor = page.cursor;
  } while (cursor !== null && pages.length < most);
  return { text: pages.join(""), capped: cursor !== null };
}

export const csvOf = (asked: Asked): Promise<File> =>
  joined(async (cursor) => {
    const query = { ...asked, format: "csv" as const, limit: 200, ...(cursor !== null && { cursor }) };
    const answer = api.GET("/audit", { params: { query }, parseAs: "text" });
    const text = String(await ask(answer));
    return { text, cursor: (await answer).response.headers.get("X-Next-Cursor") };
  });
