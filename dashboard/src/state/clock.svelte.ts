/**
 * One time for the whole page, that ticks once a second while somebody looks. It is the cloud's: a machine whose own
 * clock is wrong would show every device as silent, or none.
 */

import { corrected } from "./skew";

class Clock {
  now = $state(Date.now());
  #skew = 0;

  constructor() {
    // Logic is tested without a page.
    if (typeof document === "undefined") return;
    const tick = () => {
      if (document.visibilityState === "visible") this.now = this.at();
    };
    setInterval(tick, 1000);
    document.addEventListener("visibilitychange", tick);
  }

  /** The time of this very moment, for what does not draw by it. */
  at(): number {
    return Date.now() + this.#skew;
  }

  /** An answer of the API has come, to what was asked then by this machine's clock. */
  hear(asked: number, answer: Response): void {
    const before = this.#skew;
    this.#skew = corrected(before, asked, Date.now(), Date.parse(answer.headers.get("Date") ?? ""));
    if (this.#skew !== before) this.now = this.at();
  }
}

export const clock = new Clock();
