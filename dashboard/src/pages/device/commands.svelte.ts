/** A device's commands, the newest first, each as far as the API knows it. */

import { type CommandView, api, ask } from "../../api/api";
import type { CommandEvent, LiveEvent } from "../../live/frames";
import { live } from "../../live/live.svelte";
import { Listing } from "../../state/listing.svelte";
import { announce } from "../../state/sent";
import { advanced, further, gathered } from "./control/steps";

export interface ToSend {
  readonly name: string;
  readonly parameters: Readonly<Record<string, unknown>>;
  readonly expires_in_s: number;
}

export class Commands {
  readonly list: Listing<CommandView>;

  constructor(readonly device: string) {
    this.list = new Listing(
      (cursor) =>
        ask(
          api.GET("/devices/{id}/commands", {
            params: { path: { id: device }, query: { limit: 20, ...(cursor && { cursor }) } },
          }),
        ),
      { merge: gathered },
    );
  }

  follow(): () => void {
    void this.list.load();
    const wanted = { devices: [this.device] };
    const ends = [
      live.watch(wanted),
      live.onRefill(() => void this.list.refresh(), wanted),
      live.on((events) => this.#hear(events)),
    ];
    return () => ends.forEach((end) => end());
  }

  /** `called` is the command's title. The same key for the same wish: sent again after a lost answer, it is the same command. */
  async send(command: ToSend, called: string, key: string): Promise<void> {
    const sent = await ask(
      api.POST("/devices/{id}/commands", {
        params: { path: { id: this.device }, header: { "Idempotency-Key": key } },
        body: { ...command, parameters: { ...command.parameters } },
      }),
    );
    this.#put(sent);
    announce(sent, called);
  }

  async cancel(id: string): Promise<void> {
    try {
      const path = { id: this.device, command: id };
      this.#put(await ask(api.POST("/devices/{id}/commands/{command}/cancel", { params: { path } })));
    } finally {
      // Also where it was refused, since it was sent by then.
      void this.read(id);
    }
  }

  async read(id: string): Promise<void> {
    try {
      const path = { id: this.device, command: id };
      this.#put(await ask(api.GET("/devices/{id}/commands/{command}", { params: { path } })));
    } catch {
      // It is read again with the next event or refill.
    }
  }

  #hear(events: readonly LiveEvent[]): void {
    const ours = events.filter((event) => event.kind === "command" && event.device === this.device) as CommandEvent[];
    for (const event of ours) {
      const known = this.list.items.find(({ id }) => id === event.command);
      if (known) this.#put(advanced(known, event));
    }
    for (const id of new Set(ours.map(({ command }) => command))) void this.read(id);
  }

  #put(command: CommandView): void {
    const { items, more } = this.list;
    const before = items.find(({ id }) => id === command.id);
    const last = items.at(-1);
    // One of a page that nobody opened comes with that page.
    if (!before && more && last && command.id < last.id) return;
    const put = before
      ? items.map((one) => (one.id === command.id ? further(command, one) : one))
      : [command, ...items].toSorted((a, b) => (a.id < b.id ? 1 : -1));
    this.list.change(put);
  }
}
