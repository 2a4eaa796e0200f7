/** What can be watched: a device, a group with all below it, one command, all alarms, or everything that one may see. */

export interface Wanted {
  readonly devices?: readonly string[];
  readonly groups?: readonly string[];
  readonly commands?: readonly { readonly device: string; readonly id: string }[];
  /** Those of every device that one may see, and nothing else of it. */
  readonly alarms?: boolean;
  readonly all?: boolean;
}

/** As the server writes it: `*`, `alarms`, `device:pump-7`, `group:plant-1/line-2`, `command:pump-7/01JD4Q8Z`. */
export type Topic = string;

export const EVERYTHING: Topic = "*";
export const ALARMS: Topic = "alarms";

/** `not_found`: it does not exist or is not for you; `limit`: more than a connection may watch; `malformed`: no such name. */
export type Reason = "not_found" | "limit" | "malformed" | "revoked";

export interface Refusal {
  readonly topic: Topic;
  readonly reason: Reason;
}

/** A message of the server's is at most 16 KB; names are ASCII. */
const MESSAGE_CHARS = 12_000;

export function topicsOf({ devices = [], groups = [], commands = [], alarms = false, all = false }: Wanted): Topic[] {
  const named = [
    ...(alarms ? [ALARMS] : []),
    ...devices.map((device) => `device:${device}`),
    ...groups.map((group) => `group:${group}`),
    ...commands.map(({ device, id }) => `command:${device}/${id}`),
  ];
  return [...new Set(all ? [EVERYTHING, ...named] : named)];
}

/** Of these topics, as a message says it; its lists keep their order. `alarms` is left out where it is not wanted. */
export function wantedOf(topics: Iterable<Topic>) {
  const wanted: {
    devices: string[];
    groups: string[];
    commands: { device: string; id: string }[];
    alarms?: true;
    all: boolean;
  } = { devices: [], groups: [], commands: [], all: false };
  for (const topic of topics) {
    const colon = topic.indexOf(":");
    const name = topic.slice(colon + 1);
    if (topic === EVERYTHING) wanted.all = true;
    else if (topic === ALARMS) wanted.alarms = true;
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
 * What of these a connection watches, and what it must leave out. Alarms come first: they are watched all day, and what
 * else is watched changes. Everything includes devices, groups and commands, and is asked for in their place: who sees
 * only a part is given the groups and devices of it instead, which to unsubscribe would end both.
 */
export function chosen(
  topics: Iterable<Topic>,
  refused: ReadonlyMap<Topic, Reason>,
  most: number,
): { keep: Topic[]; over: Topic[] } {
  const possible = [...topics].filter((topic) => !refused.has(topic));
  const alarms = possible.filter((topic) => topic === ALARMS);
  if (possible.includes(EVERYTHING)) return { keep: [...alarms, EVERYTHING], over: [] };
  const ordered = [...alarms, ...possible.filter((topic) => topic !== ALARMS)];
  return { keep: ordered.slice(0, most), over: ordered.slice(most) };
}

/** As many, from the first on, as one message has room for. */
export function fitting(topics: readonly Topic[]): Topic[] {
  let chars = 0;
  const over = topics.findIndex((topic) => (chars += topic.length + 24) > MESSAGE_CHARS);
  return topics.slice(0, over < 0 ? topics.length : Math.max(1, over));
}

/** The topic that the server's complaint about `devices[3]` means, of a message about these. */
export function topicAt(topics: readonly Topic[], field: string): Topic | undefined {
  if (field === "alarms") return topics.find((topic) => topic === ALARMS);
  const [, list, at] = /^(devices|groups|commands)\[(\d+)\]/.exec(field) ?? [];
  if (list === undefined) return undefined;
  const kind = `${list.slice(0, -1)}:`;
  return topics.filter((topic) => topic.startsWith(kind))[Number(at)];
}

/** Alarms and nothing else: who wants that is told though nobody looks. */
export function isUrgent(wanted: readonly Topic[]): boolean {
  return wanted.length === 1 && wanted[0] === ALARMS;
}

/** Whether news of the one may be news of the other. What groups a device is in is not known here. */
export function concerns(changed: readonly Topic[], wanted: readonly Topic[]): boolean {
  return changed.includes(EVERYTHING) || wanted.includes(EVERYTHING) || wanted.some((topic) => changed.includes(topic));
}
