/** The few values of a device that a list has room for: the first of its model. */

import type { Value } from "../../format/numbers";
import type { Latest } from "../../state/fleet.svelte";
import type { DeviceModel } from "../../state/thing-model";

export interface Headline {
  readonly metric: string;
  readonly title: string;
  readonly value: Value;
  readonly unit: string | null | undefined;
  readonly precision: number | null | undefined;
}

const SHOWN = 2;
/** A place is for the map: on a list its digits say nothing. */
const PLACES: ReadonlySet<string> = new Set(["latitude", "longitude", "altitude"]);

export function headline(latest: Latest, model: DeviceModel | undefined): Headline[] {
  const order = (model ? Object.keys(model.metrics) : []).filter((metric) => !PLACES.has(metric));
  const rank = (metric: string) => (order.includes(metric) ? order.indexOf(metric) : order.length);
  return Object.entries(latest)
    .filter(([metric]) => !PLACES.has(metric))
    .sort(([a], [b]) => rank(a) - rank(b) || (a < b ? -1 : 1))
    .slice(0, SHOWN)
    .map(([metric, reading]) => {
      const known = model?.metrics[metric];
      return {
        metric,
        title: reading.title ?? known?.title ?? metric,
        value: reading.value,
        unit: reading.unit ?? known?.unit,
        precision: reading.precision ?? known?.precision,
      };
    });
}
