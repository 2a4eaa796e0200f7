/** Who is told of something. One page's mistake is not another's: it is told as any error that nobody caught. */

export class Listeners<Told, About = undefined> {
  readonly #all = new Map<(told: Told) => void, About>();

  /** Until the function that comes back is called; the same handler may be there several times. */
  add(handler: (told: Told) => void, about: About): () => void {
    const own = (told: Told) => handler(told);
    this.#all.set(own, about);
    return () => {
      this.#all.delete(own);
    };
  }

  tell(told: Told, concerned: (about: About) => boolean = () => true): void {
    for (const [handler, about] of [...this.#all]) {
      if (!concerned(about)) continue;
      try {
        handler(told);
      } catch (error) {
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }
}
