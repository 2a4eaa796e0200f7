import fc from "fast-check";
import { expect, it } from "vitest";

import { standing } from "../../src/state/standing";

const NOW = 1_764_000_000_000;
const device = { status: "online" as const, since: NOW - 3_600_000, read_at: NOW - 5_000, interval_ms: 10_000 };

it("is online while its readings come", () => {
  expect(standing(device, NOW)).toBe("online");
});

it("is stale after three intervals without a reading, and not a moment before", () => {
  expect(standing(device, device.read_at + 30_000)).toBe("online");
  expect(standing(device, device.read_at + 30_001)).toBe("stale");
});

it("has three intervals for its first reading after it connected", () => {
  expect(standing({ ...device, since: NOW, read_at: NOW - 86_400_000 }, NOW + 30_000)).toBe("online");
  expect(standing({ ...device, since: NOW, read_at: null }, NOW + 30_001)).toBe("stale");
});

it("is never stale where no interval is known, nor while it is offline", () => {
  expect(standing({ ...device, interval_ms: null }, NOW + 1e9)).toBe("online");
  expect(standing({ ...device, status: "offline" }, NOW + 1e9)).toBe("offline");
});

it("is decommissioned whatever else it is", () => {
  expect(standing({ ...device, decommissioned: true }, NOW)).toBe("decommissioned");
});

it("once stale stays so, until something comes", () => {
  fc.assert(
    fc.property(fc.nat(100_000), fc.nat(100_000), (after, more) => {
      if (standing(device, NOW + after) === "stale") expect(standing(device, NOW + after + more)).toBe("stale");
    }),
  );
});
