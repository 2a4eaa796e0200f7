import { describe, expect, it } from "vitest";

import { type Episode, compared } from "../../../src/pages/rule/test/compared";

const episode = (raised_at: number, cleared_at: number | null = raised_at + 5): Episode => ({
  raised_at,
  cleared_at,
  severity: "major",
});
const finding = (alarms: Episode[]) => ({ alarms, transitions: [], counts: {}, raised: alarms.length, active_ms: 0 });

describe("the alarms of a backtest", () => {
  it("are one list, newest first, each beside the installed version's", () => {
    const [first, second, third, gone] = [episode(1), episode(20), episode(30, null), episode(10)];
    const rows = compared({
      samples: 9,
      tested: finding([first, second, third]),
      installed: finding([]),
      difference: {
        same: 1,
        changed: 1,
        added: 1,
        removed: 1,
        changes: [{ installed: episode(19), tested: second }],
        additions: [third],
        removals: [gone],
      },
    });
    expect(rows.map(({ episode: { raised_at }, kind }) => [raised_at, kind])).toEqual([
      [30, "added"],
      [20, "changed"],
      [10, "removed"],
      [1, "same"],
    ]);
  });

  it("are compared with nothing where nothing is installed", () => {
    const rows = compared({ samples: 1, tested: finding([episode(1)]), installed: null, difference: null });
    expect(rows.map(({ kind }) => kind)).toEqual([null]);
  });
});
