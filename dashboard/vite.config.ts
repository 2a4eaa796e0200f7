import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

import { svelte } from "@sveltejs/vite-plugin-svelte";
import type { Plugin } from "vite";
import { defineConfig } from "vitest/config";

const CLOUD = process.env["FIELDLINE"] ?? "http://127.0.0.1:8420";
const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/**
 * Writes `sw.js`: the worker of `src/worker/sw.js` with the list of what was built. Workbox does this too, with some
 * three hundred packages.
 */
function serviceWorker(): Plugin {
  return {
    name: "fieldline-service-worker",
    apply: "build",
    generateBundle(_options, bundle) {
      // The map's outlines are large, and wanted by few: they are kept once they were shown.
      const assets = Object.keys(bundle).filter((name) => !name.includes("world") && !name.endsWith(".map"));
      const list = ["/", "/icon.svg", "/manifest.webmanifest", ...assets.map((name) => `/${name}`)].filter(
        (name) => name !== "/index.html",
      );
      const source = readFileSync(here("src/worker/sw.js"), "utf8").replace(
        "__PRECACHED__",
        JSON.stringify(list.sort()),
      );
      this.emitFile({ type: "asset", fileName: "sw.js", source });
    },
  };
}

/**
 * Small modules that are used together come in one file: one for each is a tenth more to pack, and more to ask for.
 * Nothing of it is part of the first page; and no module may be with one that it imports only once it is wanted.
 */
const TOGETHER = {
  charts: /src\/(pages\/)?charts\/(?!plot|draw|reduce|theme)/,
  parts:
    /src\/(parts\/(Act|Confirm|More|Status|Tabs|Why)\.|format\/(conditions|csv|diff|traces)|state\/(drafts|fleet|listing|models|thing-model|views))/,
  control: /src\/(pages\/device\/((control|config)\/(?!Control\.|Configuration\.)|shadow)|parts\/schema)/,
  alarms: /src\/(pages\/alarms?\/|state\/alarm-actions)/,
  manage: /src\/(pages\/(audit|keys|system|users?)\/|parts\/Grant)/,
};
const groups = Object.entries(TOGETHER).map(([name, test]) => ({ name, test }));

export default defineConfig({
  plugins: [svelte(), serviceWorker()],
  resolve: {
    alias: {
      "@fieldline/client": here("../clients/typescript/src/index.ts"),
      "openapi-fetch": here("node_modules/openapi-fetch"),
      // The same in modules, of which what nobody uses is left out.
      "leaflet/dist/leaflet.css": here("node_modules/leaflet/dist/leaflet.css"),
      leaflet: here("node_modules/leaflet/dist/leaflet-src.esm.js"),
    },
  },
  build: {
    target: "es2023",
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    assetsInlineLimit: 0,
    rolldownOptions: { output: { codeSplitting: { includeDependenciesRecursively: false, groups } } },
  },
  // `npm run dev` beside a running laptop cloud: the page comes from Vite, everything else from the gateway, which is
  // told that the page was its own.
  server: {
    host: "127.0.0.1",
    proxy: Object.fromEntries(
      ["/v1", "/ws", "/config.json"].map((path) => [
        path,
        { target: CLOUD, ws: path === "/ws", changeOrigin: true, headers: { origin: CLOUD } },
      ]),
    ),
  },
  test: { include: ["tests/**/*.test.ts"], environment: "node" },
});
