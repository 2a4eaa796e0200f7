import { describe, expect, it } from "vitest";

import { type Reason, chosen, concerns, fitting, isUrgent, topicAt, topicsOf, wantedOf } from "../../src/live/topics";

const wanted = { devices: ["a", "b"], groups: ["plant/line"], commands: [{ device: "a", id: "c1" }], all: false };
const none = new Map<string, Reason>();

describe("topics", () => {
  it("are what is wanted, and back", () => {
    expect(topicsOf(wanted)).toEqual(["device:a", "device:b", "group:plant/line", "command:a/c1"]);
    expect(wantedOf(topicsOf(wanted))).toEqual(wanted);
    expect(wantedOf(topicsOf({ all: true }))).toEqual({ devices: [], groups: [], commands: [], all: true });
    expect(topicsOf({ alarms: true, devices: ["alarms"] })).toEqual(["alarms", "device:alarms"]);
    expect(wantedOf(["alarms", "device:alarms"])).toEqual({
      devices: ["alarms"],
      groups: [],
      commands: [],
      alarms: true,
      all: false,
    });
  });

  it("are found again by the field that the server complains about", () => {
    const topics = topicsOf(wanted);
    expect(topicAt(topics, "devices[1]")).toBe("device:b");
    expect(topicAt(topics, "groups[0]")).toBe("group:plant/line");
    expect(topicAt(topics, "commands[0].id")).toBe("command:a/c1");
    expect(topicAt(topics, "devices[9]")).toBeUndefined();
    expect(topicAt(topics, "all")).toBeUndefined();
    expect(topicAt(topics, "alarms")).toBeUndefined();
    expect(topicAt(["alarms", ...topics], "alarms")).toBe("alarms");
    expect(topicAt(["alarms", ...topics], "devices[0]")).toBe("device:a");
  });
});

describe("what a connection watches", () => {
  it("is everything alone where everything is wanted, since that includes the rest", () => {
    expect(chosen(["device:a", "*"], none, 100)).toEqual({ keep: ["*"], over: [] });
  });

  it("is alarms first, also beside everything and where there is too much", () => {
    expect(chosen(["device:a", "*", "alarms"], none, 100)).toEqual({ keep: ["alarms", "*"], over: [] });
    expect(chosen(["device:a", "device:b", "alarms"], none, 2)).toEqual({
      keep: ["alarms", "device:a"],
      over: ["device:b"],
    });
  });

  it("is the rest where everything is refused", () => {
    expect(chosen(["device:a", "*"], new Map([["*", "limit"]]), 100)).toEqual({ keep: ["device:a"], over: [] });
  });

  it("is no more than it may, the earliest first, and what is refused takes no room", () => {
    const refused = new Map<string, Reason>([["device:a", "not_found"]]);
    expect(chosen(["device:a", "device:b", "device:c", "device:d"], refused, 2)).toEqual({
      keep: ["device:b", "device:c"],
      over: ["device:d"],
    });
  });

  it("is asked for in messages of less than 16 KB", () => {
    const names = Array.from({ length: 100 }, (_, at) => `group:${"x".repeat(300)}${at}`);
    const asked: string[] = [];
    while (asked.length < names.length) {
      const some = fitting(names.slice(asked.length));
      expect(some.length).toBeGreaterThan(0);
      expect(JSON.stringify({ type: "subscribe", id: "1", ...wantedOf(some) }).length).toBeLessThan(16 * 1024);
      asked.push(...some);
    }
    expect(asked).toEqual(names);
  });
});

describe("news of some topics", () => {
  it("concerns who wants one of them or everything, and everything concerns everybody", () => {
    expect(concerns(["device:a"], ["device:b"])).toBe(false);
    expect(concerns(["device:a", "device:b"], ["device:b"])).toBe(true);
    expect(concerns(["device:a"], ["*"])).toBe(true);
    expect(concerns(["*"], ["device:b"])).toBe(true);
    expect(concerns(["device:a"], ["alarms"])).toBe(false);
    expect(concerns(["alarms", "device:a"], ["alarms"])).toBe(true);
  });

  it("is urgent to who wants alarms and nothing else", () => {
    expect(isUrgent(topicsOf({ alarms: true }))).toBe(true);
    expect(isUrgent(topicsOf({ all: true }))).toBe(false);
    expect(isUrgent(topicsOf({ alarms: true, devices: ["a"] }))).toBe(false);
  });
});
