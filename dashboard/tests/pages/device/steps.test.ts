import { describe, expect, test } from "vitest";

import type { CommandView, CommandsStatus, StepView } from "../../../src/api/api";
import { beside, canCancel, line } from "../../../src/pages/device/control/steps";

const step = (status: CommandsStatus, more: Partial<StepView> = {}): StepView => ({
  status,
  received_at: 1000,
  source: "cloud",
  at: null,
  note: null,
  moved: true,
  late: false,
  ...more,
});
const command = (status: CommandsStatus, ...steps: StepView[]): Pick<CommandView, "status" | "steps"> => ({
  status,
  steps,
});
const told = (of: Pick<CommandView, "status" | "steps">) => line(of).map(({ status, kind }) => `${status} ${kind}`);

describe("the way of a command", () => {
  test("shows where it is and what may still come", () =>
    expect(told(command("SENT", step("CREATED"), step("SENT")))).toEqual([
      "CREATED done",
      "SENT now",
      "DELIVERED ahead",
      "IN_PROGRESS ahead",
      "SUCCEEDED ahead",
    ]));

  test("that is over has nothing ahead", () =>
    expect(told(command("REJECTED", step("CREATED"), step("SENT"), step("DELIVERED"), step("REJECTED")))).toEqual([
      "CREATED done",
      "SENT done",
      "DELIVERED done",
      "REJECTED done",
    ]));

  test("whose answer overtook the note that it was sent shows no step that was not heard", () =>
    expect(told(command("DELIVERED", step("CREATED"), step("DELIVERED")))).toEqual([
      "CREATED done",
      "DELIVERED now",
      "IN_PROGRESS ahead",
      "SUCCEEDED ahead",
    ]));

  test("that timed out and then succeeded ends with the device's word, and tells the time-out beside it", () => {
    const late = command(
      "SUCCEEDED",
      step("CREATED"),
      step("SENT"),
      step("TIMED_OUT"),
      step("SUCCEEDED", { late: true, source: "device" }),
    );
    expect(told(late)).toEqual(["CREATED done", "SENT done", "SUCCEEDED done"]);
    expect(beside(late).map(({ status }) => status)).toEqual(["TIMED_OUT"]);
  });

  test("keeps out of the line what was heard and moved nothing", () => {
    const odd = command("SUCCEEDED", step("CREATED"), step("SUCCEEDED"), step("FAILED", { moved: false }));
    expect(told(odd)).toEqual(["CREATED done", "SUCCEEDED done"]);
    expect(beside(odd).map(({ status }) => status)).toEqual(["FAILED"]);
  });

  test("goes by its status where an event told that before its steps are read", () =>
    expect(told(command("DELIVERED", step("CREATED"), step("SENT"))).slice(0, 3)).toEqual([
      "CREATED done",
      "SENT done",
      "DELIVERED now",
    ]));
});

test("a command can be taken back until something was tried", () => {
  expect(canCancel({ status: "CREATED", attempted: 0 })).toBe(true);
  expect(canCancel({ status: "CREATED", attempted: 1 })).toBe(false);
  expect(canCancel({ status: "SENT", attempted: 1 })).toBe(false);
});
