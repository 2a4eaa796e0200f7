/** Builds the pages as the dashboard is built, from the dashboard's folder; what is HTML here is served as it is. */

import { fileURLToPath } from "node:url";

import dashboard from "../../../dashboard/vite.config.ts";

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

export default {
  ...dashboard,
  // Without the worker that keeps the app.
  plugins: dashboard.plugins?.slice(0, 1),
  publicDir: false,
  build: {
    ...dashboard.build,
    rolldownOptions: {
      input: { chart: here("chart.ts") },
      output: { entryFileNames: "[name].js", assetFileNames: "[name][extname]" },
    },
  },
};
