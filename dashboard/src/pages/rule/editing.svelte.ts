/** What every part of the editor looks at: what is wrong where, which metrics there are, whether it may be changed. */

import { getContext, setContext } from "svelte";

import type { Known } from "../../format/conditions";
import { type DeviceModel, type Metric, models } from "../../state/models.svelte";
import { scopeParts } from "./document";
import type { Editor, Problem } from "./editor.svelte";

const KEY = Symbol("editing");

export class Editing {
  /** Whether whoever is signed in may save it. */
  allowed = $state(true);
  /** The model of the one device that it is for. */
  deviceModel: string | null = $state(null);

  constructor(readonly editor: Editor) {}

  /** The models of the devices that it is for: all of them, unless its scope says which. */
  readonly models: readonly DeviceModel[] = $derived.by(() => {
    const names = this.names;
    return names.flatMap((name) => models.get(name) ?? []);
  });

  get names(): readonly string[] {
    const { kind, name } = scopeParts(this.editor.document["scope"]);
    if (kind === "model") return [name];
    if (kind === "device" && this.deviceModel) return [this.deviceModel];
    return (models.list.value ?? []).map((model) => model.name);
  }

  /** By key; of several models the first that has it. Where they do not agree on a unit, it has none. */
  readonly metrics: ReadonlyMap<string, Metric> = $derived.by(() => {
    const found = new Map<string, Metric>();
    for (const metric of this.models.flatMap((model) => Object.values(model.metrics))) {
      const known = found.get(metric.key);
      if (!known) found.set(metric.key, metric);
      else if (known.unit !== metric.unit) found.set(metric.key, { ...known, unit: null });
    }
    return found;
  });

  readonly known: Known = (metric) => this.metrics.get(metric);

  /** Of these paths, and with `deep` of everything within them. */
  problems(paths: readonly string[], deep = false): readonly Problem[] {
    return this.editor.problems.filter(({ field }) =>
      paths.some((path) => field === path || (deep && within(field, path))),
    );
  }

  /** Of a control that changes what is at these paths. */
  wrong(...paths: readonly string[]): { "aria-invalid"?: true; "aria-describedby"?: string } {
    const found = this.problems(paths, true);
    return found.length
      ? { "aria-invalid": true, "aria-describedby": found.map(({ field }) => idOf(field)).join(" ") }
      : {};
  }

  /** Only as it is written, for a hint beside a control. */
  first(...paths: readonly string[]): string | undefined {
    return this.problems(paths, true)[0]?.text;
  }
}

const within = (field: string, path: string) =>
  path === "" || (field.startsWith(path) && /^[.[]/.test(field.slice(path.length)));

/** Of the text that says what is wrong there. */
export const idOf = (field: string): string => `problem-${field.replaceAll(/[^a-zA-Z0-9]+/g, "-")}`;

export const setEditing = (editing: Editing): Editing => setContext(KEY, editing);
export const useEditing = (): Editing => getContext(KEY);
