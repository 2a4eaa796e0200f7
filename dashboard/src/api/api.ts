/** The typed client with the session's token. A token that is refused is renewed once, and the request sent again. */

import { ProblemError, fieldline, unwrap } from "@fieldline/client";

import { clock } from "../state/clock.svelte";
import { session } from "./session.svelte";

export { items, unwrap as ask } from "@fieldline/client";
export type * from "@fieldline/client";

async function send(request: Request): Promise<Response> {
  const again = request.clone();
  const answer = await timed(request);
  if (answer.status !== 401) return answer;
  let token: string;
  try {
    token = await session.refused();
  } catch (error) {
    // Refused there too, the session has ended; else nothing is known of it.
    if (error instanceof ProblemError && error.status === 401) return answer;
    throw error;
  }
  again.headers.set("Authorization", `Bearer ${token}`);
  return await timed(again);
}

async function timed(request: Request): Promise<Response> {
  const asked = Date.now();
  const answer = await fetch(request);
  clock.hear(asked, answer);
  return answer;
}

export const api = fieldline({
  baseUrl: `${globalThis.location?.origin ?? "http://127.0.0.1"}/v1`,
  token: () => session.token(),
  fetch: send,
});

/** What If-Match wants, of a version that was read. */
export const etag = (version: number): string => `"${version}"`;

/** A new Idempotency-Key: one for each thing that somebody wants done, kept over the tries. */
export const newKey = (): string => crypto.randomUUID();

/** The ticket of a WebSocket; a browser can send no token with one. */
export async function ticket(): Promise<string> {
  return (await unwrap(api.POST("/live/ticket"))).ticket;
}
