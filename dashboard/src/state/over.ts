/** Whether a command has ended. Of these only a time-out may still be followed by the device's word. */

import type { CommandsStatus } from "../api/api";

const OVER: ReadonlySet<CommandsStatus> = new Set([
  "SUCCEEDED",
  "FAILED",
  "REJECTED",
  "TIMED_OUT",
  "EXPIRED",
  "CANCELLED",
]);

export const isOver = (status: CommandsStatus): boolean => OVER.has(status);
