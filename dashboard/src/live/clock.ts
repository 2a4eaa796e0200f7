export interface Clock {
  now(): number;
  setTimeout(call: () => void, ms: number): unknown;
  clearTimeout(timer: unknown): void;
}

/** What is to be done later, by name: one of each. */
export class Timers {
  readonly #timers = new Map<string, unknown>();

  constructor(private readonly clock: Clock) {}

  /** In place of what was planned under that name. */
  set(name: string, ms: number, call: () => void): void {
    this.clear(name);
    const run = () => {
      this.#timers.delete(name);
      call();
    };
    this.#timers.set(name, this.clock.setTimeout(run, ms));
  }

  has(name: string): boolean {
    return this.#timers.has(name);
  }

  clear(name: string): void {
    this.clock.clearTimeout(this.#timers.get(name));
    this.#timers.delete(name);
  }

  clearAll(): void {
    for (const name of [...this.#timers.keys()]) this.clear(name);
  }
}
