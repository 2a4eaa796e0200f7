/** Something that is done on somebody's word: once at a time, and with what went wrong. */

import { type Failure, failure } from "../api/problems";

export class Attempt {
  busy = $state(false);
  failed: Failure | null = $state.raw(null);

  /** Whether it was done. While one goes on there is no second. */
  run = async (work: () => Promise<unknown>): Promise<boolean> => {
    if (this.busy) return false;
    this.busy = true;
    this.failed = null;
    try {
      await work();
      return true;
    } catch (error) {
      this.failed = failure(error);
      return false;
    } finally {
      this.busy = false;
    }
  };

  /** As a form's `onsubmit`. */
  submit = (work: () => Promise<unknown>) => (event: SubmitEvent) => {
    event.preventDefault();
    void this.run(work);
  };
}
