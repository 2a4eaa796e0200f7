import { beforeEach, describe, expect, it, vi } from "vitest";

import { session } from "../../../src/api/session.svelte";
import { Editor } from "../../../src/pages/rule/editor.svelte";
import type { JsonObject } from "../../../src/parts/schema/schema";

const DOCUMENT = { rule: "warm", title: "Warm", scope: "*", severity: "major", when: { metric: "a", above: 8 } };
const view = (version: number, document: JsonObject = DOCUMENT, more = {}) => ({
  id: "warm",
  title: String(document["title"]),
  scope: "*",
  enabled: document["enabled"] !== false,
  severity: "major" as const,
  version,
  default: false,
  origin: null,
  created_at: 1,
  updated_at: 1,
  by: { id: "u", name: "Ada" },
  document: document as Record<string, never>,
  remarks: [],
  ...more,
});
const VALID = { valid: true, problems: [], remarks: [], document: DOCUMENT };
const problem = (status: number) => ({
  type: "urn:fieldline:problem:x",
  title: "No",
  status,
  detail: "no",
  request_id: "r",
});

interface Asked {
  readonly call: string;
  readonly headers: Headers;
  readonly body: { document?: JsonObject };
}
/** Answers by call, in turn; the last one stays. */
let answers: Record<string, (readonly [number, unknown])[]>;
let asked: Asked[];
const calls = (call: string) => asked.filter((one) => one.call === call);

beforeEach(() => {
  vi.useFakeTimers();
  asked = [];
  answers = { "POST /v1/rules/validate": [[200, VALID]] };
  const kept = new Map<string, string>();
  vi.stubGlobal("localStorage", {
    getItem: (name: string) => kept.get(name) ?? null,
    setItem: (name: string, value: string) => kept.set(name, value),
    removeItem: (name: string) => kept.delete(name),
  });
  vi.spyOn(session, "token").mockResolvedValue("t");
  vi.stubGlobal("fetch", async (request: Request) => {
    const call = `${request.method} ${new URL(request.url).pathname}`;
    const text = await request.text();
    asked.push({ call, headers: request.headers, body: text ? (JSON.parse(text) as Asked["body"]) : {} });
    const turns = answers[call] ?? [[404, problem(404)]];
    const [status, body] = (turns.length > 1 ? turns.shift() : turns[0]) as readonly [number, unknown];
    return status === 204 ? new Response(null, { status }) : Response.json(body, { status });
  });
});

function opened(base: ReturnType<typeof view> | null, id = "warm"): Editor {
  const editor = new Editor(id, () => ({ rule: "", title: "" }));
  editor.open(base);
  return editor;
}
const settled = () => vi.advanceTimersByTimeAsync(1000);

describe("checking", () => {
  it("waits until nobody types any more, and checks what stands then", async () => {
    const editor = opened(view(1));
    await settled();
    for (const title of ["A", "AB", "ABC"]) editor.set("title", title);
    await settled();
    expect(calls("POST /v1/rules/validate").map(({ body }) => body.document?.["title"])).toEqual(["Warm", "ABC"]);
    expect(editor.checking).toBe(false);
  });

  it("says what is wrong once something was written, and calls what is empty needed", async () => {
    const problems = [
      { field: "when.above", expected: "a finite number", got: "null" },
      { field: "when.metric", expected: "a metric", got: "'X'" },
    ];
    answers["POST /v1/rules/validate"] = [[200, { valid: false, problems, remarks: [], document: null }]];
    const editor = opened(null, "new");
    await settled();
    expect(editor.problems).toEqual([]);
    editor.set("title", "A");
    await settled();
    expect(editor.valid).toBe(false);
    expect(editor.problems).toEqual([
      { field: "when.above", text: "needed" },
      { field: "when.metric", text: "expected a metric, got 'X'" },
    ]);
  });

  it("says that it cannot be checked, and keeps what is written", async () => {
    answers["POST /v1/rules/validate"] = [[503, problem(503)]];
    const editor = opened(view(1));
    editor.set("title", "A");
    await settled();
    expect(editor.unchecked?.status).toBe(503);
    expect(editor.document["title"]).toBe("A");
  });
});

describe("saving", () => {
  it("creates a new rule, under the same key over the tries of the same document", async () => {
    answers["POST /v1/rules"] = [
      [503, problem(503)],
      [503, problem(503)],
      [201, view(1)],
    ];
    const editor = opened(null, "new");
    editor.change(DOCUMENT);
    expect(await editor.save()).toBeNull();
    expect(editor.failed?.status).toBe(503);
    await editor.save();
    editor.set("title", "Other");
    expect((await editor.save())?.version).toBe(1);
    const keys = calls("POST /v1/rules").map(({ headers }) => headers.get("Idempotency-Key"));
    expect(keys[1]).toBe(keys[0]);
    expect(keys[2]).not.toBe(keys[0]);
  });

  it("replaces the version that it began with", async () => {
    answers["PUT /v1/rules/warm"] = [[200, view(8, { ...DOCUMENT, title: "A" })]];
    const editor = opened(view(7));
    editor.set("title", "A");
    expect(editor.dirty).toBe(true);
    await editor.save();
    expect(calls("PUT /v1/rules/warm")[0]?.headers.get("If-Match")).toBe('"7"');
    expect(editor.dirty).toBe(false);
    expect(editor.base?.version).toBe(8);
  });

  it("keeps what is typed meanwhile, over the version that was saved", async () => {
    answers["PUT /v1/rules/warm"] = [
      [200, view(8, { ...DOCUMENT, title: "A" })],
      [200, view(9, { ...DOCUMENT, title: "AB" })],
    ];
    const editor = opened(view(7));
    editor.set("title", "A");
    const saving = editor.save();
    editor.set("title", "AB");
    await saving;
    expect([editor.document["title"], editor.dirty, editor.base?.version]).toEqual(["AB", true, 8]);
    await editor.save();
    expect(calls("PUT /v1/rules/warm")[1]?.headers.get("If-Match")).toBe('"8"');
  });

  it("keeps what is typed while a new rule is created for the page of that rule", async () => {
    answers["POST /v1/rules"] = [[201, view(1)]];
    const editor = opened(null, "new");
    editor.change(DOCUMENT);
    const saving = editor.save();
    editor.set("title", "Warmer");
    await saving;
    expect(editor.dirty).toBe(false);
    expect(opened(view(1)).document["title"]).toBe("Warmer");
    expect(opened(null, "new").document["title"]).toBe("");
  });

  it("installs a rule in the place of the model's", async () => {
    answers["POST /v1/rules"] = [[201, view(1)]];
    const editor = opened(view(0, DOCUMENT, { default: true }));
    editor.set("title", "A");
    await editor.save();
    expect(calls("POST /v1/rules")).toHaveLength(1);
    expect(editor.installed).toBe(true);
  });

  it("shows what somebody else saved meanwhile, and saves over that only when told to", async () => {
    const theirs = view(9, { ...DOCUMENT, title: "Theirs" });
    answers["PUT /v1/rules/warm"] = [
      [412, problem(412)],
      [200, view(10, { ...DOCUMENT, title: "Mine" })],
    ];
    answers["GET /v1/rules/warm"] = [[200, theirs]];
    const editor = opened(view(7));
    editor.set("title", "Mine");
    expect(await editor.save()).toBeNull();
    expect(editor.theirs?.version).toBe(9);
    expect(editor.document["title"]).toBe("Mine");
    editor.keepMine();
    await editor.save();
    expect(calls("PUT /v1/rules/warm")[1]?.headers.get("If-Match")).toBe('"9"');
    expect(editor.base?.version).toBe(10);
  });

  it("takes theirs", async () => {
    answers["PUT /v1/rules/warm"] = [[412, problem(412)]];
    answers["GET /v1/rules/warm"] = [[200, view(9, { ...DOCUMENT, title: "Theirs" })]];
    const editor = opened(view(7));
    editor.set("title", "Mine");
    await editor.save();
    editor.discard();
    expect(editor.document["title"]).toBe("Theirs");
    expect(editor.dirty).toBe(false);
  });

  it("creates anew what was deleted meanwhile", async () => {
    answers["PUT /v1/rules/warm"] = [[404, problem(404)]];
    answers["POST /v1/rules"] = [[201, view(8)]];
    const editor = opened(view(7));
    editor.set("title", "Mine");
    await editor.save();
    expect(editor.gone).toBe(true);
    await editor.save();
    expect(calls("POST /v1/rules")).toHaveLength(1);
    expect(editor.gone).toBe(false);
  });
});

describe("what was not saved", () => {
  it("is there again, over the version that it began with", () => {
    opened(view(7)).set("title", "Mine");
    const again = opened(view(7));
    expect(again.document["title"]).toBe("Mine");
    expect(again.restoredFrom).not.toBeNull();
    expect(again.theirs).toBeNull();
    again.discard();
    expect(again.document["title"]).toBe("Warm");
    expect(opened(view(7)).restoredFrom).toBeNull();
  });

  it("is not saved over a version that came meanwhile without a word", () => {
    opened(view(7)).set("title", "Mine");
    expect(opened(view(8)).theirs?.version).toBe(8);
  });

  it("is forgotten once it is what is installed", () => {
    const editor = opened(view(7));
    editor.set("title", "Mine");
    editor.set("title", "Warm");
    expect(opened(view(7)).restoredFrom).toBeNull();
  });
});

describe("enabling and disabling", () => {
  it("changes what is installed, and nothing of what is being written", async () => {
    answers["PUT /v1/rules/warm"] = [[200, view(8, { ...DOCUMENT, enabled: false })]];
    const editor = opened(view(7));
    editor.set("title", "Mine");
    await editor.switch(false);
    expect(calls("PUT /v1/rules/warm")[0]?.body.document).toEqual({ ...DOCUMENT, enabled: false });
    expect(editor.document).toEqual({ ...DOCUMENT, title: "Mine", enabled: false });
    expect(editor.dirty).toBe(true);
  });

  it("loses nothing of what is typed meanwhile", async () => {
    answers["PUT /v1/rules/warm"] = [[200, view(8, { ...DOCUMENT, enabled: false })]];
    const editor = opened(view(7));
    const turning = editor.switch(false);
    editor.set("title", "Mine");
    await turning;
    expect(editor.document).toEqual({ ...DOCUMENT, title: "Mine", enabled: false });
  });

  it("withdraws what only disabled the model's rule", async () => {
    const id = "climate:no_data";
    const off = { rule: id, title: "No data", scope: "model:climate", enabled: false };
    const path = "/v1/rules/climate%3Ano_data";
    answers[`DELETE ${path}`] = [[204, null]];
    answers[`GET ${path}`] = [[200, view(0, DOCUMENT, { id, default: true })]];
    const editor = opened(view(3, off, { id }), id);
    await editor.switch(true);
    expect(calls(`DELETE ${path}`)[0]?.headers.get("If-Match")).toBe('"3"');
    expect(editor.base?.default).toBe(true);
  });
});
