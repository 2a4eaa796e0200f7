/** What carries its version in ETag alone, with that version. */

import { type Document, unwrap } from "@fieldline/client";

export interface Versioned<T> {
  readonly value: T;
  /** For If-Match. */
  readonly etag: string;
}

type Answered<Data> = { data?: Data | undefined; error?: unknown; response: Response };

export async function versioned<Data>(answer: Promise<Answered<Data>>): Promise<Versioned<Document<Data>>> {
  const { response } = await answer;
  return { value: await unwrap(answer), etag: response.headers.get("ETag") ?? "" };
}
