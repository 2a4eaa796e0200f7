/** When pages are told of events: at most once a frame, twice a second where drawing is slow, and not while held. */

import type { Clock } from "./clock";
import { Coalescer } from "./coalescer";
import type { LiveEvent } from "./frames";

export interface Screen {
  /** As requestAnimationFrame; tells in ms when the frame began. */
  requestFrame(draw: (at: number) => void): void;
  /** What is known of the machine: few cores and a finger. */
  readonly isSlow: boolean;
}

const SLOW_MS = 500;
/** A frame that takes longer, on average, is slow; one that takes less than half of it no longer is. */
const LONG_FRAME_MS = 50;
/** Longer is no drawing: the machine slept, or the tab was hidden. */
const NO_FRAME_MS = 2_000;

export class Batches {
  readonly #coalescer: Coalescer;
  #held = false;
  #asked = false;
  #timer: unknown = null;
  #deliveredAt = -Infinity;
  #frameMs = 0;
  #slow = false;

  /** `lost`: there was more than is kept while nothing may be delivered, so that all has to be read anew. */
  constructor(
    private readonly clock: Clock,
    private readonly screen: Screen,
    private readonly deliver: (events: LiveEvent[]) => void,
    private readonly lost: () => void,
    most?: number,
  ) {
    this.#coalescer = new Coalescer(most);
  }

  add(events: readonly LiveEvent[]): void {
    if (!this.#coalescer.add(events)) this.lost();
    this.#ask();
  }

  /** Until `release`, what comes waits: the newest of each. */
  hold(): void {
    this.#held = true;
    this.#stop();
  }

  release(): void {
    this.#held = false;
    this.#ask();
  }

  /** What waits is not delivered any more. */
  clear(): void {
    this.#coalescer.clear();
    this.#stop();
  }

  #stop(): void {
    this.clock.clearTimeout(this.#timer);
    this.#timer = null;
  }

  #ask(): void {
    if (this.#held || this.#asked || this.#timer !== null || this.#coalescer.isEmpty) return;
    const pause = this.screen.isSlow || this.#slow ? this.#deliveredAt + SLOW_MS - this.clock.now() : 0;
    if (pause <= 0) {
      this.#draw();
      return;
    }
    this.#timer = this.clock.setTimeout(() => {
      this.#timer = null;
      this.#draw();
    }, pause);
  }

  #draw(): void {
    this.#asked = true;
    this.screen.requestFrame((began) => {
      this.#asked = false;
      if (this.#held || this.#coalescer.isEmpty) return;
      this.#deliveredAt = this.clock.now();
      // The next frame comes when this one is drawn.
      this.screen.requestFrame((next) => this.#measure(next - began));
      this.deliver(this.#coalescer.take());
    });
  }

  #measure(ms: number): void {
    if (this.#held || ms > NO_FRAME_MS) return;
    this.#frameMs += (ms - this.#frameMs) / 4;
    if (this.#frameMs > LONG_FRAME_MS) this.#slow = true;
    else if (this.#frameMs < LONG_FRAME_MS / 2) this.#slow = false;
  }
}
