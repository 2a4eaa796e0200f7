import { expect, it } from "vitest";

import type { AlarmSummary, FleetSummaryView } from "../../src/api/api";
import { LOSSY, loss, verdict } from "../../src/pages/overview/verdict";
import { type Summary, added } from "../../src/state/summary.svelte";
import { texts as t } from "../../src/texts";

const EMPTY = {
  devices: 0,
  online: 0,
  offline: 0,
  unknown: 0,
  stale: 0,
  received: 0,
  lost: 0,
  from: 0,
  quarantined: 0,
  worst: [],
  capped: false,
} as Summary;
const page = (more: Partial<FleetSummaryView>) =>
  ({
    devices: 2,
    online: 1,
    offline: 1,
    unknown: 0,
    stale: 0,
    window_from: 500,
    received: 90,
    lost: 10,
    quarantined: { range: 2, type: 1 },
    worst: [],
    ...more,
  }) as unknown as FleetSummaryView;
const troubled = (id: string, ...reasons: string[]) =>
  ({ id, troubles: reasons.map((reason) => ({ reason, since: 1, count: 1 })) }) as never;

it("adds pages up", () => {
  const sum = added(added(EMPTY, page({})), page({ window_from: 400 }));
  expect(sum).toMatchObject({ devices: 4, online: 2, offline: 2, received: 180, lost: 20, from: 400, quarantined: 6 });
});

it("keeps the ten that are worst off, over all pages", () => {
  const many = Array.from({ length: 12 }, (_, at) => troubled(`q-${at}`, "quarantined"));
  const sum = added(
    added(EMPTY, page({ worst: many })),
    page({ worst: [troubled("off", "offline"), troubled("stale", "stale", "lossy")] }),
  );
  expect(sum.worst).toHaveLength(10);
  expect(sum.worst.slice(0, 2).map(({ id }) => id)).toEqual(["off", "stale"]);
});

it("has lost nothing where nothing came", () => {
  expect([loss(EMPTY), loss({ received: 99, lost: 1 })]).toEqual([0, 0.01]);
});

const alarm = (severity: string) => ({ severity }) as AlarmSummary;

it("says that all is well only where it is", () => {
  const well = { ...EMPTY, devices: 3, online: 3, received: 1000 };
  expect(verdict(well, []).level).toBe("ok");
  expect(verdict({ ...well, stale: 1 }, []).level).toBe("warn");
  expect(verdict({ ...well, offline: 1 }, []).level).toBe("warn");
  expect(verdict({ ...well, lost: 1000 * LOSSY * 2 }, []).level).toBe("warn");
  expect(verdict(well, [alarm("warning")]).level).toBe("warn");
  expect(verdict(well, [alarm("warning"), alarm("critical")]).level).toBe("bad");
});

it("says of no fleet that it is well while its alarms are not known", () => {
  const well = { ...EMPTY, devices: 3, online: 3, received: 1000 };
  expect(verdict(well, "pending").level).toBe("pending");
  expect(verdict(well, "unreadable")).toMatchObject({ level: "warn", parts: [t.overview.alarmsUnreadable] });
  expect(verdict(well, "forbidden")).toMatchObject({
    level: "ok",
    parts: [t.overview.allReport(3), t.overview.alarmsForbidden],
  });
  expect(verdict({ ...well, offline: 1 }, "pending").level).toBe("warn");
});
