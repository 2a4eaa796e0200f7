/** Groups and devices that a rule can be for, as far as they are offered. */

import { type DeviceItem, type GroupView, api, ask, items } from "../../api/api";

export interface Place {
  readonly id: string;
  readonly title: string;
}

/** Beyond so many nobody looks through a list. */
const MOST_GROUPS = 500;
const MOST_DEVICES = 50;
const SETTLE_MS = 300;

class Places {
  groups: readonly Place[] = $state.raw([]);
  devices: readonly Place[] = $state.raw([]);
  #asked = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #turn = 0;

  /** All groups, level by level. Without them, names can still be typed. */
  wantGroups(): void {
    if (this.#asked) return;
    this.#asked = true;
    void this.#read().catch(() => (this.#asked = false));
  }

  /** Devices whose name, id or tag has these words in it. */
  wantDevices(q: string): void {
    clearTimeout(this.#timer);
    const turn = ++this.#turn;
    this.#timer = setTimeout(() => {
      const query = { limit: MOST_DEVICES, ...(q && { q }) };
      ask(api.GET("/devices", { params: { query } })).then(
        ({ items: found }: { items: DeviceItem[] }) => {
          if (turn === this.#turn) this.devices = found.map(({ id, name }) => ({ id, title: name }));
        },
        () => undefined,
      );
    }, SETTLE_MS);
  }

  async #read(): Promise<void> {
    const found: Place[] = [];
    let level: (string | undefined)[] = [undefined];
    while (level.length && found.length < MOST_GROUPS) {
      const next: string[] = [];
      for (const parent of level) {
        const query = { limit: 1000, ...(parent !== undefined && { parent }) };
        for await (const group of items<GroupView>((cursor) =>
          api.GET("/groups", { params: { query: { ...query, ...cursor } } }),
        )) {
          found.push({ id: group.group, title: group.title || group.group });
          if (group.groups) next.push(group.group);
        }
      }
      this.groups = [...found];
      level = next;
    }
  }
}

export const places = new Places();
