/** The settings of one device that are being edited, if they are: kept until they are saved or thrown away. */

import { keepDraft, keptDraft } from "../../../state/drafts";
import type { JsonObject } from "../../../parts/schema/schema";
import { same } from "../../../parts/schema/schema";
import { type ConfigDraft, type Seen, isDraft, rebased, restored } from "./draft";

export class Editing {
  draft: ConfigDraft | null = $state.raw(null);
  readonly #key: string;

  constructor(device: string) {
    this.#key = `config/${device}`;
    this.draft = keptDraft(this.#key, isDraft);
  }

  change(values: JsonObject, now: Seen): void {
    const base = this.draft?.base ?? now;
    this.#put(same(values, base.values) ? null : { base, values });
  }

  keepMine(now: Seen): void {
    if (this.draft) this.#put(rebased(this.draft, now));
  }

  discard(): void {
    this.#put(null);
  }

  /** Whether there is something to save then. */
  restore(earlier: JsonObject, now: Seen): boolean {
    this.#put(restored(earlier, now));
    return this.draft !== null;
  }

  #put(draft: ConfigDraft | null): void {
    this.draft = draft && { base: { version: draft.base.version, values: draft.base.values }, values: draft.values };
    keepDraft(this.#key, this.draft);
  }
}
