import { expect, test } from "vitest";

import type { CommandView } from "../../../src/api/api";
import type { CommandEvent } from "../../../src/live/frames";
import { advanced } from "../../../src/pages/device/control/steps";

const known = (status: CommandView["status"]) =>
  ({ id: "01", status, updated_at: 1000, progress: null, result: null, reason: null }) as unknown as CommandView;
const event = (status: CommandView["status"], more: Partial<CommandEvent["data"]> = {}) =>
  ({
    kind: "command",
    device: "press-4",
    command: "01",
    at: 2000,
    data: { name: "relay", status, step: null, progress: null, result: null, reason: null, ...more },
  }) as CommandEvent;

test("an event moves a command on", () => {
  expect(advanced(known("SENT"), event("FAILED", { reason: "interlock" }))).toMatchObject({
    status: "FAILED",
    reason: "interlock",
  });
});

test("one that is out of turn does not take it back", () =>
  expect(advanced(known("DELIVERED"), event("SENT")).status).toBe("DELIVERED"));

test("one that is late does not reopen what is over", () =>
  expect(advanced(known("SUCCEEDED"), event("DELIVERED")).status).toBe("SUCCEEDED"));

test("the device's word replaces a time-out", () =>
  expect(advanced(known("TIMED_OUT"), event("SUCCEEDED")).status).toBe("SUCCEEDED"));
