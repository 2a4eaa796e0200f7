import { describe, expect, it } from "vitest";

import { Resource, type ResourceOptions } from "../../src/state/resource.svelte";

const settled = () => new Promise((done) => setTimeout(done));

/** Answers when it is told to. */
function reading(options: ResourceOptions<string> = {}) {
  const asked: { answer: (text: string) => void; fail: (error: unknown) => void }[] = [];
  const made = new Resource<string>(() => new Promise((answer, fail) => asked.push({ answer, fail })), options);
  const answer = async (at: number, text: string) => {
    asked[at]?.answer(text);
    await settled();
  };
  return { made, asked, answer };
}

describe("a resource", () => {
  it("shows of several answers that of the last question", async () => {
    const { made, answer } = reading();
    void made.load();
    void made.load();
    await answer(1, "second");
    await answer(0, "first");
    expect([made.value, made.loading]).toEqual(["second", false]);
  });

  it("keeps the answer to a change before what was asked for earlier", async () => {
    const { made, answer } = reading();
    void made.load();
    made.put("changed");
    await answer(0, "as it was");
    expect([made.value, made.loading]).toEqual(["changed", false]);
  });

  it("takes what is read though events go on all the time, and loses none of them", async () => {
    const { made, answer } = reading({ merge: (read, known) => `${read}, ${known}` });
    void made.load();
    await answer(0, "old");
    void made.load();
    made.move("event 1");
    made.move("event 2");
    await answer(1, "new");
    expect([made.value, made.loading]).toEqual(["new, event 2", false]);
  });

  it("is read once at a time where much happens, and once more for all of it", async () => {
    const { made, asked, answer } = reading();
    for (let event = 0; event < 9; event++) void made.refresh();
    expect(asked).toHaveLength(1);
    await answer(0, "first");
    expect([made.value, made.loading, asked.length]).toEqual(["first", true, 2]);
    await answer(1, "second");
    expect([made.value, made.loading, asked.length]).toEqual(["second", false, 2]);
  });

  it("is read once more also after a reading that failed or that a change took the place of", async () => {
    const { made, asked } = reading();
    void made.refresh();
    void made.refresh();
    asked[0]?.fail(new Error("no answer"));
    await settled();
    expect([made.failure?.detail, made.loading, asked.length]).toEqual(["no answer", true, 2]);
    void made.refresh();
    made.put("changed");
    expect([made.value, made.loading, asked.length]).toEqual(["changed", true, 3]);
  });
});
