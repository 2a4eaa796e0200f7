/**
 * Who is signed in. The access token lives in memory only; the refresh token in a cookie that no script reads, so a
 * reload asks for a new access token and goes on.
 */

import { type Me, ProblemError, fieldline, unwrap } from "@fieldline/client";

import { forget, forgetDrafts } from "../state/snapshot";

/**
 * `ended`: the session broke off; the page stays as it is below the sign-in, with what was typed into it.
 * `unreachable`: nobody can say; whoever was signed in here before sees what was kept, marked as old.
 * `powerless`: signed in, and without any role: nothing may be seen.
 */
export type Standing = "starting" | "signed-out" | "signed-in" | "ended" | "unreachable" | "powerless";

export type Permission = Me["permissions"][number];

export interface Challenge {
  readonly kind: "NEW_PASSWORD_REQUIRED" | "SOFTWARE_TOKEN_MFA";
  readonly session: string;
  readonly user: string;
}

/** A token with less left is not begun with. */
const LEFT_MS = 60_000;
const CHANNEL = "fieldline-session";
const REMEMBERED = "fieldline-me";

const open = fieldline({ baseUrl: `${globalThis.location?.origin ?? "http://127.0.0.1"}/v1` });

type Answer = Awaited<ReturnType<typeof signIn>>;

async function signIn(user: string, password: string) {
  return await unwrap(open.POST("/auth/login", { body: { user, password } }));
}

class Session {
  standing: Standing = $state("starting");
  me: Me | null = $state(null);
  #token = "";
  #endsAt = 0;
  #renewal: Promise<string> | null = null;
  readonly #others = typeof BroadcastChannel === "undefined" ? null : new BroadcastChannel(CHANNEL);

  constructor() {
    this.#others?.addEventListener("message", ({ data }) => {
      if (data === "signed-out") {
        forgetDrafts();
        this.#leave();
      } else if (data === "signed-in" && (this.standing === "ended" || this.standing === "signed-out")) {
        void this.resume();
      }
    });
  }

  /** As the page is loaded: goes on with the session that the cookie holds, if it holds one. */
  async resume(): Promise<void> {
    if (!this.me) this.standing = "starting";
    try {
      await this.#renew();
      await this.#learn();
    } catch (error) {
      if (error instanceof ProblemError && error.status === 401) {
        return this.me ? this.#leave() : this.#forget("signed-out");
      }
      this.me ??= remembered();
      this.standing = "unreachable";
    }
  }

  /** A challenge where Cognito asks for more; throws a ProblemError where it refuses. */
  async signIn(user: string, password: string): Promise<Challenge | null> {
    return await this.#outcome(await signIn(user, password));
  }

  async answer(challenge: Challenge, given: { newPassword?: string; code?: string }): Promise<Challenge | null> {
    const body = {
      challenge: challenge.kind,
      session: challenge.session,
      user: challenge.user,
      ...(given.newPassword !== undefined && { new_password: given.newPassword }),
      ...(given.code !== undefined && { code: given.code }),
    };
    return await this.#outcome(await unwrap(open.POST("/auth/challenge", { body })));
  }

  async forgot(user: string): Promise<void> {
    await unwrap(open.POST("/auth/forgot", { body: { user } }));
  }

  async reset(user: string, code: string, newPassword: string): Promise<void> {
    await unwrap(open.POST("/auth/reset", { body: { user, code, new_password: newPassword } }));
  }

  /** Here, in every other tab, and with `everywhere` on every other machine. */
  async signOut(everywhere = false): Promise<void> {
    const token = everywhere ? await this.token() : "";
    const headers = { "Content-Type": "application/json", ...(everywhere && { Authorization: `Bearer ${token}` }) };
    await unwrap(open.POST("/auth/logout", { headers, ...(everywhere && { body: { everywhere } }) }));
    this.#others?.postMessage("signed-out");
    forgetDrafts();
    this.#leave();
  }

  /** A token that holds for a while; throws a ProblemError where the session has ended. */
  async token(): Promise<string> {
    return Date.now() < this.#endsAt - LEFT_MS ? this.#token : await this.#renew();
  }

  /** The API took the token for invalid: a new one, or the end of the session. */
  async refused(): Promise<string> {
    this.#endsAt = 0;
    return await this.#renew();
  }

  /** Whether a role of the signed-in person's allows it anywhere. Where, the API decides. */
  may(permission: Permission): boolean {
    return this.me?.permissions.includes(permission) ?? false;
  }

  /** Whether it is allowed over a device of that group. */
  mayOver(permission: Permission, device: string, group: string | null): boolean {
    return (this.me?.allowed ?? []).some(
      ({ scope, permissions }) => permissions.includes(permission) && covers(scope, device, group),
    );
  }

  async #outcome(outcome: Answer): Promise<Challenge | null> {
    if (outcome.outcome === "challenge") {
      return { kind: outcome.challenge, session: outcome.session, user: outcome.user };
    }
    this.#keep(outcome.access_token, outcome.expires_in);
    await this.#learn();
    this.#others?.postMessage("signed-in");
    return null;
  }

  async #learn(): Promise<void> {
    const known = fieldline({ baseUrl: `${location.origin}/v1`, token: () => this.#token });
    try {
      const me = await unwrap(known.GET("/me"));
      // Somebody else at the same page: nothing of what the one before saw stays.
      if (this.me && this.me.id !== me.id) return this.#leave();
      this.me = me;
    } catch (error) {
      if (error instanceof ProblemError && error.status === 403) return this.#forget("powerless");
      throw error;
    }
    remember(this.me);
    this.standing = "signed-in";
  }

  /** One at a time: of two tabs that refresh at once the second would show a token that is spent. */
  #renew(): Promise<string> {
    this.#renewal ??= alone(async () => {
      try {
        const fresh = await unwrap(open.POST("/auth/refresh", { headers: { "Content-Type": "application/json" } }));
        this.#keep(fresh.access_token, fresh.expires_in);
        // Somebody signed in again in another tab, whoever it was.
        if (this.standing === "ended") await this.#learn();
        return this.#token;
      } catch (error) {
        if (error instanceof ProblemError && error.status === 401 && this.me) this.#forget("ended");
        throw error;
      }
    }).finally(() => {
      this.#renewal = null;
    });
    return this.#renewal;
  }

  #keep(token: string, seconds: number): void {
    this.#token = token;
    this.#endsAt = Date.now() + seconds * 1000;
  }

  /** Out of the page too, so that the next one here finds nothing of what was seen. The cookie decides who that is. */
  #leave(): void {
    this.#forget("signed-out");
    void forget().finally(() => location.replace("/"));
  }

  #forget(standing: Standing): void {
    this.#token = "";
    this.#endsAt = 0;
    if (standing === "signed-out" || standing === "powerless") {
      this.me = null;
      remember(null);
    }
    this.standing = standing;
  }
}

/** Who was here, so that the app opens without a network; no secret, and no right: the API looks at the token. */
function remember(me: Me | null): void {
  try {
    if (me) localStorage.setItem(REMEMBERED, JSON.stringify(me));
    else localStorage.removeItem(REMEMBERED);
  } catch {
    // A browser that keeps nothing.
  }
}

function remembered(): Me | null {
  try {
    return JSON.parse(localStorage.getItem(REMEMBERED) ?? "null") as Me | null;
  } catch {
    return null;
  }
}

async function alone<T>(work: () => Promise<T>): Promise<T> {
  return typeof navigator !== "undefined" && navigator.locks
    ? ((await navigator.locks.request("fieldline-refresh", work)) as T)
    : await work();
}

/** Whether a grant's scope covers a device: `*`, `group:a/b` with all groups below it, or `device:x`. */
export function covers(scope: string, device: string, group: string | null): boolean {
  if (scope === "*" || scope === `device:${device}`) return true;
  const path = scope.startsWith("group:") ? scope.slice("group:".length) : null;
  return path !== null && group !== null && (group === path || group.startsWith(`${path}/`));
}

export const session = new Session();
