/** The time that charts show: from the address, and sliding with the clock while it is live. */

import { known } from "../format/times";
import { live } from "../live/live.svelte";
import { router } from "../routing/router.svelte";
import { clock } from "../state/clock.svelte";
import { type Zone, preferences } from "../state/preferences.svelte";
import type { Range } from "./gestures";
import { DEFAULT_MS, type Span, parsed, resolved, written } from "./range";

/** It slides by what is about a pixel. */
const PIXELS = 1000;
const ZONES: readonly string[] = ["browser", "utc", "device"] satisfies Zone[];

export class TimeWindow {
  /** Where somebody is dragging it to. */
  #held: Range | null = $state.raw(null);
  #before = DEFAULT_MS;
  readonly span: Span = $derived(parsed(router.query.get("from"), router.query.get("to")));
  readonly zoneKind: Zone = $derived.by(() => {
    const named = router.query.get("zone") ?? "";
    return ZONES.includes(named) ? (named as Zone) : preferences.zone;
  });
  /** Its IANA name; undefined is the browser's. */
  readonly zone: string | undefined = $derived.by(() =>
    this.zoneKind === "utc" ? "UTC" : this.zoneKind === "device" ? known(this.deviceZone()) : undefined,
  );
  readonly isLive: boolean = $derived(this.span.kind === "relative" && this.#held === null);
  readonly #now: number = $derived.by(() => {
    const now = live.status === "paused" ? live.since : clock.now;
    const step = this.span.kind === "relative" ? Math.max(1000, this.span.ms / PIXELS) : 60_000;
    return Math.ceil(now / step) * step;
  });
  readonly range: Range = $derived(this.#held ?? resolved(this.span, this.#now, this.zone));
  /** Another one is other data. */
  readonly key: string = $derived(
    this.span.kind === "yesterday"
      ? `${resolved(this.span, clock.now, this.zone).from}`
      : `${written(this.span).from}/${written(this.span).to}`,
  );

  constructor(private readonly deviceZone: () => string | undefined) {}

  choose(span: Span): void {
    this.#held = null;
    if (this.span.kind === "relative") this.#before = this.span.ms;
    router.set(written(span), { push: true });
  }

  /** Moved by hand: it stands still, and says so. */
  move = (range: Range, done: boolean): void => {
    if (this.span.kind === "relative") this.#before = this.span.ms;
    if (!done) {
      this.#held = range;
      return;
    }
    this.#held = null;
    router.set(written({ kind: "absolute", ...range }));
  };

  backToLive = (): void => this.choose({ kind: "relative", ms: this.#before });

  chooseZone(zone: Zone): void {
    router.set({ zone });
  }

  /** An address that shows the same tomorrow. */
  link(): string {
    const address = new URL(location.href);
    const { from, to } = written({ kind: "absolute", ...this.range });
    address.searchParams.set("from", from);
    address.searchParams.set("to", to ?? "");
    address.searchParams.set("zone", this.zoneKind);
    return address.href;
  }
}
