/** In which order a device's metrics are shown, and what is said of a value. */

import type { LatestView } from "../../api/api";
import { shown, unit } from "../../format/numbers";
import type { DeviceModel } from "../../state/thing-model";
import { texts as t } from "../../texts";

/** As the model names them, also those that never came; then what it does not know, by name. */
export function order(latest: Readonly<Record<string, LatestView>>, model: DeviceModel | undefined): string[] {
  const known = Object.keys(model?.metrics ?? {});
  const others = Object.keys(latest).filter((key) => !known.includes(key));
  return [...known, ...others.sort()];
}

/** What one would look at first: a measurement before what is on or off. Null where there is nothing. */
export function firstToChart(
  latest: Readonly<Record<string, LatestView>>,
  model: DeviceModel | undefined,
): string | null {
  const keys = order(latest, model);
  const isMeasured = (key: string) =>
    model && Object.hasOwn(model.metrics, key)
      ? model.metrics[key]?.type === "number"
      : typeof latest[key]?.value === "number";
  return keys.find(isMeasured) ?? keys[0] ?? null;
}

export interface Mark {
  readonly kind: "warn" | "bad" | "";
  readonly text: string;
}

/** What is to be known of a value before it is believed. `expected`: online, and silent for too long. */
export function marks(latest: Pick<LatestView, "q" | "unmodeled" | "derived">, overdue: boolean): Mark[] {
  const found: Mark[] = [];
  if (latest.q === "bad") found.push({ kind: "bad", text: t.values.bad });
  if (latest.q === "estimated") found.push({ kind: "warn", text: t.values.estimated });
  if (latest.q === "stale" || overdue) found.push({ kind: "warn", text: t.values.stale });
  if (latest.unmodeled) found.push({ kind: "warn", text: t.values.unmodeled });
  if (latest.derived) found.push({ kind: "", text: t.device.derived });
  return found;
}

/** Its value and unit, apart, so that the unit can be drawn smaller. */
export function reading(latest: Pick<LatestView, "value" | "precision" | "unit">): { value: string; unit: string } {
  return {
    value: shown(latest.value, latest.precision, t.values),
    unit: typeof latest.value === "number" ? unit(latest.unit) : "",
  };
}
