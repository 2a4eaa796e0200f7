/**
 * The dashboard's chart with readings that come: `/chart.html?points=10000&hz=10`. When somebody looks,
 * `window.measure(draws)` resolves to how long each of so many draws took.
 */

import "../../../dashboard/src/app.css";

import { mount } from "svelte";

import Page from "./Growing.svelte";

export interface Growing {
  /** One reading comes, and the oldest goes; tells how many there are. */
  grow(): number;
}

interface Measured {
  readonly points: number;
  /** In ms, each. */
  readonly draws: readonly number[];
}

declare global {
  interface Window {
    measure(draws: number): Promise<Measured>;
  }
}

const asked = new URLSearchParams(location.search);
const count = (name: string) => {
  const value = Number(asked.get(name));
  if (!(value > 0)) throw new Error(`${name}: expected a number above 0, got ${asked.get(name)}`);
  return value;
};
const target = document.querySelector("main");
if (!target) throw new Error("chart.html: expected an element <main>");

const step = 1000 / count("hz");
let drawn: (ms: number) => void = () => undefined;
const growing = new Promise<Growing>((ready) => {
  mount(Page, { target, props: { points: count("points"), step, ondraw: (ms) => drawn(ms), ready } });
});

window.measure = async (draws) => {
  const chart = await growing;
  return await new Promise<Measured>((done) => {
    const taken: number[] = [];
    let points = 0;
    const timer = setInterval(() => (points = chart.grow()), step);
    drawn = (ms) => {
      taken.push(ms);
      if (taken.length < draws) return;
      clearInterval(timer);
      drawn = () => undefined;
      done({ points, draws: taken });
    };
  });
};
