/** Whether a command has ended, and how that is marked. Only a time-out may still be followed by the device's word. */

import type { CommandsStatus } from "../api/api";

const ENDS: Readonly<Partial<Record<CommandsStatus, string>>> = {
  SUCCEEDED: "ok",
  FAILED: "bad",
  REJECTED: "bad",
  TIMED_OUT: "bad",
  EXPIRED: "warn",
  CANCELLED: "",
};

export const isOver = (status: CommandsStatus): boolean => status in ENDS;

export const badgeOf = (status: CommandsStatus): string => ENDS[status] ?? "accent";
