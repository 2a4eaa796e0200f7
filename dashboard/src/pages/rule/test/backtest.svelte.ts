/** A rule that is tried on what is stored of a device: asked for, waited for, and what it found. */

import { type BacktestView, type DeviceItem, api, ask, newKey } from "../../../api/api";
import { type Failure, failure } from "../../../api/problems";
import type { Band } from "../../../charts/points";
import { milliseconds } from "../../../format/durations";
import type { JsonObject } from "../../../parts/schema/schema";
import { clock } from "../../../state/clock.svelte";
import { scopeParts } from "../document";

export const RANGES = ["24h", "7d", "30d"] as const;
export type Range = (typeof RANGES)[number];

/** It goes on there though nobody could be asked for a while. */
const PASSING: ReadonlySet<number> = new Set([0, 429, 503]);

function unlessItPasses(view: BacktestView) {
  return (error: unknown): BacktestView => {
    if (PASSING.has(failure(error).status)) return view;
    throw error;
  };
}

const POLL_MS = 1000;
const SLOWEST_POLL_MS = 5000;

export class Backtest {
  view: BacktestView | null = $state.raw(null);
  /** The document that it was asked for with. */
  document: JsonObject | null = $state.raw(null);
  running = $state(false);
  failure: Failure | null = $state.raw(null);
  #turn = 0;

  /** Over the last so long, until now. The answers of an earlier one are waited for no more. */
  async run(device: string, range: Range, document: JsonObject): Promise<void> {
    const turn = ++this.#turn;
    this.running = true;
    this.failure = null;
    this.view = null;
    this.document = document;
    try {
      const body = {
        device,
        from: clock.at() - (milliseconds(range) as number),
        document: document as Record<string, unknown>,
      };
      const header = { "Idempotency-Key": newKey() };
      let view = await ask(api.POST("/rules/backtests", { params: { header }, body }));
      for (let wait = POLL_MS; turn === this.#turn; wait = Math.min(SLOWEST_POLL_MS, wait * 1.25)) {
        this.view = view;
        if (view.state === "DONE" || view.state === "FAILED") break;
        await new Promise((resolve) => setTimeout(resolve, wait));
        const path = { backtest: view.id };
        view = await ask(api.GET("/rules/backtests/{backtest}", { params: { path } })).catch(unlessItPasses(view));
      }
    } catch (error) {
      if (turn === this.#turn) this.failure = failure(error);
    } finally {
      if (turn === this.#turn) this.running = false;
    }
  }

  end(): void {
    this.#turn++;
    this.running = false;
  }
}

/** Those of a rule's scope whose name, id or tag has these words in it. */
export async function inScope(document: JsonObject, q: string, most: number): Promise<readonly DeviceItem[]> {
  const { kind, name } = scopeParts(document["scope"]);
  const of =
    kind === "device"
      ? { q: name }
      : { ...(kind === "model" && { model: name }), ...(kind === "group" && { group: name }), ...(q && { q }) };
  const { items } = await ask(api.GET("/devices", { params: { query: { limit: most, ...of } } }));
  return kind === "device" ? items.filter(({ id }: DeviceItem) => id === name) : items;
}

type Episode = NonNullable<BacktestView["result"]>["tested"]["alarms"][number];

export const bands = (episodes: readonly Episode[], label: (severity: Episode["severity"]) => string): Band[] =>
  episodes.map(({ raised_at, cleared_at, severity }) => ({
    from: raised_at,
    to: cleared_at,
    severity,
    label: label(severity),
  }));
