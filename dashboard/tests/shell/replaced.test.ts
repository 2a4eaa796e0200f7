import { afterEach, expect, it, vi } from "vitest";

import { isReplaced } from "../../src/shell/replaced";

afterEach(() => vi.unstubAllGlobals());

function served(answer: () => Promise<Response>, running = "/assets/index-old.js") {
  vi.stubGlobal("document", { querySelector: () => ({ getAttribute: () => running }) });
  vi.stubGlobal("fetch", vi.fn(answer));
}

const page = (script: string, status = 200) =>
  new Response(`<script type="module" src="${script}"></script>`, { status });

it("knows a newer version by the script that the page names now", async () => {
  served(async () => page("/assets/index-new.js"));
  expect(await isReplaced()).toBe(true);
  served(async () => page("/assets/index-old.js"));
  expect(await isReplaced()).toBe(false);
});

it("takes no failure and no lost network for a newer version", async () => {
  served(async () => page("/assets/index-new.js", 502));
  expect(await isReplaced()).toBe(false);
  served(async () => Promise.reject(new TypeError("Failed to fetch")));
  expect(await isReplaced()).toBe(false);
});
