/** A typed client of Fieldline's HTTP API: `schema.ts` is generated from its OpenAPI, this file is the rest. */

import createClient, { type Client } from "openapi-fetch";

import type { Problem, paths } from "./schema.ts";

export type * from "./schema.ts";

export interface Options {
  /** Where the API is, with its version: `https://…/v1`. */
  readonly baseUrl: string;
  /** An access token or an API key; a function is asked for each request, so that a token can be renewed. */
  readonly token?: string | (() => string | Promise<string>);
  /** What sends the requests, where it is not the platform's own. */
  readonly fetch?: (request: Request) => Promise<Response>;
}

export type Fieldline = Client<paths>;

/** The API refused: `problem.type` says why in a form that never changes. */
export class ProblemError extends Error {
  readonly problem: Problem;
  readonly status: number;
  /** Seconds after which asking again makes sense, where the API says so. */
  readonly retryAfter: number | undefined;

  constructor(problem: Problem, response: Response) {
    super(`${problem.title}: ${problem.detail}`);
    this.name = "ProblemError";
    this.problem = problem;
    this.status = response.status;
    const seconds = response.headers.get("Retry-After");
    this.retryAfter = seconds === null ? undefined : Number(seconds);
  }
}

/** A client whose calls are those of openapi-fetch: `api.GET("/devices/{id}", { params: { path: { id } } })`. */
export function fieldline({ baseUrl, token, fetch }: Options): Fieldline {
  const client = createClient<paths>({ baseUrl, ...(fetch && { fetch }) });
  if (token !== undefined) {
    client.use({
      async onRequest({ request }) {
        request.headers.set("Authorization", `Bearer ${typeof token === "function" ? await token() : token}`);
        return request;
      },
    });
  }
  return client;
}

interface Answered<Data> {
  readonly data?: Data | undefined;
  readonly error?: unknown;
  readonly response: Response;
}

/** What is answered as JSON: some operations also answer as CSV, which this client does not ask for. */
export type Document<Data> = [Exclude<Data, string>] extends [never] ? Data : Exclude<Data, string>;

/** The document of an answer; throws a ProblemError where the API refused. */
export async function unwrap<Data>(answer: Promise<Answered<Data>>): Promise<Document<Data>> {
  const { data, error, response } = await answer;
  if (!response.ok) throw new ProblemError(asProblem(error, response), response);
  return data as Document<Data>;
}

interface Page<Item> {
  readonly items: readonly Item[];
  readonly cursor: string | null;
}

/**
 * Every item of a list, page by page:
 *
 *     for await (const device of items((cursor) => api.GET("/devices", { params: { query: { ...cursor } } }))) …
 */
export async function* items<Item>(
  ask: (next: { cursor?: string }) => Promise<Answered<Page<Item> | string>>,
): AsyncGenerator<Item, void, undefined> {
  let cursor: string | null = null;
  do {
    const page: Page<Item> = await unwrap<Page<Item> | string>(ask(cursor === null ? {} : { cursor }));
    yield* page.items;
    cursor = page.cursor;
  } while (cursor !== null);
}

/** A gateway on the way may answer without a problem. */
function asProblem(error: unknown, response: Response): Problem {
  if (typeof error === "object" && error !== null && "type" in error && "title" in error) return error as Problem;
  return {
    type: "urn:fieldline:problem:unavailable",
    title: response.statusText || `HTTP ${response.status}`,
    status: response.status,
    detail: typeof error === "string" && error ? error : "The answer was no problem document.",
    request_id: null,
  };
}
