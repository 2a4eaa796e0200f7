/** What a person has chosen for this browser. */

const KEY = "fieldline-preferences";

export type Theme = "system" | "light" | "dark";
/** The zone that times are shown in; `device` goes by the device's tag `zone`, where it has one. */
export type Zone = "browser" | "utc" | "device";

interface Chosen {
  theme: Theme;
  zone: Zone;
  sound: boolean;
  /** Whether keys without a modifier do something. */
  shortcuts: boolean;
}

const DEFAULTS: Chosen = { theme: "system", zone: "browser", sound: false, shortcuts: true };

function stored(): Chosen {
  try {
    return { ...DEFAULTS, ...(JSON.parse(localStorage.getItem(KEY) ?? "{}") as Partial<Chosen>) };
  } catch {
    return DEFAULTS;
  }
}

class Preferences {
  #chosen = $state(stored());

  get theme(): Theme {
    return this.#chosen.theme;
  }
  get zone(): Zone {
    return this.#chosen.zone;
  }
  get sound(): boolean {
    return this.#chosen.sound;
  }
  get shortcuts(): boolean {
    return this.#chosen.shortcuts;
  }

  /** What `theme` comes to on this machine. */
  get shade(): "light" | "dark" {
    if (this.theme !== "system") return this.theme;
    return this.#dark ? "dark" : "light";
  }

  choose(change: Partial<Chosen>): void {
    this.#chosen = { ...this.#chosen, ...change };
    try {
      localStorage.setItem(KEY, JSON.stringify(this.#chosen));
    } catch {
      // A browser that keeps nothing: the choice holds until the page is left.
    }
  }

  #dark = $state(matchMedia("(prefers-color-scheme: dark)").matches);

  constructor() {
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", ({ matches }) => (this.#dark = matches));
  }
}

export const preferences = new Preferences();
