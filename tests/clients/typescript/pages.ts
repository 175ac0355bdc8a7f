// A contact page and a kanban board, as a frontend would build them with the generated client.

import createClient from "openapi-fetch";
import type { components, paths } from "./crm.js";

declare const process: { env: Record<string, string | undefined> };

type Contact = components["schemas"]["Contact"];
type Deal = components["schemas"]["Deal"];
type Problem = components["schemas"]["Problem"];

const crm = createClient<paths>({
  baseUrl: process.env["CRM_URL"] ?? "",
  headers: { Authorization: `Bearer ${process.env["CRM_KEY"] ?? ""}` },
});
const mergePatch = { "Content-Type": "application/merge-patch+json" };

function check(holds: boolean, promise: string): void {
  if (!holds) throw new Error(`broken: ${promise}`);
}

function answered<T>(result: { data?: T; error?: Problem; response: Response }): T {
  if (result.data === undefined) {
    throw new Error(`${result.response.status} ${result.error?.code}: ${result.error?.detail}`);
  }
  return result.data;
}

function ifMatch(record: { version: number }): { "If-Match": string } {
  return { "If-Match": `"${record.version}"` };
}

async function addContact(name: string): Promise<Contact> {
  const body = { kind: "person", given_name: name, family_name: "Weber", tags: ["vip"] } as const;
  const result = await crm.POST("/v1/contacts", {
    body: { ...body, tags: [...body.tags] },
    params: { header: { "Idempotency-Key": crypto.randomUUID() } },
  });
  check(result.response.headers.get("location") !== null, "a created contact has a place");
  return answered(result);
}

async function contactPage(): Promise<void> {
  const anna = await addContact("Anna");
  const found = answered(
    await crm.GET("/v1/contacts", {
      params: { query: { q: "Anna Weber", tag: ["vip"], embed: ["parent"], limit: 10 } },
    }),
  );
  const rows = found.items.map((item) => ({
    id: item.id,
    version: item.version,
    name: item.display_name ?? "",
    organisation: item.parent?.name ?? "",
  }));
  check(rows.some((row) => row.id === anna.id), "the search finds the contact");
  const path = { id: anna.id };
  const read = answered(await crm.GET("/v1/contacts/{id}", { params: { path } }));
  const changed = answered(
    await crm.PATCH("/v1/contacts/{id}", {
      params: { path, header: ifMatch(read) },
      headers: mergePatch,
      body: { city: "Hamburg", phone: "040 1234567" },
    }),
  );
  check(changed.version === read.version + 1, "a change is a new version");
  const stale = await crm.PATCH("/v1/contacts/{id}", {
    params: { path, header: ifMatch(read) },
    headers: mergePatch,
    body: { city: "Kiel" },
  });
  check(stale.error?.code === "stale_version", "a change of an old version tells its code");
  answered(
    await crm.POST("/v1/interactions", {
      body: {
        contact_id: anna.id,
        kind: "call",
        channel: "phone",
        direction: "inbound",
        occurred_at: "2026-03-02T09:30:00Z",
        subject: "Delivery date",
      },
    }),
  );
  answered(
    await crm.POST("/v1/contacts/{id}/consents", {
      params: { path },
      body: { channel: "phone", action: "granted" },
    }),
  );
  const card = answered(await crm.GET("/v1/contacts/{id}/card", { params: { path } }));
  check(card.contact.city === "Hamburg", "the card shows the change");
  check(card.last_interactions[0]?.subject === "Delivery date", "the card shows the last contact");
  check(card.contact.consents[0]?.state === "granted", "the card shows the consent");
  const timeline = answered(await crm.GET("/v1/contacts/{id}/timeline", { params: { path } }));
  const told = timeline.items.map((item) => item.interaction?.subject ?? item.type);
  check(told.includes("Delivery date") && told.includes("consent"), "the timeline tells both");
  const refused = await crm.POST("/v1/contacts", { body: { kind: "person", email: "no address" } });
  check(refused.error?.errors?.[0]?.pointer === "/body/email", "a fault names its field");
  const twice = await crm.POST("/v1/contacts", {
    body: { kind: "person", name: "Anna Weber", phone: "040 1234567" },
  });
  check(twice.error?.code === "possible_duplicate", "a likely duplicate is told by its code");
  check(twice.error?.candidates?.[0]?.id === anna.id, "and by its candidates");
  const gone = { params: { path, header: { "If-Match": "*" } } };
  check((await crm.DELETE("/v1/contacts/{id}", gone)).response.status === 204, "it goes");
  const missing = await crm.GET("/v1/contacts/{id}", { params: { path } });
  check(missing.error?.code === "not_found", "what is in the trash is not found");
  answered(await crm.POST("/v1/contacts/{id}/restore", { params: { path } }));
}

async function everyDeal(owner: string): Promise<string[]> {
  const ids: string[] = [];
  let cursor: string | undefined;
  do {
    const query = { owner_id: [owner], limit: 2, ...(cursor === undefined ? {} : { cursor }) };
    const page = answered(await crm.GET("/v1/deals", { params: { query } }));
    ids.push(...page.items.map((deal) => deal.id));
    const next = page.next ? new URL(page.next, "http://crm").searchParams.get("cursor") : null;
    cursor = next ?? undefined;
  } while (cursor !== undefined);
  return ids;
}

async function move(deal: Pick<Deal, "id" | "version">, stage: string) {
  return crm.PATCH("/v1/deals/{id}", {
    params: { path: { id: deal.id }, header: ifMatch(deal) },
    headers: mergePatch,
    body: { stage },
  });
}

async function kanbanBoard(): Promise<void> {
  const owner = crypto.randomUUID();
  const customer = await addContact("Bruno");
  for (const amount of ["100.00", "250.50", "300.00"]) {
    answered(
      await crm.POST("/v1/deals", {
        body: { contact_id: customer.id, owner_id: owner, amount: { amount, currency: "EUR" } },
      }),
    );
  }
  check((await everyDeal(owner)).length === 3, "the pages of the list hold every deal once");
  const query = { owner_id: [owner] };
  const before = answered(await crm.GET("/v1/deals/board", { params: { query } }));
  const first = before.columns[0];
  check(first?.count === 3, "new deals stand in the first column");
  check(first?.sums[0]?.total.amount === "650.50", "a column has its sum");
  const card = first?.deals[0];
  if (card === undefined) throw new Error("the first column shows no deal");
  const moved = answered(await move(card, "proposal"));
  check(moved.stage_kind === "open", "a card moves");
  const lost = await move(moved, "lost");
  check(lost.error?.code === "lost_reason_missing", "a lost deal tells why");
  const nowhere = await move(moved, "somewhere");
  check(nowhere.error?.code === "stage_impossible", "an impossible move has its code");
  check(nowhere.error?.possible_stages?.includes("won") === true, "and names the possible ones");
  const after = answered(await crm.GET("/v1/deals/board", { params: { query } }));
  const counts = after.columns.map((column) => [column.key, column.count] as const);
  check(new Map(counts).get("proposal") === 1, "the board shows the move");
}

await contactPage();
await kanbanBoard();
console.log("contact page and kanban board work");
