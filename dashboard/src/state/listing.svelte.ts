/** A list of the API's, page by page. */

import { type Failure, failure } from "../api/problems";

interface Page<Item> {
  readonly items: readonly Item[];
  readonly cursor: string | null;
}

export class Listing<Item> {
  items: readonly Item[] = $state.raw([]);
  failure: Failure | null = $state.raw(null);
  loading = $state(false);
  /** Whether the first page has come. */
  ready = $state(false);
  #cursor: string | null = $state(null);
  #turn = 0;

  constructor(private readonly read: (cursor: string | null) => Promise<Page<Item>>) {}

  get more(): boolean {
    return this.#cursor !== null;
  }

  /** From the beginning; what is shown stays until the new first page has come. */
  load = async (): Promise<void> => {
    await this.#page(null);
  };

  next = async (): Promise<void> => {
    if (this.#cursor !== null && !this.loading) await this.#page(this.#cursor);
  };

  /** Changed here, by an answer or an event. */
  change(items: readonly Item[]): void {
    this.items = items;
  }

  async #page(cursor: string | null): Promise<void> {
    const turn = ++this.#turn;
    this.loading = true;
    try {
      const page = await this.read(cursor);
      if (turn !== this.#turn) return;
      this.items = cursor === null ? page.items : [...this.items, ...page.items];
      this.#cursor = page.cursor;
      this.failure = null;
      this.ready = true;
    } catch (error) {
      if (turn === this.#turn) this.failure = failure(error);
    } finally {
      if (turn === this.#turn) this.loading = false;
    }
  }
}

/** In a component: the first page at once, and again whenever what `read` depends on changes. */
export function listing<Item>(read: (cursor: string | null) => Promise<Page<Item>>): Listing<Item> {
  const made = new Listing(read);
  $effect(() => {
    void made.load();
  });
  return made;
}
