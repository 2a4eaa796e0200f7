/** What can be watched: a device, a group with all below it, one command, or everything that one may see. */

export interface Wanted {
  readonly devices?: readonly string[];
  readonly groups?: readonly string[];
  readonly commands?: readonly { readonly device: string; readonly id: string }[];
  readonly all?: boolean;
}

/** As the server writes it: `*`, `device:pump-7`, `group:plant-1/line-2`, `command:pump-7/01JD4Q8Z`. */
export type Topic = string;

export const EVERYTHING: Topic = "*";

/** `not_found`: it does not exist or is not for you; `limit`: more than a connection may watch; `malformed`: no such name. */
export type Reason = "not_found" | "limit" | "malformed" | "revoked";

export interface Refusal {
  readonly topic: Topic;
  readonly reason: Reason;
}

/** A message of the server's is at most 16 KB; names are ASCII. */
const MESSAGE_CHARS = 12_000;

export function topicsOf({ devices = [], groups = [], commands = [], all = false }: Wanted): Topic[] {
  const named = [
    ...devices.map((device) => `device:${device}`),
    ...groups.map((group) => `group:${group}`),
    ...commands.map(({ device, id }) => `command:${device}/${id}`),
  ];
  return [...new Set(all ? [EVERYTHING, ...named] : named)];
}

/** Of these topics; its lists keep their order. */
export function wantedOf(topics: Iterable<Topic>) {
  const wanted = {
    devices: [] as string[],
    groups: [] as string[],
    commands: [] as { device: string; id: string }[],
    all: false,
  };
  for (const topic of topics) {
    const colon = topic.indexOf(":");
    const name = topic.slice(colon + 1);
    if (topic === EVERYTHING) wanted.all = true;
    else if (topic.startsWith("device:")) wanted.devices.push(name);
    else if (topic.startsWith("group:")) wanted.groups.push(name);
    else {
      const slash = name.indexOf("/");
      wanted.commands.push({ device: name.slice(0, slash), id: name.slice(slash + 1) });
    }
  }
  return wanted;
}

/**
 * What of these a connection watches, and what it must leave out. Everything includes the rest, and is asked for alone:
 * who sees only a part is given the groups and devices of it instead, which to unsubscribe would end both.
 */
export function chosen(
  topics: Iterable<Topic>,
  refused: ReadonlyMap<Topic, Reason>,
  most: number,
): { keep: Topic[]; over: Topic[] } {
  const possible = [...topics].filter((topic) => !refused.has(topic));
  if (possible.includes(EVERYTHING)) return { keep: [EVERYTHING], over: [] };
  return { keep: possible.slice(0, most), over: possible.slice(most) };
}

/** As many, from the first on, as one message has room for. */
export function fitting(topics: readonly Topic[]): Topic[] {
  let chars = 0;
  const over = topics.findIndex((topic) => (chars += topic.length + 24) > MESSAGE_CHARS);
  return topics.slice(0, over < 0 ? topics.length : Math.max(1, over));
}

/** The topic that the server's complaint about `devices[3]` means, of a message about these. */
export function topicAt(topics: readonly Topic[], field: string): Topic | undefined {
  const [, list, at] = /^(devices|groups|commands)\[(\d+)\]/.exec(field) ?? [];
  if (list === undefined) return undefined;
  const kind = `${list.slice(0, -1)}:`;
  return topics.filter((topic) => topic.startsWith(kind))[Number(at)];
}

/** Whether news of the one may be news of the other. What groups a device is in is not known here. */
export function concerns(changed: readonly Topic[], wanted: readonly Topic[]): boolean {
  return changed.includes(EVERYTHING) || wanted.includes(EVERYTHING) || wanted.some((topic) => changed.includes(topic));
}
