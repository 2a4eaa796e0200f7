/** Every page: its address, what is loaded for it, and where it stands in the menu. */

import type { Component } from "svelte";
import { parse } from "regexparam";

import type { Permission } from "../api/session.svelte";
import { texts as t } from "../texts";

export interface PageProps {
  readonly params: Readonly<Record<string, string>>;
}

export interface Route {
  readonly name: string;
  readonly path: string;
  readonly title: string;
  readonly load: () => Promise<{ default: Component<PageProps> }>;
  /** What the page cannot do without. */
  readonly needs?: Permission;
  /** In the menu, and on a phone's bottom bar or behind its "More". */
  readonly menu?: { readonly icon: string; readonly bar: boolean; readonly section: "fleet" | "manage" };
}

type Loaded = ReturnType<Route["load"]>;
const page = (module: Promise<unknown>) => module as Loaded;

export const ROUTES: readonly Route[] = [
  {
    name: "overview",
    path: "/",
    title: t.overview.title,
    load: () => page(import("../pages/overview/index.svelte")),
    menu: { icon: "overview", bar: true, section: "fleet" },
  },
  {
    name: "devices",
    path: "/devices",
    title: t.devices.title,
    load: () => page(import("../pages/devices/index.svelte")),
    needs: "devices:read",
    menu: { icon: "devices", bar: true, section: "fleet" },
  },
  {
    name: "add",
    path: "/devices/new",
    title: t.add.title,
    load: () => page(import("../pages/add/index.svelte")),
  },
  {
    name: "device",
    path: "/devices/:device/:tab?",
    title: t.device.title,
    load: () => page(import("../pages/device/index.svelte")),
    needs: "devices:read",
  },
  {
    name: "alarms",
    path: "/alarms",
    title: t.alarms.title,
    load: () => page(import("../pages/alarms/index.svelte")),
    needs: "alarms:read",
    menu: { icon: "alarms", bar: true, section: "fleet" },
  },
  {
    name: "alarm",
    path: "/alarms/*",
    title: t.alarm.title,
    load: () => page(import("../pages/alarm/index.svelte")),
    needs: "alarms:read",
  },
  {
    name: "charts",
    path: "/charts",
    title: t.charts.title,
    load: () => page(import("../pages/charts/index.svelte")),
    needs: "telemetry:read",
    menu: { icon: "charts", bar: true, section: "fleet" },
  },
  {
    name: "map",
    path: "/map",
    title: t.map.title,
    load: () => page(import("../pages/map/index.svelte")),
    needs: "devices:read",
    menu: { icon: "map", bar: false, section: "fleet" },
  },
  {
    name: "rules",
    path: "/rules",
    title: t.rules.title,
    load: () => page(import("../pages/rules/index.svelte")),
    needs: "rules:read",
    menu: { icon: "rules", bar: false, section: "manage" },
  },
  {
    name: "rule-new",
    path: "/rules/new",
    title: t.rule.newTitle,
    load: () => page(import("../pages/rule/index.svelte")),
    needs: "rules:read",
  },
  {
    name: "rule",
    path: "/rules/:rule",
    title: t.rule.title,
    load: () => page(import("../pages/rule/index.svelte")),
    needs: "rules:read",
  },
  {
    name: "users",
    path: "/users",
    title: t.users.title,
    load: () => page(import("../pages/users/index.svelte")),
    menu: { icon: "users", bar: false, section: "manage" },
  },
  {
    name: "user",
    path: "/users/:user",
    title: t.user.title,
    load: () => page(import("../pages/user/index.svelte")),
  },
  {
    name: "keys",
    path: "/keys",
    title: t.keys.title,
    load: () => page(import("../pages/keys/index.svelte")),
    menu: { icon: "keys", bar: false, section: "manage" },
  },
  {
    name: "audit",
    path: "/audit",
    title: t.audit.title,
    load: () => page(import("../pages/audit/index.svelte")),
    menu: { icon: "audit", bar: false, section: "manage" },
  },
  {
    name: "system",
    path: "/system",
    title: t.system.title,
    load: () => page(import("../pages/system/index.svelte")),
    menu: { icon: "system", bar: false, section: "manage" },
  },
];

export interface Match {
  readonly route: Route;
  readonly params: Readonly<Record<string, string>>;
}

const MATCHERS = ROUTES.map((route) => ({ route, ...parse(route.path) }));

/** The page of an address; null where there is none. A `*` of a path is the parameter `*`. */
export function matched(path: string): Match | null {
  for (const { route, keys, pattern } of MATCHERS) {
    const found = pattern.exec(path);
    if (found) {
      const pairs = keys.map((key, at) => [key, decoded(found[at + 1])] as const);
      return { route, params: Object.fromEntries(pairs.filter(([, value]) => value !== undefined)) as Match["params"] };
    }
  }
  return null;
}

function decoded(text: string | undefined): string | undefined {
  try {
    return text === undefined ? undefined : decodeURIComponent(text);
  } catch {
    return text;
  }
}
