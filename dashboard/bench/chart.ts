/**
 * How long a chart of many points takes to draw while readings come: `bench/chart.html?points=10000&hz=10&draws=100&lines=1`
 * below `npm run dev`. When it is done, `window.measured` has the ms of each draw on the main thread.
 */

import "../src/app.css";

import { Columns } from "../src/charts/columns";
import { Plot } from "../src/charts/plot";
import type { Series } from "../src/charts/points";

declare global {
  interface Window {
    measured?: { points: number; drawn: number[]; added: number[] };
  }
}

const asked = new URLSearchParams(location.search);
const count = (name: string, otherwise: number) => Number(asked.get(name) ?? otherwise);
const [points, hz, draws, lines] = [count("points", 10_000), count("hz", 10), count("draws", 100), count("lines", 1)];
const step = 1000 / hz;
const host = document.getElementById("host");
if (!host) throw new Error("chart.html: expected an element #host");

/** Uneven enough that no column of pixels is like the next. */
const reading = (at: number) => 20 + 5 * Math.sin(at / 40_000) + Math.sin(at / 700) + ((at / step) % 17) / 10;

const all = Array.from({ length: lines }, () => new Columns({ gap: 3 * step, room: 2 * points }));
let now = Math.ceil(Date.now() / step) * step;
for (const columns of all) {
  for (let at = now - points * step; at < now; at += step) columns.add(at, reading(at));
}
const shown = () => ({
  series: all.map((columns, at): Series => ({ label: `line ${at + 1}`, points: columns.points, color: at + 1 })),
  from: now - points * step,
  to: now,
  bands: [],
  marks: [],
  thresholds: [],
  zone: undefined,
});

const drawn: number[] = [];
const added: number[] = [];
const plot = new Plot(host, { width: 1200, height: 240 }, shown(), {
  crosshair: () => undefined,
  drawn: (ms) => drawn.push(ms),
});
drawn.length = 0;

const timer = setInterval(() => {
  const begun = performance.now();
  for (const columns of all) {
    columns.add(now, reading(now));
    columns.dropBefore(now - points * step);
  }
  now += step;
  plot.show(shown());
  added.push(performance.now() - begun);
  if (drawn.length < draws) return;
  clearInterval(timer);
  window.measured = { points: all[0]?.length ?? 0, drawn, added };
}, step);
