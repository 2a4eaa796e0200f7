import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { parsed } from "../../src/live/frames";

const events = (...some: unknown[]) => parsed(JSON.stringify({ type: "events", events: some }));
const known = (device: string) => ({
  kind: "presence",
  device,
  at: 5,
  data: { status: "online", since: 5, reason: null },
});

describe("a frame", () => {
  it("never throws, whatever comes", () => {
    const types = fc.constantFrom("welcome", "subscribed", "refused", "pong", "renew", "events", "revoked", "error");
    const fields = ["id", "at", "topics", "refused", "events", "limits", "heartbeat_s", "renew_at", "complete_from"];
    const frame = fc.dictionary(fc.constantFrom(...fields), fc.jsonValue(), { noNullPrototype: true });
    const made = fc.tuple(types, frame).map(([type, rest]) => JSON.stringify({ ...rest, type }));
    fc.assert(
      fc.property(fc.oneof(made, fc.string(), fc.json(), fc.constant(new ArrayBuffer(8))), (message) => {
        parsed(message);
      }),
    );
  });

  it("is left out where it is no JSON object of a type that is known", () => {
    for (const message of ["", "{", "[]", "null", "7", '{"type":"sing"}', '{"type":"pong"}', "{}", undefined]) {
      expect(parsed(message)).toBeNull();
    }
  });

  it("tells the limits and the heartbeat of a welcome in ms", () => {
    const welcome = {
      type: "welcome",
      v: 1,
      heartbeat_s: 240,
      renew_at: 9,
      closes_at: 10,
      limits: { subscriptions: 7 },
    };
    expect(parsed(JSON.stringify(welcome))).toEqual({ type: "welcome", heartbeatMs: 240_000, renewAt: 9, most: 7 });
  });
});

describe("events", () => {
  it("are known by their kind, and those of a kind that is not known are left out", () => {
    const frame = events(known("a"), { ...known("b"), kind: "weather" }, { ...known("c"), kind: "constructor" });
    expect(frame).toMatchObject({ events: [{ kind: "presence", device: "a" }] });
    expect(frame).toHaveProperty("events.length", 1);
  });

  it("are left out alone where what a page relies on is missing", () => {
    const frame = events(
      known("a"),
      { ...known("b"), at: "yesterday" },
      { ...known("c"), data: {} },
      { kind: "command", device: "d", at: 1, data: { status: "SENT" } },
      { kind: "alarm", device: "e", at: 1, alarm: "e.1", data: { state: "active" } },
      { kind: "state", device: "f", at: 1, data: { desired: null, reported: {} } },
      null,
      known("g"),
    );
    expect(frame).toMatchObject({ events: [{ device: "a" }, { device: "g" }] });
    expect(frame).toHaveProperty("events.length", 2);
  });

  it("of values keep the metrics that have one", () => {
    const data = {
      good: { ts: 1, value: 2, q: "good" },
      none: null,
      timeless: { value: 2 },
      empty: { ts: 1, value: null },
    };
    expect(events({ kind: "latest", device: "a", at: 1, data })).toMatchObject({
      events: [{ data: { good: { ts: 1, value: 2, q: "good" } } }],
    });
  });

  it("that were too large to tell name all topics that they may be watched by", () => {
    const cut = { kind: "command", device: "a", group: "plant/line", command: "c1", at: 1, truncated: true };
    expect(events(cut)).toEqual({
      type: "events",
      events: [],
      cut: ["device:a", "group:plant", "group:plant/line", "command:a/c1"],
    });
    const alarm = { kind: "alarm", device: "a", alarm: "a.1", at: 1, truncated: true };
    expect(events(alarm)).toEqual({ type: "events", events: [], cut: ["alarms", "device:a"] });
  });
});
