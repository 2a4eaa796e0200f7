/** What the server says over the WebSocket, as docs/live.md has it. What is not understood is left out, and never throws. */

import type { AlarmView, CommandsStatus, LatestView, PresenceView, ProgressView, StepView } from "@fieldline/client";

import { ALARMS, type Reason, type Refusal, type Topic } from "./topics";

export type Reading = Pick<LatestView, "ts" | "value" | "q">;

interface Of<Kind extends string, Data> {
  readonly kind: Kind;
  readonly device: string;
  readonly group?: string;
  /** When it changed, in ms, by the server's clock. */
  readonly at: number;
  readonly data: Data;
}

export interface ShadowData {
  readonly desired: Readonly<Record<string, unknown>>;
  readonly reported: Readonly<Record<string, unknown>>;
  readonly rejected?: unknown;
  readonly delta?: Readonly<Record<string, unknown>>;
  /** Where somebody changed what is desired. */
  readonly version?: number;
  readonly set_by?: string | null;
}

export interface CommandData {
  readonly name: string;
  readonly status: CommandsStatus;
  /** Without what is as usual: no `note`, `moved`, not `late`. */
  readonly step: (Pick<StepView, "status" | "received_at" | "source"> & Partial<StepView>) | null;
  readonly progress: ProgressView | null;
  readonly result: Readonly<Record<string, unknown>> | null;
  readonly reason: string | null;
}

/** `left`: the device is no longer in the group that is watched. Else what is known of it now. */
export interface DeviceData {
  readonly version: number;
  readonly left?: true;
  readonly decommissioned?: boolean;
  readonly name?: string;
  readonly model?: string | null;
  readonly group?: string;
  readonly tags?: Readonly<Record<string, string>>;
}

export type AlarmData = Pick<
  AlarmView,
  "version" | "rule" | "severity" | "state" | "title" | "message" | "raised_at" | "cleared_at" | "flapping"
> & { readonly acknowledged: boolean; readonly assignee: string | null; readonly comments: number };

export type LatestEvent = Of<"latest", Readonly<Record<string, Reading>>>;
export type PresenceEvent = Of<"presence", PresenceView>;
export type StateEvent = Of<"state", ShadowData>;
export type ConfigEvent = Of<"config", ShadowData>;
export type CommandEvent = Of<"command", CommandData> & { readonly command: string };
export type DeviceEvent = Of<"device", DeviceData>;
export type AlarmEvent = Of<"alarm", AlarmData> & { readonly alarm: string };

export type LiveEvent =
  LatestEvent | PresenceEvent | StateEvent | ConfigEvent | CommandEvent | DeviceEvent | AlarmEvent;

export type Frame =
  | { type: "welcome"; heartbeatMs: number; renewAt: number; most: number }
  | { type: "subscribed"; id: string; topics: Topic[]; completeFrom: number; refused: Refusal[] }
  | { type: "refused"; id: string; refused: Refusal[] }
  | { type: "unsubscribed"; id: string }
  | { type: "pong"; at: number }
  | { type: "renew"; at: number }
  /** `cut`: topics of which something happened that fits into no frame, to be read by REST. */
  | { type: "events"; events: LiveEvent[]; cut: Topic[] }
  | { type: "revoked"; topics: Topic[]; everything: boolean }
  | { type: "error"; slug: string; message: string; field: string };

type Json = Record<string, unknown>;

const isObject = (value: unknown): value is Json =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const isText = (value: unknown): value is string => typeof value === "string" && value !== "";
const isNumber = (value: unknown): value is number => Number.isFinite(value);
const text = (value: unknown): string => (typeof value === "string" ? value : "");
const number = (value: unknown, otherwise: number): number => (isNumber(value) ? value : otherwise);
const list = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);

/** Null for what is no frame of version 1. */
export function parsed(message: unknown): Frame | null {
  if (typeof message !== "string") return null;
  let frame: unknown;
  try {
    frame = JSON.parse(message);
  } catch {
    return null;
  }
  return isObject(frame) ? read(frame) : null;
}

function read(frame: Json): Frame | null {
  const { type } = frame;
  const id = text(frame["id"]);
  switch (type) {
    case "welcome": {
      const limits = isObject(frame["limits"]) ? frame["limits"] : {};
      return {
        type,
        heartbeatMs: number(frame["heartbeat_s"], 240) * 1000,
        renewAt: number(frame["renew_at"], Infinity),
        most: number(limits["subscriptions"], 100),
      };
    }
    case "subscribed":
      return {
        type,
        id,
        topics: list(frame["topics"]).filter(isText),
        completeFrom: number(frame["complete_from"], 0),
        refused: refusals(frame["refused"]),
      };
    case "refused":
      return { type, id, refused: refusals(frame["refused"]) };
    case "unsubscribed":
      return { type, id };
    case "pong":
    case "renew":
      return isNumber(frame["at"]) ? { type, at: frame["at"] } : null;
    case "events": {
      const all = list(frame["events"]).filter(isObject);
      const events = all.map(event).filter((one) => one !== null);
      return { type, events, cut: all.flatMap((one) => (one["truncated"] === true ? watchedBy(one) : [])) };
    }
    case "revoked":
      return { type, topics: list(frame["topics"]).filter(isText), everything: frame["everything"] === true };
    case "error":
      return { type, slug: text(frame["slug"]), message: text(frame["message"]), field: text(frame["field"]) };
  }
  return null;
}

function refusals(value: unknown): Refusal[] {
  return list(value).flatMap((one) => {
    if (!isObject(one) || !isText(one["topic"])) return [];
    return [{ topic: one["topic"], reason: one["reason"] === "limit" ? "limit" : ("not_found" satisfies Reason) }];
  });
}

function event(one: Json): LiveEvent | null {
  const { kind, device, group, at, command, alarm } = one;
  if (!isText(kind) || !isText(device) || !isNumber(at) || !isObject(one["data"])) return null;
  const data = Object.hasOwn(DATA, kind) ? DATA[kind]?.(one["data"], one) : null;
  if (!data) return null;
  const known = { kind, device, at, data, ...(isText(group) && { group }) };
  return { ...known, ...(kind === "command" && { command }), ...(kind === "alarm" && { alarm }) } as LiveEvent;
}

/** By kind: what a page may rely on is there, or the event is left out. */
const DATA: Record<string, (data: Json, event: Json) => Json | null> = {
  latest: (data) => {
    const readings = Object.entries(data).filter(([, one]) => isReading(one));
    return readings.length > 0 ? Object.fromEntries(readings) : null;
  },
  presence: (data) => (isText(data["status"]) ? data : null),
  state: shadow,
  config: shadow,
  command: (data, { command }) => (isText(command) && isText(data["status"]) ? data : null),
  device: (data) => (isNumber(data["version"]) ? data : null),
  alarm: (data, { alarm }) => (isText(alarm) && isNumber(data["version"]) && isText(data["state"]) ? data : null),
};

function shadow(data: Json): Json | null {
  return isObject(data["desired"]) && isObject(data["reported"]) ? data : null;
}

function isReading(one: unknown): boolean {
  return isObject(one) && isNumber(one["ts"]) && ["number", "boolean", "string"].includes(typeof one["value"]);
}

/** Everything that an event of it may be watched by. */
function watchedBy({ kind, device, group, command }: Json): Topic[] {
  if (!isText(device)) return [];
  const path = text(group).split("/");
  const groups = isText(group) ? path.map((_, at) => `group:${path.slice(0, at + 1).join("/")}`) : [];
  const alarms = kind === "alarm" ? [ALARMS] : [];
  return [...alarms, `device:${device}`, ...groups, ...(isText(command) ? [`command:${device}/${command}`] : [])];
}
