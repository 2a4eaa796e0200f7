/** A device's commands, the newest first, each as far as the API knows it. */

import { type CommandView, type CommandsStatus, api, ask } from "../../api/api";
import type { CommandEvent, LiveEvent } from "../../live/frames";
import { live } from "../../live/live.svelte";
import { Listing } from "../../state/listing.svelte";
import { notices } from "../../state/notices.svelte";
import { texts as t } from "../../texts";

export const ENDED: ReadonlySet<CommandsStatus> = new Set([
  "SUCCEEDED",
  "FAILED",
  "REJECTED",
  "TIMED_OUT",
  "EXPIRED",
  "CANCELLED",
]);

export interface ToSend {
  readonly name: string;
  readonly parameters: Readonly<Record<string, unknown>>;
  readonly expires_in_s: number;
}

export class Commands {
  readonly list: Listing<CommandView>;
  /** Sent from here: their ends are said aloud. */
  readonly #own = new Set<string>();

  constructor(readonly device: string) {
    this.list = new Listing((cursor) =>
      ask(
        api.GET("/devices/{id}/commands", {
          params: { path: { id: device }, query: { limit: 20, ...(cursor && { cursor }) } },
        }),
      ),
    );
  }

  get open(): readonly CommandView[] {
    return this.list.items.filter(({ status }) => !ENDED.has(status));
  }

  follow(): () => void {
    void this.list.load();
    const wanted = { devices: [this.device] };
    const ends = [
      live.watch(wanted),
      live.onRefill(() => void this.list.load(), wanted),
      live.on((events) => this.#hear(events)),
    ];
    return () => ends.forEach((end) => end());
  }

  /** The same key for the same wish: sent again after a lost answer, it is the same command. */
  async send(command: ToSend, key: string): Promise<CommandView> {
    const sent = await ask(
      api.POST("/devices/{id}/commands", {
        params: { path: { id: this.device }, header: { "Idempotency-Key": key } },
        body: { ...command, parameters: { ...command.parameters } },
      }),
    );
    this.#own.add(sent.id);
    this.#put(sent);
    return sent;
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
    const before = this.list.items.find(({ id }) => id === command.id);
    if (before && before.updated_at > command.updated_at) return;
    const items = before
      ? this.list.items.map((one) => (one.id === command.id ? command : one))
      : [command, ...this.list.items];
    this.list.change(items.toSorted((a, b) => (a.id < b.id ? 1 : -1)));
    if (!this.#own.has(command.id) || !ENDED.has(command.status)) return;
    this.#own.delete(command.id);
    const kind = command.status === "SUCCEEDED" ? "done" : "failed";
    notices.say(kind, t.control.ended(command.name, this.device, t.control.status[command.status], command.reason));
  }
}

/** What an event says of it, until the whole of it is read. */
export function advanced(known: CommandView, { data, at }: CommandEvent): CommandView {
  if (ENDED.has(known.status) && !ENDED.has(data.status)) return known;
  return {
    ...known,
    status: data.status,
    updated_at: Math.max(known.updated_at, at),
    progress: data.progress ?? known.progress,
    result: (data.result as CommandView["result"]) ?? known.result,
    reason: data.reason ?? known.reason,
  };
}
