/** Register a device, want a state, send a command, read who did that. `API=https://…/v1 TOKEN=… node examples/first-device.ts` */

import { ProblemError, fieldline, items, unwrap } from "../src/index.ts";

declare const process: { readonly env: Record<string, string | undefined> };

const { API, TOKEN } = process.env as { API?: string; TOKEN?: string };
const api = fieldline({ baseUrl: API ?? "http://127.0.0.1:8420/v1", token: () => TOKEN ?? "" });
const path = { id: "boiler-2" };

const device = await unwrap(
  api.POST("/devices", {
    params: { header: { "Idempotency-Key": "first-device-example" } },
    body: { id: path.id, name: "Boiler", model: "machine", group: "plant-9/hall-2", tags: { maker: "Acme" } },
  }),
);
console.log(`${device.id} is a ${device.model} in ${device.group}`);

const state = await unwrap(api.PATCH("/devices/{id}/state", { params: { path }, body: { values: { relay: { on: true } } } }));
console.log(`wanted: ${JSON.stringify(state.desired.values)}, to come: ${JSON.stringify(state.delta)}`);

const body = { name: "relay", parameters: { on: false }, expires_in_s: 60 };
const command = await unwrap(api.POST("/devices/{id}/commands", { params: { path }, body }));
console.log(`command ${command.name}: ${command.status}`);

try {
  await unwrap(api.PATCH("/devices/{id}", { params: { path, header: { "If-Match": '"99"' } }, body: { name: "Kettle" } }));
} catch (error) {
  if (!(error instanceof ProblemError)) throw error;
  console.log(error.problem.type);
}

const query = { subject: `device:${path.id}` };
for await (const entry of items((next) => api.GET("/audit", { params: { query: { ...query, ...next } } }))) {
  console.log(`${entry.action} by ${entry.who.name}`);
}
