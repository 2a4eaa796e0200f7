/** One device as it is, and as it changes: read by REST, moved on by events, read again where one may be missing. */

import { type DeviceView, type LatestView, api, ask } from "../../api/api";
import type { LiveEvent, Reading } from "../../live/frames";
import { live } from "../../live/live.svelte";
import { type DeviceModel, models } from "../../state/models.svelte";
import { Resource } from "../../state/resource.svelte";
import { type Standing, standing } from "../../state/standing";

export class Device {
  readonly resource: Resource<DeviceView>;
  readonly view: DeviceView | undefined = $derived.by(() => this.resource.value);
  readonly model: DeviceModel | undefined = $derived.by(() => models.get(this.view?.model));
  /** What `Act` wants to know of where something is done. */
  readonly place: { id: string; group: string | null } = $derived.by(() => ({
    id: this.id,
    group: this.view?.group ?? null,
  }));

  constructor(readonly id: string) {
    const read = () => ask(api.GET("/devices/{id}", { params: { path: { id } } }));
    // While it is read, events go on.
    const merge = (view: DeviceView, known: DeviceView) => merged(view, known, this.model);
    this.resource = new Resource(read, { keep: `device/${id}`, merge });
  }

  standing(now: number): Standing {
    const { view } = this;
    if (!view) return "unknown";
    const { status, since } = view.presence;
    return standing({ ...view, status, since }, now);
  }

  /** Until the function that comes back is called. */
  follow(): () => void {
    void this.resource.load();
    const wanted = { devices: [this.id] };
    const ends = [
      live.watch(wanted),
      live.onRefill(() => void this.resource.load(), wanted),
      live.on((events) => this.#hear(events.filter(({ device }) => device === this.id))),
    ];
    return () => ends.forEach((end) => end());
  }

  #hear(events: readonly LiveEvent[]): void {
    let { view } = this;
    if (!view || events.length === 0) return;
    let entry = false;
    for (const event of events) {
      if (event.kind === "latest") view = heard(view, event.data, event.at, this.model);
      else if (event.kind === "presence") view = { ...view, presence: event.data };
      else if (event.kind === "device" || event.kind === "alarm") entry = true;
    }
    if (view !== this.view) this.resource.move(view);
    // Name, tags and counts by severity: an event says that they changed, the API what they are.
    if (entry) void this.resource.refresh();
  }
}

/** What was read, with what was heard since. */
export function merged(read: DeviceView, known: DeviceView, model: DeviceModel | undefined): DeviceView {
  const view = heard(read, known.latest, known.seen_at ?? 0, model);
  const newer = (known.presence.since ?? 0) > (read.presence.since ?? 0);
  return newer ? { ...view, presence: known.presence } : view;
}

/** Of each metric the newer value counts. */
export function heard(
  view: DeviceView,
  readings: Readonly<Record<string, Reading>>,
  at: number,
  model: DeviceModel | undefined,
): DeviceView {
  const latest: Record<string, LatestView> = { ...view.latest };
  let readAt = view.read_at ?? 0;
  for (const [key, reading] of Object.entries(readings)) {
    const before = latest[key];
    if (before && before.ts >= reading.ts) continue;
    latest[key] = { ...(before ?? described(key, model)), ...reading, age_ms: Math.max(0, at - reading.ts) };
    readAt = Math.max(readAt, reading.ts);
  }
  return { ...view, latest, read_at: readAt || null, seen_at: Math.max(view.seen_at ?? 0, at) || null };
}

function described(key: string, model: DeviceModel | undefined): Omit<LatestView, "ts" | "value" | "q" | "age_ms"> {
  const known = model && Object.hasOwn(model.metrics, key) ? model.metrics[key] : undefined;
  return {
    unit: known?.unit ?? null,
    title: known?.title ?? null,
    precision: known?.precision ?? null,
    derived: known?.derived ?? false,
    unmodeled: model !== undefined && !known,
  };
}
