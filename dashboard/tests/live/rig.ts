/** A `LiveSocket` with everything that it told. */

import type { LiveEvent } from "../../src/live/frames";
import { LiveSocket, type Refill } from "../../src/live/socket";
import type { Refusal } from "../../src/live/topics";
import { FakeBrowser } from "./fakes";

export class Rig {
  readonly browser = new FakeBrowser();
  readonly statuses: string[] = [];
  readonly refills: Refill[] = [];
  readonly events: LiveEvent[] = [];
  refused: readonly Refusal[] = [];
  readonly socket = new LiveSocket(this.browser, {
    status: (status, ended) => this.statuses.push(ended ? `${status}: ${ended}` : status),
    events: (some) => this.events.push(...some),
    refill: (refill) => this.refills.push(refill),
    refused: (all) => (this.refused = all),
  });

  readonly pass = (ms: number): Promise<void> => this.browser.clock.pass(ms);

  /** Connected, and watching the device `a` beside what is watched already. */
  async live(renewInMs?: number): Promise<void> {
    this.socket.watch({ devices: ["a"] });
    this.socket.start();
    await this.pass(0);
    this.browser.socket.welcomes(renewInMs);
    this.browser.socket.answers();
    await this.pass(0);
    this.browser.socket.heard();
  }
}
