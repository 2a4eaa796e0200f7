import { fieldline, unwrap } from "../src/index.ts";
const api = fieldline({ baseUrl: "" });
(await unwrap(api.GET("/health"))).tiem;
