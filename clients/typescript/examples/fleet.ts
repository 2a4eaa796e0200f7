/** Who am I, and which devices do I see? `API=https://…/v1 TOKEN=… node examples/fleet.ts` */

import { ProblemError, fieldline, items, unwrap } from "../src/index.ts";

declare const process: { readonly env: Record<string, string | undefined>; exitCode?: number };

const { API, TOKEN } = process.env as { API?: string; TOKEN?: string };
const api = fieldline({ baseUrl: API ?? "http://127.0.0.1:8420/v1", token: TOKEN ?? "" });

try {
  const me = await unwrap(api.GET("/me"));
  console.log(`${me.name} may ${me.permissions.join(", ")}`);
  for await (const device of items((next) => api.GET("/devices", { params: { query: { limit: 2, ...next } } }))) {
    console.log(device.id, device.model, device.group, device.status);
  }
} catch (error) {
  if (!(error instanceof ProblemError)) throw error;
  console.error(error.message, error.problem.type);
  process.exitCode = 1;
}
