/** The way of a command as a line: what it went through, and what is still to come. */

import type { CommandView, CommandsStatus, StepView } from "../../../api/api";
import type { CommandEvent } from "../../../live/frames";
import { isOver } from "../../../state/over";

export interface Stop {
  readonly status: CommandsStatus;
  /** `done`: it was there; `now`: that is where it is; `ahead`: it may come there. */
  readonly kind: "done" | "now" | "ahead";
  readonly step: StepView | null;
}

const WAY = ["CREATED", "SENT", "DELIVERED", "IN_PROGRESS", "SUCCEEDED"] as const satisfies readonly CommandsStatus[];

/**
 * Only steps that moved the command are on the line, in the order in which they were heard. A device need not say that
 * it is at it, so that "in progress" is ahead only until something follows; and an answer may overtake the note that it
 * was sent, so that a step may be missing.
 */
export function line(command: Pick<CommandView, "status" | "steps">): Stop[] {
  const moved = command.steps.filter((step) => step.moved);
  const before = moved.filter(({ status }) => status !== command.status);
  const at = moved.findLast(({ status }) => status === command.status) ?? null;
  const stops: Stop[] = before
    // A time-out that the device's word replaced is told beside the line.
    .filter(({ status }) => !isOver(status))
    .map((step) => ({ status: step.status, kind: "done" as const, step }));
  stops.push({ status: command.status, kind: isOver(command.status) ? "done" : "now", step: at });
  if (isOver(command.status)) return stops;
  const reached = WAY.indexOf(command.status as (typeof WAY)[number]);
  return [...stops, ...WAY.slice(reached + 1).map((status) => ({ status, kind: "ahead" as const, step: null }))];
}

/** What was heard and changed nothing, or no longer holds: it stays in the ledger, and is told on request. */
export function beside(command: Pick<CommandView, "status" | "steps">): StepView[] {
  return command.steps.filter((step) => !step.moved || (isOver(step.status) && step.status !== command.status));
}

/** Taken back it can be only before anything was tried. */
export const canCancel = (command: Pick<CommandView, "status" | "attempted">): boolean =>
  command.status === "CREATED" && command.attempted === 0;

/** How far it is; what is over is as far as what is over, but for a time-out, which the device's word replaces. */
export function rank(status: CommandsStatus): number {
  if (status === "TIMED_OUT") return WAY.length - 0.5;
  return isOver(status) ? WAY.length : WAY.indexOf(status as (typeof WAY)[number]);
}

/** What an event says of it, until the whole of it is read. */
export function advanced(known: CommandView, { data }: CommandEvent): CommandView {
  if (rank(data.status) < rank(known.status)) return known;
  return {
    ...known,
    status: data.status,
    progress: data.progress ?? known.progress,
    result: (data.result as CommandView["result"]) ?? known.result,
    reason: data.reason ?? known.reason,
  };
}

/** An answer that was on its way as an event came knows less than what is shown. */
export const further = (read: CommandView, known: CommandView): CommandView =>
  rank(read.status) < rank(known.status) ? known : read;

/** Pages that were read, after those that are newer: of these an answer or an event has told meanwhile. */
export function gathered(read: readonly CommandView[], known: readonly CommandView[]): CommandView[] {
  const before = new Map(known.map((command) => [command.id, command]));
  const newest = read[0]?.id ?? "";
  return [
    ...known.filter(({ id }) => id > newest),
    ...read.map((command) => further(command, before.get(command.id) ?? command)),
  ];
}
