// The list of the customers that are worth most, with the generated client of analytics.

import createClient from "openapi-fetch";
import type { paths } from "./analytics.js";

declare const process: { env: Record<string, string | undefined> };

const analytics = createClient<paths>({
  baseUrl: process.env["ANALYTICS_URL"] ?? "",
  headers: { Authorization: `Bearer ${process.env["ANALYTICS_KEY"] ?? ""}` },
});

const list = await analytics.GET("/v1/customers", {
  params: { query: { sort: "-value", limit: 3 }, header: { "Accept-Language": "de" } },
});
if (list.data === undefined) throw new Error(list.error.code);
const names = list.data.items.map((item) => `${item.unit_id} ${item.phase ?? "-"} ${item.state}`);
if (names.length !== 3) throw new Error("three customers were asked for");
const first = list.data.items[0];
if (first === undefined) throw new Error("nobody is there");
const one = await analytics.GET("/v1/customers/{unit_id}", {
  params: { path: { unit_id: first.unit_id } },
});
if (one.data?.unit_id !== first.unit_id) throw new Error("the first customer cannot be read");
const missing = await analytics.GET("/v1/customers/{unit_id}", {
  params: { path: { unit_id: "01977b3a-5c00-7000-8000-ffffffffffff" } },
});
if (missing.response.status !== 404 || missing.error === undefined) throw new Error("unknown");
const asked = await analytics.POST("/v1/refreshes", { body: {} });
if (asked.data?.status !== "queued") throw new Error("a refresh is queued");
console.log("customers work");
