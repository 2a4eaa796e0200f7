/** What is desired of a device and what it reports: two things, kept apart from here to the screen. */

import { type ShadowView, api, ask, etag } from "../../api/api";
import type { ShadowData } from "../../live/frames";
import { live } from "../../live/live.svelte";
import { type JsonObject, isObject, same } from "../../parts/schema/schema";
import { Resource } from "../../state/resource.svelte";

export type Of = "state" | "config";

export interface Author {
  readonly id: string;
  readonly name: string;
}

export interface Side {
  readonly desired: {
    readonly values: JsonObject;
    readonly version: number;
    readonly by: Author | null;
    readonly at: number | null;
    /** False: the device's shadow was not told yet, and asking for the same again tells it. */
    readonly sent: boolean;
  };
  readonly reported: {
    readonly values: JsonObject;
    /** By key, `*` for all of it: why the device did not take it. */
    readonly rejected: Readonly<Record<string, string>>;
    readonly at: number | null;
  };
  /** Desired and not reported. */
  readonly delta: JsonObject;
}

export interface Version {
  readonly version: number;
  readonly values: JsonObject;
  readonly by: Author;
  readonly at: number;
}

/** An event tells less than the API, so what it says is shown at once and all of it is read soon. */
const SOON_MS = 800;

export class Shadow {
  readonly resource: Resource<Side>;
  readonly side: Side | undefined = $derived.by(() => this.resource.value);
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    readonly device: string,
    readonly of: Of,
  ) {
    const params = { params: { path: { id: device } } };
    const read = async () =>
      asSide(
        await ask(of === "state" ? api.GET("/devices/{id}/state", params) : api.GET("/devices/{id}/config", params)),
      );
    this.resource = new Resource(read, { keep: `${of}/${device}`, merge: merged });
  }

  follow(): () => void {
    void this.resource.load();
    const wanted = { devices: [this.device] };
    const ends = [
      live.watch(wanted),
      live.onRefill(() => void this.resource.load(), wanted),
      live.on((events) => {
        for (const event of events) {
          if (event.device === this.device && event.kind === this.of) this.#hear(event.data as ShadowData, event.at);
        }
      }),
      () => clearTimeout(this.#timer),
    ];
    return () => ends.forEach((end) => end());
  }

  /** Throws a ProblemError, 412 where what is desired is no longer of that version. */
  async desire(values: Readonly<Record<string, unknown>>, version?: number): Promise<void> {
    const request = {
      params: {
        path: { id: this.device },
        header: { ...(version !== undefined && { "If-Match": etag(version) }) },
      },
      body: { values },
    };
    const answer =
      this.of === "state" ? api.PATCH("/devices/{id}/state", request) : api.PATCH("/devices/{id}/config", request);
    this.resource.put(asSide(await ask(answer)));
  }

  async history(cursor: string | null): Promise<{ items: readonly Version[]; cursor: string | null }> {
    const request = { params: { path: { id: this.device }, query: { limit: 20, ...(cursor && { cursor }) } } };
    const page = await ask(
      this.of === "state"
        ? api.GET("/devices/{id}/state/history", request)
        : api.GET("/devices/{id}/config/history", request),
    );
    const items = page.items.map(({ version, values, set_by, set_at }) => ({
      version,
      values: values as JsonObject,
      by: set_by,
      at: set_at,
    }));
    return { items, cursor: page.cursor };
  }

  #hear(data: ShadowData, at: number): void {
    const { side } = this;
    if (side) this.resource.move(moved(side, data, at));
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      void this.resource.refresh();
    }, SOON_MS);
  }
}

/** What was read, with what an event told since. What both tell alike, the API knows better. */
export function merged(read: Side, known: Side): Side {
  const desired = known.desired.version > read.desired.version ? known.desired : read.desired;
  const isNews =
    !same(known.reported.values, read.reported.values) ||
    !same({ ...known.reported.rejected }, { ...read.reported.rejected });
  const newer = isNews && (known.reported.at ?? 0) > (read.reported.at ?? 0);
  const reported = newer ? known.reported : read.reported;
  return { desired, reported, delta: delta(desired.values, reported.values) };
}

/** An event without a version is the device's report: what is desired of it then is no news. */
export function moved(side: Side, data: ShadowData, at: number): Side {
  const told = data.version !== undefined;
  if (told && (data.version as number) < side.desired.version) return side;
  const desired =
    told && data.version !== side.desired.version
      ? {
          values: data.desired as JsonObject,
          version: data.version as number,
          by: { id: "", name: data.set_by ?? "" },
          at,
          sent: true,
        }
      : side.desired;
  const values = data.reported as JsonObject;
  const rejected = (data.rejected ?? {}) as Readonly<Record<string, string>>;
  // The cloud tells it again without a report too, such as of a device that never made one: when it was, the API knows.
  const isNews = !same(values, side.reported.values) || !same({ ...rejected }, { ...side.reported.rejected });
  const reported = told || !isNews ? side.reported : { values, rejected, at };
  return { desired, reported, delta: delta(desired.values, reported.values) };
}

function asSide({ desired, reported }: ShadowView): Side {
  const values = desired.values as JsonObject;
  return {
    desired: { values, version: desired.version, by: desired.set_by, at: desired.set_at, sent: desired.sent },
    reported: { values: reported.values as JsonObject, rejected: reported.rejected, at: reported.at },
    delta: delta(values, reported.values as JsonObject),
  };
}

/** What is desired and not reported, leaf by leaf, as the API tells it. */
export function delta(desired: JsonObject, reported: JsonObject): JsonObject {
  const differing: Record<string, JsonObject[string]> = {};
  for (const [key, value] of Object.entries(desired)) {
    const other = reported[key];
    if (isObject(value) && isObject(other)) {
      const inner = delta(value, other);
      if (Object.keys(inner).length) differing[key] = inner;
    } else if (!same(value, other)) differing[key] = value;
  }
  return differing;
}
