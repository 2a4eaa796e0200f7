/** Who am I, and which devices do I see? `API=… TOKEN=… node examples/fleet.ts` */

import { ProblemError, unwrap, fieldline } from "../src/index.ts";

declare const process: { readonly env: Record<string, string | undefined>; exitCode?: number };

const api = fieldline({ baseUrl: process.env["API"] ?? "http://127.0.0.1:8420/v1", token: process.env["TOKEN"] ?? "" });

try {
  const me = await unwrap(api.GET("/me"));
  console.log(`${me.name} may ${me.permissions.join(", ")}`);
} catch (error) {
  if (!(error instanceof ProblemError)) throw error;
  console.error(error.message, error.problem.type);
  process.exitCode = 1;
}
