import { expect, test } from "vitest";

import type { CommandView, CommandsStatus } from "../../../src/api/api";
import { gathered } from "../../../src/pages/device/control/steps";

const command = (id: string, status: CommandsStatus) => ({ id, status }) as CommandView;
const told = (commands: readonly CommandView[]) => commands.map(({ id, status }) => `${id} ${status}`);

test("what was heard while the list was read is not taken back by it", () =>
  expect(told(gathered([command("2", "SENT")], [command("2", "SUCCEEDED")]))).toEqual(["2 SUCCEEDED"]));

test("what was read and not heard counts", () =>
  expect(told(gathered([command("2", "FAILED")], [command("2", "SENT")]))).toEqual(["2 FAILED"]));

test("a time-out that was read earlier does not take back the device's word", () =>
  expect(told(gathered([command("2", "TIMED_OUT")], [command("2", "SUCCEEDED")]))).toEqual(["2 SUCCEEDED"]));

test("one that was sent while the list was read stays", () =>
  expect(told(gathered([command("2", "SENT")], [command("3", "CREATED"), command("2", "SENT")]))).toEqual([
    "3 CREATED",
    "2 SENT",
  ]));

test("a further page comes behind those before it", () =>
  expect(
    told(gathered([command("2", "SENT"), command("1", "SENT")], [command("4", "SENT"), command("3", "SENT")])),
  ).toEqual(["4 SENT", "3 SENT", "2 SENT", "1 SENT"]));
