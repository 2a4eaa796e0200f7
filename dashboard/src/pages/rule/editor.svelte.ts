/** One rule as it is being written: the document, what is wrong with it, and how it is installed. */

import { untrack } from "svelte";

import { ProblemError } from "@fieldline/client";

import { type CheckedView, type RuleView, api, ask, etag, newKey } from "../../api/api";
import { type Failure, failure } from "../../api/problems";
import type { Json, JsonObject } from "../../parts/schema/schema";
import { clock } from "../../state/clock.svelte";
import { texts as t } from "../../texts";
import { turn } from "../rules/switching";
import { asWritten, same, switched, withKey } from "./document";
import { dropDraft, keepDraft, keptDraft } from "./drafts";

const SETTLE_MS = 350;

export interface Problem {
  readonly field: string;
  readonly text: string;
}

export class Editor {
  document: JsonObject = $state.raw({});
  /** The rule as it was read; null while there is none. */
  base: RuleView | null = $state.raw(null);
  /** What it began with, in the form that is written here. */
  #origin: JsonObject = $state.raw({});
  checked: CheckedView | null = $state.raw(null);
  checking = $state(false);
  /** Why it cannot be checked. */
  unchecked: Failure | null = $state.raw(null);
  saving = $state(false);
  failed: Failure | null = $state.raw(null);
  /** What somebody else saved meanwhile. */
  theirs: RuleView | null = $state.raw(null);
  /** It was deleted meanwhile. */
  gone = $state(false);
  /** When the changes were made that are here again, of an earlier visit. */
  restoredFrom: number | null = $state(null);
  /** Its problems are not shown before something was written. */
  touched = $state(false);
  #version: number | null = null;
  #key = newKey();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #turn = 0;

  /** `id`: "new" for one that is to be created. */
  constructor(
    readonly id: string,
    private readonly beginning: () => JsonObject,
  ) {}

  readonly dirty: boolean = $derived.by(() => !same(this.document, this.#origin));
  readonly installed: boolean = $derived.by(() => this.base !== null && !this.base.default);
  readonly title: string = $derived.by(() => {
    const { title, rule } = this.document;
    return (typeof title === "string" && title) || (typeof rule === "string" && rule) || this.id;
  });
  readonly problems: readonly Problem[] = $derived.by(() =>
    this.touched ? (this.checked?.problems ?? []).map(({ field, expected, got }) => told(field, expected, got)) : [],
  );
  readonly valid: boolean = $derived.by(() => this.checked?.valid ?? false);
  /** As it would be kept, or as it is written while it cannot be. */
  readonly canonical: JsonObject = $derived.by(() => (this.checked?.document as JsonObject | null) ?? this.document);

  /** Begins with what is installed, or goes on with what was written before. */
  open(base: RuleView | null): void {
    this.base = base;
    this.#version = base && !base.default ? base.version : null;
    this.#origin = base ? asWritten(base.document as JsonObject) : this.beginning();
    this.document = this.#origin;
    this.theirs = this.failed = null;
    this.gone = false;
    const kept = untrack(() => keptDraft(this.id));
    if (kept && !same(kept.document, this.#origin)) {
      this.document = kept.document;
      this.restoredFrom = kept.at;
      this.touched = true;
      // Written before somebody saved another version: theirs is shown first.
      if (base && kept.version !== this.#version) this.theirs = base;
      this.#version = kept.version;
    }
    this.#check(0);
  }

  change(document: JsonObject): void {
    this.document = document;
    this.touched = true;
    this.#key = newKey();
    if (this.dirty) keepDraft(this.id, { document, version: this.#version, at: clock.at() });
    else dropDraft(this.id);
    this.#check(SETTLE_MS);
  }

  set(key: string, value: Json | undefined): void {
    this.change(withKey(this.document, key, value));
  }

  /** Another beginning of a new rule; nothing of it is anybody's work yet. */
  begin(document: JsonObject): void {
    this.document = this.#origin = document;
    this.#check(0);
  }

  discard(): void {
    dropDraft(this.id);
    this.restoredFrom = null;
    this.touched = false;
    this.open(this.theirs ?? this.base);
  }

  /** Their version is the one that mine is saved over. */
  keepMine(): void {
    if (!this.theirs) return;
    this.base = this.theirs;
    this.#version = this.theirs.default ? null : this.theirs.version;
    this.#origin = asWritten(this.theirs.document as JsonObject);
    this.theirs = null;
    keepDraft(this.id, { document: this.document, version: this.#version, at: clock.at() });
  }

  /** The rule as it is then; null where it could not be saved, which `failed`, `theirs` or `gone` say. */
  async save(): Promise<RuleView | null> {
    const sent = this.document;
    this.saving = true;
    this.failed = null;
    this.touched = true;
    try {
      const saved = await this.#send(sent);
      const typed = this.document;
      dropDraft(this.id);
      this.restoredFrom = null;
      this.open(saved);
      if (typed !== sent) this.#goOn(typed, saved);
      return saved;
    } catch (error) {
      this.failed = failure(error);
      if (error instanceof ProblemError && [404, 409, 412].includes(error.status)) await this.#compare(error.status);
      return null;
    } finally {
      this.saving = false;
    }
  }

  /** Enables or disables what is installed; what is being written goes on over it. */
  async switch(enabled: boolean): Promise<RuleView | null> {
    if (!this.base) return null;
    this.saving = true;
    this.failed = null;
    try {
      const saved = await turn(this.base, enabled);
      const [written, dirty] = [this.document, this.dirty];
      dropDraft(this.id);
      this.open(saved);
      if (dirty) this.change(switched(written, saved.enabled));
      return saved;
    } catch (error) {
      this.failed = failure(error);
      if (error instanceof ProblemError && [404, 409, 412].includes(error.status)) await this.#compare(error.status);
      return null;
    } finally {
      this.saving = false;
    }
  }

  async delete(): Promise<void> {
    const header = this.#version === null ? {} : { "If-Match": etag(this.#version) };
    await ask(api.DELETE("/rules/{rule}", { params: { path: { rule: this.id }, header } }));
    dropDraft(this.id);
    this.document = this.#origin;
  }

  end(): void {
    clearTimeout(this.#timer);
  }

  /** What was typed while it was saved goes on over that; of a new rule it does on the page of that rule. */
  #goOn(typed: JsonObject, saved: RuleView): void {
    if (this.id !== "new") this.change(typed);
    else keepDraft(saved.id, { document: typed, version: saved.version, at: clock.at() });
  }

  async #send(document: JsonObject): Promise<RuleView> {
    const body = { document: document as Record<string, unknown> };
    if (this.#version === null) {
      return await ask(api.POST("/rules", { params: { header: { "Idempotency-Key": this.#key } }, body }));
    }
    const params = { path: { rule: this.id }, header: { "If-Match": etag(this.#version) } };
    return await ask(api.PUT("/rules/{rule}", { params, body }));
  }

  /** What is there now that is not what this began with. */
  async #compare(status: number): Promise<void> {
    const rule = String(this.document["rule"] ?? this.id);
    try {
      const now = await ask(api.GET("/rules/{rule}", { params: { path: { rule } } }));
      // A new rule whose id is taken needs another id, not that rule's content.
      if (this.id === "new") return;
      if (now.default && this.#version !== null) {
        this.gone = true;
        this.#version = null;
      } else if (!now.default) this.theirs = now;
      if (this.theirs) this.failed = null;
    } catch (error) {
      if (!(error instanceof ProblemError) || error.status !== 404 || this.id === "new" || status === 409) return;
      this.gone = true;
      this.#version = null;
      this.failed = null;
    }
  }

  #check(after: number): void {
    clearTimeout(this.#timer);
    const turn = ++this.#turn;
    this.checking = true;
    this.#timer = setTimeout(async () => {
      try {
        const body = { document: this.document as Record<string, unknown> };
        const checked = await ask(api.POST("/rules/validate", { body }));
        if (turn !== this.#turn) return;
        this.checked = checked;
        this.unchecked = null;
      } catch (error) {
        if (turn === this.#turn) this.unchecked = failure(error);
      } finally {
        if (turn === this.#turn) this.checking = false;
      }
    }, after);
  }
}

/** What is left empty is needed, whatever else it would have to be. */
const EMPTY = new Set(["null", "''", "[]"]);

function told(field: string, expected: string, got: string): Problem {
  const isMissing = (got === "nothing" && expected === "present") || EMPTY.has(got);
  return { field, text: isMissing ? t.errors.required : t.errors.expected(expected, got) };
}
