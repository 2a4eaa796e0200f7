/**
 * The device models, each read once: what metrics are called, in which unit, and which forms there are.
 *
 *     $effect(() => models.want(device.model));
 *     const model = $derived(models.get(device.model));
 */

import { untrack } from "svelte";
import { SvelteMap } from "svelte/reactivity";

import { type ModelItem, api, ask } from "../api/api";
import { Resource } from "./resource.svelte";
import { type DeviceModel, type Metric, asModel } from "./thing-model";

export type { Actuator, DeviceModel, Metric } from "./thing-model";

class Models {
  /** All of them by name, without what is in them: `want` it in an effect. */
  readonly list = new Resource<readonly ModelItem[]>(
    async () => (await ask(api.GET("/models"))).items as readonly ModelItem[],
    { keep: "models" },
  );
  readonly #each = new SvelteMap<string, Resource<DeviceModel>>();

  /** Reads a model unless it is there, or on its way; one that failed is tried again. */
  want(name: string | null | undefined): void {
    if (!name) return;
    // Whoever wants it in an effect does so once, and not again as it comes or fails.
    untrack(() => {
      const known = this.#each.get(name);
      if (known && (known.value !== undefined || known.loading)) return;
      const made = known ?? this.#made(name);
      if (!known) this.#each.set(name, made);
      void made.load();
    });
  }

  get(name: string | null | undefined): DeviceModel | undefined {
    return name ? this.#each.get(name)?.value : undefined;
  }

  /** To show its failure, or that it is on its way. */
  resource(name: string): Resource<DeviceModel> | undefined {
    return this.#each.get(name);
  }

  /** What a metric is called there; undefined for one that the model does not know. */
  metric(model: string | null | undefined, key: string): Metric | undefined {
    const metrics = this.get(model)?.metrics;
    return metrics && Object.hasOwn(metrics, key) ? metrics[key] : undefined;
  }

  /** After one was stored anew. */
  forget(name: string): void {
    this.#each.delete(name);
    void this.list.load();
  }

  #made(name: string): Resource<DeviceModel> {
    const read = async () => {
      const path = { model: name };
      return asModel((await ask(api.GET("/models/{model}", { params: { path } }))) as Record<string, unknown>);
    };
    return new Resource(read, { keep: `model/${name}` });
  }
}

export const models = new Models();
