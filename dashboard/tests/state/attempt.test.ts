import { expect, it } from "vitest";

import { Attempt } from "../../src/state/attempt.svelte";

it("is done once at a time", async () => {
  const attempt = new Attempt();
  let done = 0;
  const work = () => Promise.resolve(done++);
  const answers = await Promise.all([attempt.run(work), attempt.run(work)]);
  expect([answers, done, attempt.busy]).toEqual([[true, false], 1, false]);
});

it("keeps what went wrong until the next", async () => {
  const attempt = new Attempt();
  expect(await attempt.run(() => Promise.reject(new TypeError("no network")))).toBe(false);
  expect([attempt.failed?.detail, attempt.failed?.status, attempt.busy]).toEqual(["no network", 0, false]);
  const next = attempt.run(() => Promise.resolve());
  expect(attempt.failed).toBeNull();
  expect(await next).toBe(true);
});

it("takes the place of what a form would do", async () => {
  const attempt = new Attempt();
  const event = new Event("submit", { cancelable: true });
  attempt.submit(() => Promise.reject(new Error("refused")))(event as SubmitEvent);
  expect([event.defaultPrevented, attempt.busy]).toEqual([true, true]);
});
