/** A list of the API's, page by page. */

import { type Failure, failure } from "../api/problems";

interface Page<Item> {
  readonly items: readonly Item[];
  readonly cursor: string | null;
}

export interface ListingOptions<Item> {
  /** Of pages that were read, and what is known by then: what is shown. Without it, what was read counts. */
  merge?(read: readonly Item[], known: readonly Item[]): readonly Item[];
}

export class Listing<Item> {
  items: readonly Item[] = $state.raw([]);
  failure: Failure | null = $state.raw(null);
  loading = $state(false);
  /** Whether the first page has come. */
  ready = $state(false);
  #cursor: string | null = $state(null);
  #turn = 0;
  /** How many pages are shown. */
  #pages = 1;
  #again = false;

  constructor(
    private readonly read: (cursor: string | null) => Promise<Page<Item>>,
    private readonly options: ListingOptions<Item> = {},
  ) {}

  get more(): boolean {
    return this.#cursor !== null;
  }

  /** From the beginning; what is shown stays until the new first page has come. */
  load = async (): Promise<void> => {
    await this.#take(null, 1);
  };

  /** All that is shown anew, and no page less; of what happens meanwhile, once more for all of it. */
  refresh = async (): Promise<void> => {
    if (this.loading) this.#again = true;
    else await this.#take(null, this.#pages);
  };

  next = async (): Promise<void> => {
    if (this.#cursor !== null && !this.loading) await this.#take(this.#cursor, 1);
  };

  /** Changed here, by an answer or an event. */
  change(items: readonly Item[]): void {
    this.items = items;
  }

  async #take(from: string | null, pages: number): Promise<void> {
    const turn = ++this.#turn;
    this.loading = true;
    try {
      const read: Item[] = [];
      let cursor = from;
      let count = 0;
      do {
        const page = await this.read(cursor);
        if (turn !== this.#turn) return;
        read.push(...page.items);
        cursor = page.cursor;
        count++;
      } while (cursor !== null && count < pages);
      if (this.options.merge) this.items = this.options.merge(read, this.items);
      else this.items = from === null ? read : [...this.items, ...read];
      this.#pages = from === null ? count : this.#pages + count;
      this.#cursor = cursor;
      this.failure = null;
      this.ready = true;
    } catch (error) {
      if (turn === this.#turn) this.failure = failure(error);
    } finally {
      if (turn === this.#turn) this.#settle();
    }
  }

  #settle(): void {
    this.loading = false;
    if (!this.#again) return;
    this.#again = false;
    void this.refresh();
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
