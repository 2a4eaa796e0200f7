/** Commands that were sent from here: how each ends is said aloud, on whatever page one is by then. */

import { type CommandView, type CommandsStatus, api, ask } from "../api/api";
import { live } from "../live/live.svelte";
import { to } from "../routing/router.svelte";
import { texts as t } from "../texts";
import { clock } from "./clock.svelte";
import { notices } from "./notices.svelte";
import { isOver } from "./over";

/** What somebody took back is no failure. */
const DONE: ReadonlySet<CommandsStatus> = new Set(["SUCCEEDED", "CANCELLED"]);

/** Beyond a deadline, so that the API has passed it, too. */
const BEYOND_MS = 2_000;

/** Until it is over. `called` is how its command is called where it was sent. */
export function announce(command: CommandView, called: string): void {
  const { id, device } = command;
  const wanted = { commands: [{ device, id }] };
  let timer: ReturnType<typeof setTimeout> | undefined;

  function tell({ status, reason }: Pick<CommandView, "status" | "reason">): void {
    if (!isOver(status)) return;
    stop();
    const text = t.control.ended(called, device, t.control.status[status], reason);
    notices.say(DONE.has(status) ? "done" : "failed", text, to.device(device, "control"));
  }

  async function look(): Promise<void> {
    try {
      tell(await ask(api.GET("/devices/{id}/commands/{command}", { params: { path: { id: device, command: id } } })));
    } catch {
      // It is looked at again with the next event, refill or deadline.
    }
  }

  function stop(): void {
    clearTimeout(timer);
    for (const end of ends.splice(0)) end();
  }

  /** An event may be lost; a deadline is not. After the last one nothing more is to come, whatever that look gave. */
  function wait(ms: number, next: (() => void) | null): void {
    timer = setTimeout(() => {
      const looked = look();
      if (next) next();
      else void looked.then(stop);
    }, ms + BEYOND_MS);
  }

  const ends = [
    live.watch(wanted),
    live.onRefill(() => void look(), wanted),
    live.on((events) => {
      for (const event of events) if (event.kind === "command" && event.command === id) tell(event.data);
    }),
  ];
  wait(Math.max(0, command.expires_at - clock.at()), () => wait(command.timeout_s * 1000, null));
}
