/** What an app must not be able to ask for: the compiler refuses each of these, or `npm run check` fails. */

import { fieldline, unwrap } from "../src/index.ts";

const api = fieldline({ baseUrl: "", token: () => "fresh" });

// @ts-expect-error: there is no such path
await unwrap(api.GET("/devizes", {}));

// @ts-expect-error: the parameter is `id`
await unwrap(api.GET("/devices/{id}", { params: { path: { name: "pump-7" } } }));

// @ts-expect-error: a number
await unwrap(api.GET("/devices", { params: { query: { limit: "ten" } } }));

// @ts-expect-error: no such field in the answer
(await unwrap(api.GET("/health"))).tiem;

// @ts-expect-error: a command has a name
await unwrap(api.POST("/devices/{id}/commands", { params: { path: { id: "pump-7" } }, body: { parameters: {} } }));

// @ts-expect-error: replacing needs If-Match
await unwrap(api.PUT("/users/{user}/grants", { params: { path: { user: "u" } }, body: { grants: [] } }));
