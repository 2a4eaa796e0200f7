/** What has just happened and is worth saying aloud: results of what somebody did, and alarms. Never ticking values. */

import { failure } from "../api/problems";

export interface Notice {
  readonly id: number;
  readonly kind: "done" | "failed" | "alarm";
  readonly text: string;
  readonly link?: string | undefined;
}

const SHOWN_MS = 8_000;
const MOST = 4;

class Notices {
  all: readonly Notice[] = $state([]);
  #next = 1;

  say(kind: Notice["kind"], text: string, link?: string): void {
    const notice: Notice = { id: this.#next++, kind, text, link };
    this.all = [...this.all, notice].slice(-MOST);
    // A failure stays until it was read.
    if (kind !== "failed") setTimeout(() => this.drop(notice.id), SHOWN_MS);
  }

  /** What somebody did could not be done. */
  refuse(error: unknown): void {
    const { title, detail } = failure(error);
    this.say("failed", `${title}: ${detail}`);
  }

  drop(id: number): void {
    this.all = this.all.filter((notice) => notice.id !== id);
  }
}

export const notices = new Notices();
