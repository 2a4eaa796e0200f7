/** The one device that a rule is for: its group says who may change the rule, its model which metrics there are. */

import { type DeviceView, api, ask } from "../../api/api";
import { Resource } from "../../state/resource.svelte";

const SETTLE_MS = 400;

/** In a component. Of a name that is being typed nothing is asked until it stands. */
export function place(device: () => string | null): { readonly value: DeviceView | undefined } {
  let found: Resource<DeviceView> | null = $state.raw(null);
  $effect(() => {
    const id = device();
    found = null;
    if (!id) return;
    const wait = setTimeout(() => {
      found = new Resource(() => ask(api.GET("/devices/{id}", { params: { path: { id } } })));
      void found.load();
    }, SETTLE_MS);
    return () => clearTimeout(wait);
  });
  return {
    get value() {
      return found?.value;
    },
  };
}
