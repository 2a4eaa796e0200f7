/**
 * When pages are told of events: at most once a frame, twice a second where drawing is slow, and not while held. Alarms
 * are told while held too: in a hidden tab, which draws no frames, at most once a second.
 */

import type { Clock } from "./clock";
import { Coalescer } from "./coalescer";
import type { LiveEvent } from "./frames";

export interface Screen {
  /** As requestAnimationFrame; tells in ms when the frame began. */
  requestFrame(draw: (at: number) => void): void;
  /** What is known of the machine: few cores and a finger. */
  readonly isSlow: boolean;
}

/** Why what is not urgent waits: nobody wants it, or nobody sees it, and then no frame is drawn either. */
export type Hold = "paused" | "hidden";

const SLOW_MS = 500;
const HIDDEN_MS = 1_000;
/** A frame that takes longer, on average, is slow; one that takes less than half of it no longer is. */
const LONG_FRAME_MS = 50;
/** Longer is no drawing: the machine slept, or the tab was hidden. */
const NO_FRAME_MS = 2_000;

export class Batches {
  readonly #values: Coalescer;
  readonly #alarms: Coalescer;
  #held: Hold | null = null;
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
    this.#values = new Coalescer(most);
    this.#alarms = new Coalescer(most);
  }

  add(events: readonly LiveEvent[]): void {
    const alarms = this.#alarms.add(events.filter(({ kind }) => kind === "alarm"));
    const values = this.#values.add(events.filter(({ kind }) => kind !== "alarm"));
    if (!alarms || !values) this.lost();
    this.#ask();
  }

  /** Until `release`, what comes waits: the newest of each. Alarms go on. */
  hold(why: Hold): void {
    this.#held = why;
    this.#stop();
    this.#ask();
  }

  release(): void {
    this.#held = null;
    this.#stop();
    this.#ask();
  }

  /** What waits is not delivered any more; `values` alone, and the alarms are. */
  clear(which: "all" | "values" = "all"): void {
    this.#values.clear();
    if (which === "values") return;
    this.#alarms.clear();
    this.#stop();
  }

  get #isEmpty(): boolean {
    return this.#alarms.isEmpty && (this.#held !== null || this.#values.isEmpty);
  }

  #stop(): void {
    this.clock.clearTimeout(this.#timer);
    this.#timer = null;
  }

  #ask(): void {
    if (this.#timer !== null || this.#isEmpty) return;
    const hidden = this.#held === "hidden";
    // A frame that was asked for in a tab that is hidden since does not come.
    if (this.#asked && !hidden) return;
    const every = hidden ? HIDDEN_MS : this.screen.isSlow || this.#slow ? SLOW_MS : 0;
    // A clock that was set back makes nobody wait longer.
    const pause = Math.min(this.#deliveredAt + every - this.clock.now(), every);
    const tell = () => (hidden ? this.#tell() : this.#draw());
    if (pause <= 0) {
      tell();
      return;
    }
    this.#timer = this.clock.setTimeout(() => {
      this.#timer = null;
      tell();
    }, pause);
  }

  #draw(): void {
    this.#asked = true;
    this.screen.requestFrame((began) => {
      this.#asked = false;
      if (this.#isEmpty) return;
      // The next frame comes when this one is drawn.
      this.screen.requestFrame((next) => this.#measure(next - began));
      this.#tell();
    });
  }

  #tell(): void {
    this.#deliveredAt = this.clock.now();
    const values = this.#held === null ? this.#values.take() : [];
    this.deliver([...this.#alarms.take(), ...values].sort((one, other) => one.at - other.at));
  }

  #measure(ms: number): void {
    if (this.#held !== null || ms > NO_FRAME_MS) return;
    this.#frameMs += (ms - this.#frameMs) / 4;
    if (this.#frameMs > LONG_FRAME_MS) this.#slow = true;
    else if (this.#frameMs < LONG_FRAME_MS / 2) this.#slow = false;
  }
}
