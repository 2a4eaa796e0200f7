/** A device model, read from the W3C WoT Thing Model that the API tells it as. */

import type { Json, JsonObject, Schema } from "../parts/schema/schema";
import { isObject } from "../parts/schema/schema";

export interface Metric {
  readonly key: string;
  readonly title: string;
  readonly type: "number" | "boolean" | "string";
  /** A UCUM code. */
  readonly unit: string | null;
  readonly minimum: number | null;
  readonly maximum: number | null;
  /** Digits behind the point that are worth showing. */
  readonly precision: number | null;
  readonly enum: readonly string[];
  readonly derived: boolean;
}

export interface Actuator {
  readonly key: string;
  readonly title: string;
  readonly description: string | null;
  /** Of a command's parameters, and of what is desired of it. */
  readonly parameters: Schema;
  /** What it is to be when nobody is in control. */
  readonly safe: JsonObject | null;
  /** The metric that tells what is true. */
  readonly metric: string | null;
  /** Doing it twice is the same as doing it once. */
  readonly idempotent: boolean;
}

export interface DeviceModel {
  readonly name: string;
  readonly title: string;
  readonly version: string;
  readonly intervalMs: number;
  readonly metrics: Readonly<Record<string, Metric>>;
  readonly actuators: Readonly<Record<string, Actuator>>;
  /** Of the settings; an object without properties where there are none. */
  readonly configuration: Schema;
}

const NOTHING: Schema = { type: "object", properties: {}, additionalProperties: false };

const text = (value: unknown): string | null => (typeof value === "string" && value ? value : null);
const finite = (value: unknown): number | null => (typeof value === "number" ? value : null);
const parts = (value: unknown): [string, JsonObject][] =>
  Object.entries(isObject(value) ? value : {}).flatMap(([key, part]) => (isObject(part) ? [[key, part]] : []));
const schemaOf = (value: unknown): Schema =>
  isObject(value) && "type" in value ? (value as unknown as Schema) : NOTHING;

/** The API stores only models that it has checked; what is missing here is what a model may leave out. */
export function asModel(document: Readonly<Record<string, unknown>>): DeviceModel {
  const name = text(document["fieldline:name"]) ?? "";
  const version = isObject(document["version"]) ? text(document["version"]["model"]) : null;
  return {
    name,
    title: text(document["title"]) ?? name,
    version: version ?? "",
    intervalMs: finite(document["fieldline:intervalMs"]) ?? 0,
    metrics: Object.fromEntries(parts(document["properties"]).map(([key, part]) => [key, asMetric(key, part)])),
    actuators: Object.fromEntries(parts(document["actions"]).map(([key, part]) => [key, asActuator(key, part)])),
    configuration: schemaOf(document["fieldline:configuration"]),
  };
}

function asMetric(key: string, part: JsonObject): Metric {
  const type = part["type"];
  return {
    key,
    title: text(part["title"]) ?? key,
    type: type === "boolean" || type === "string" ? type : "number",
    unit: text(part["unit"]),
    minimum: finite(part["minimum"]),
    maximum: finite(part["maximum"]),
    precision: finite(part["fieldline:precision"]),
    enum: Array.isArray(part["enum"]) ? part["enum"].filter((one: Json) => typeof one === "string") : [],
    derived: text(part["fieldline:derived"]) !== null,
  };
}

function asActuator(key: string, part: JsonObject): Actuator {
  const safe = part["fieldline:safeState"];
  return {
    key,
    title: text(part["title"]) ?? key,
    description: text(part["description"]),
    parameters: schemaOf(part["input"]),
    safe: isObject(safe) ? safe : null,
    metric: text(part["fieldline:metric"]),
    idempotent: part["idempotent"] === true,
  };
}
