// JSON.parse and json-rules-engine (npm) on ten thresholds: no check, duration, hysteresis, dedupe or state.
import { createInterface } from "node:readline";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const [, , modules, workload] = process.argv;
const { Engine } = createRequire(`${modules}/`)("json-rules-engine");
const { messages, thresholds } = JSON.parse(readFileSync(workload, "utf8"));
const engine = new Engine();
for (const [metric, side, value] of thresholds) {
  const operator = side === "above" ? "greaterThan" : "lessThan";
  engine.addRule({ conditions: { all: [{ fact: metric, operator, value }] }, event: { type: `${metric} ${side}` } });
}
console.log("ready");
for await (const _ of createInterface({ input: process.stdin })) {
  const started = process.hrtime.bigint();
  const before = process.cpuUsage();
  for (const text of messages) {
    for (const measurement of JSON.parse(text).m) await engine.run(measurement.values);
  }
  const passed = Number(process.hrtime.bigint() - started);
  const { user, system } = process.cpuUsage(before);
  // Its collector has threads of their own, whose time is not held against it.
  console.log(Math.min(passed, (user + system) * 1000) / messages.length);
}
