import { beforeEach, describe, expect, it, vi } from "vitest";

import type { CommandView } from "../../src/api/api";
import { session } from "../../src/api/session.svelte";
import { live } from "../../src/live/live.svelte";
import { notices } from "../../src/state/notices.svelte";
import { announce } from "../../src/state/sent";

vi.mock("../../src/routing/router.svelte", () => ({ to: { device: (id: string) => `/devices/${id}` } }));

const NOW = 1_700_000_000_000;
const command = { id: "c1", device: "press-4", expires_at: NOW + 60_000, timeout_s: 30 } as CommandView;
/** How the command stands; null while nobody can be asked. */
let status: CommandView["status"] | null;
const end = vi.fn();

beforeEach(() => {
  vi.useFakeTimers({ now: NOW });
  end.mockClear();
  notices.all = [];
  vi.spyOn(session, "token").mockResolvedValue("t");
  vi.spyOn(live, "watch").mockReturnValue(end);
  vi.stubGlobal("fetch", async () => {
    if (status === null) throw new TypeError("no network");
    return Response.json({ ...command, status, reason: null });
  });
});

describe("a command that was sent", () => {
  it("is told of once it is over, and watched no longer", async () => {
    status = "SUCCEEDED";
    announce(command, "Relay");
    await vi.advanceTimersByTimeAsync(61_000);
    expect(notices.all).toEqual([]);
    await vi.advanceTimersByTimeAsync(2_000);
    expect(notices.all.map(({ kind }) => kind)).toEqual(["done"]);
    expect(end).toHaveBeenCalledOnce();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(notices.all).toHaveLength(0);
    expect(end).toHaveBeenCalledOnce();
  });

  it("is watched no longer after its last deadline, though nobody could be asked", async () => {
    status = null;
    announce(command, "Relay");
    await vi.advanceTimersByTimeAsync(63_000);
    expect(end).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(32_000);
    expect(end).toHaveBeenCalledOnce();
    expect(notices.all).toEqual([]);
  });
});
