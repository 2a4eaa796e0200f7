import { describe, expect, test } from "vitest";

import { type Side, delta, merged, moved } from "../../../src/pages/device/shadow.svelte";

const BEFORE: Side = {
  desired: { values: { relay: { on: true } }, version: 4, by: { id: "user:1", name: "Ann" }, at: 1000, sent: true },
  reported: { values: { relay: { on: false } }, rejected: { relay: "interlock" }, at: 900 },
  delta: { relay: { on: true } },
};

describe("an event of a shadow", () => {
  test("that is the device's report moves what is reported, and who desired what stays", () => {
    const after = moved(BEFORE, { desired: { relay: { on: true } }, reported: { relay: { on: true } } }, 2000);
    expect(after.reported).toEqual({ values: { relay: { on: true } }, rejected: {}, at: 2000 });
    expect(after.desired).toEqual(BEFORE.desired);
    expect(after.delta).toEqual({});
  });

  test("that says what is known already makes no device report that did not", () => {
    const silent: Side = { ...BEFORE, reported: { values: {}, rejected: {}, at: null } };
    const told = { desired: { relay: { on: true } }, reported: {}, rejected: {} };
    expect(moved(silent, told, 2000).reported.at).toBeNull();
  });

  test("that somebody desired something moves what is desired, and nothing that is reported", () => {
    const told = { desired: { relay: { on: false } }, reported: {}, version: 5, set_by: "Bob" };
    const after = moved(BEFORE, told, 2000);
    expect(after.reported).toEqual(BEFORE.reported);
    expect(after.desired).toMatchObject({
      version: 5,
      by: { name: "Bob" },
      at: 2000,
      values: { relay: { on: false } },
    });
  });

  test("that is older than what is known changes nothing", () => {
    const told = { desired: {}, reported: {}, version: 3, set_by: "Bob" };
    expect(moved(BEFORE, told, 2000)).toBe(BEFORE);
  });

  test("of the version that is known already keeps who set it", () => {
    const told = { desired: { relay: { on: true } }, reported: {}, version: 4, set_by: "Ann" };
    expect(moved(BEFORE, told, 2000).desired).toEqual(BEFORE.desired);
  });
});

test("what is desired and not reported is told leaf by leaf", () => {
  expect(
    delta({ relay: { on: true }, fan: { rpm: 5 }, new: 1 }, { relay: { on: false }, fan: { rpm: 5 }, other: 2 }),
  ).toEqual({ relay: { on: true }, new: 1 });
});

describe("what is read while events come", () => {
  const read: Side = { ...BEFORE, desired: { ...BEFORE.desired, version: 5, values: { relay: { on: false } } } };

  test("counts where nothing newer was heard", () => expect(merged(read, BEFORE)).toEqual({ ...read, delta: {} }));

  test("takes back neither a newer wish nor a newer report", () => {
    const known: Side = {
      desired: { ...BEFORE.desired, version: 6, values: { relay: { on: true } } },
      reported: { values: { relay: { on: true } }, rejected: {}, at: 1500 },
      delta: {},
    };
    expect(merged(read, known)).toEqual(known);
  });

  test("says better when it was that both tell alike", () => {
    const known: Side = { ...BEFORE, reported: { ...BEFORE.reported, at: 1500 } };
    expect(merged(read, known).reported.at).toBe(900);
  });
});
