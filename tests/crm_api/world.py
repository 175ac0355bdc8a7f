"""The examples of the CRM's document, made possible: real records in place of those that they name."""

import itertools
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from tests.conftest import Crm
from tests.crm_api.bodies import all_pages, feed
from tests.crm_api.receivers import until
from tests.examples import Operation, Request, examples, operations

FIRST = ("contacts", "products", "competitors", "campaigns", "pipelines", "custom-fields")
"""What other examples name comes first."""

ADMITTED = {"allow_duplicate": True, "allow_suppressed": True}
"""What lets the contact of the examples in once more."""


ASKED_FOR: dict[str, tuple[str, dict[str, Any]]] = {
    "erasures": ("/v1/contacts/{contact}/erasure", {"reason": "requested"}),
    "retention": ("/v1/retention/runs", {}),
}
"""What is made by asking for it: where, and with which body."""
REACHED: dict[str, Any] = {
    "crm_webhook_networks": ["127.0.0.0/8"],
    "crm_webhook_poll_seconds": 0.03,
}
"""Settings of a service that delivers to this machine, and soon."""


TOLD = ("list_webhook_deliveries", "redeliver_event")
"""What is done with deliveries."""


class World:
    """Real records in place of those that examples name; webhooks go to `hook`."""

    def __init__(self, crm: Crm, document: dict[str, Any], *, hook: str) -> None:
        self.crm, self.client, self.hook = crm, crm.client, hook
        self.numbers = itertools.count(1)
        self.creations = {
            operation.path: next(operation.bodies())[1]
            for operation in operations(document)
            if operation.method == "post" and operation.node["responses"].get("201")
        }
        self.sent: set[str] = set()
        self.kept: dict[str, dict[str, Any]] = {}

    def prepare(self, request: Request) -> Request:
        """Let an example name what exists, and be possible after the examples before it."""
        name, method = request.operation.name, request.operation.method
        plural = request.operation.path.split("/")[2]
        path, query, headers = dict(request.path), dict(request.query), dict(request.headers)
        body = self.real(request.body) if isinstance(request.body, dict) else request.body
        if "id" in path:
            path["id"], version = self.target(request.operation, plural)
            if "If-Match" in headers:
                headers["If-Match"] = f'"{version}"'
        if name.startswith("create_") and name in self.sent and plural != "imports":
            body = self.other(plural, body)
        if query.get("mode") == "create" or headers.get("If-None-Match") == "*":
            path["external_id"] = f"example-{next(self.numbers)}"
            body = self.other(plural, body)
        elif name.startswith("upsert_") and "If-Match" in headers:
            headers["If-Match"] = f'"{self.version_of(plural, path)}"'
        if "delivery_id" in path:
            path["delivery_id"] = self.deliveries(path["id"])[0]["id"]
        if name == "merge_contact":
            body["duplicate_id"] = self.contact()["id"]
        elif name == "dismiss_duplicate":
            body = {"first_id": self.contact()["id"], "second_id": self.contact()["id"]}
        elif name == "undo_request":
            body["request_id"] = self.some_request()
        if "cursor" in query:
            query["cursor"] = self.cursor(request, path)
        if "after" in query:
            query["after"] = feed(self.client)[1]
        if "segment_id" in query:
            query["segment_id"] = self.make("segments")["id"]
        if method == "post":
            self.sent.add(name)
        return replace(request, path=path, query=query, headers=headers, body=body)

    def real(self, body: Any) -> Any:
        """Replace ids in a body, by the names of their fields."""
        if isinstance(body, list):
            return [self.real(item) for item in body]
        if not isinstance(body, dict):
            return body
        made = {name: self.real(value) for name, value in body.items()}
        if "campaign_id" in made and "contact_id" in made:
            made["campaign_id"] = self.one("campaigns")["id"]
        if "contact_id" in made:
            made["contact_id"] = self.one("contacts")["id"]
        if "event_types" in made and "url" in made:
            made["url"] = self.hook
        if "add" in made:
            made["add"] = [self.one("contacts")["id"]]
        return made

    def other(self, plural: str, body: dict[str, Any]) -> dict[str, Any]:
        """Return the body of another record of its kind."""
        changed = {name: value for name, value in body.items() if name != "external_refs"}
        if "key" in changed:
            changed["key"] = f"example_{next(self.numbers)}"
        if plural == "contacts":
            changed |= ADMITTED
        if "contact_id" in changed:
            changed["contact_id"] = self.contact()["id"]
        return changed

    def make(self, plural: str) -> dict[str, Any]:
        """Create another record from the example of its creation."""
        if plural == "imports":
            return self.upload()
        if plural in ASKED_FOR:
            path, asked = ASKED_FOR[plural]
            answer = self.client.post(path.format(contact=self.contact()["id"]), json=asked)
            assert answer.status_code in (201, 202), answer.text
            return dict(answer.json())
        body = self.other(plural, self.real(self.creations[f"/v1/{plural}"]))
        answer = self.client.post(f"/v1/{plural}", json=body)
        assert answer.status_code == 201, answer.text
        made: dict[str, Any] = answer.json()
        return made

    def contact(self) -> dict[str, Any]:
        return self.make("contacts")

    def one(self, plural: str) -> dict[str, Any]:
        """Return a record that is the same every time."""
        if plural not in self.kept:
            self.kept[plural] = self.make(plural)
        return self.kept[plural]

    def target(self, operation: Operation, plural: str) -> tuple[str, int]:
        """Return a record that an operation can be done with, and its version."""
        name = operation.name
        if name in TOLD:
            made = self.told()
        elif name == "revert_import":
            made = self.imported()
        elif operation.method == "get" and plural != "imports":
            made = self.one(plural)
        elif name == "unmerge_a_contact":
            survivor, made = self.contact(), self.contact()
            self.crm.client.post(
                f"/v1/contacts/{survivor['id']}/merge",
                json={"duplicate_id": made["id"]},
                headers={"If-Match": "*"},
            ).raise_for_status()
        elif name == "take_dismissal_back":
            made = self.dismissal()
        elif name == "change_segment_members":
            made = self.crm.create("segments", kind="static", name="By hand")
        else:
            made = self.make(plural)
        if name.startswith("restore_"):
            gone = self.client.delete(f"/v1/{plural}/{made['id']}", headers={"If-Match": "*"})
            assert gone.status_code == 204, gone.text
        return made["id"], made.get("version", 1)

    def dismissal(self) -> dict[str, Any]:
        pair = {"first_id": self.contact()["id"], "second_id": self.contact()["id"]}
        made: dict[str, Any] = self.client.post("/v1/duplicates/dismissals", json=pair).json()
        return made

    def upload(self) -> dict[str, Any]:
        answer = self.client.post(
            f"/v1/imports?resource=contacts&default=kind:person&source=example-{next(self.numbers)}",
            content=self.creations["/v1/imports"],
            headers={"Content-Type": "text/csv"},
        )
        assert answer.status_code == 201, answer.text
        made: dict[str, Any] = answer.json()
        return made

    def imported(self) -> dict[str, Any]:
        """Return an import that has written something."""
        made = self.upload()
        self.client.post(f"/v1/imports/{made['id']}/start", json={}).raise_for_status()

        def state() -> dict[str, Any]:
            return dict(self.client.get(f"/v1/imports/{made['id']}").json())

        until(lambda: state()["status"] == "succeeded")
        return state()

    def told(self) -> dict[str, Any]:
        """Return a webhook that has told of two events; the same every time."""
        if "told" not in self.kept:
            body = {"url": self.hook, "event_types": ["crm.contact.created.v1"]}
            made = self.client.post("/v1/webhooks", json=body).json()
            for _ in range(2):
                self.contact()
            until(lambda: len(self.deliveries(made["id"])) >= 2)
            self.kept["told"] = made
        return self.kept["told"]

    def deliveries(self, webhook_id: str) -> list[dict[str, Any]]:
        return list(self.client.get(f"/v1/webhooks/{webhook_id}/deliveries").json()["items"])

    def version_of(self, plural: str, path: dict[str, Any]) -> int:
        """Return the version of the record that an upsert finds."""
        ref = {"source": path["source"], "id": path["external_id"]}
        found = all_pages(self.client, f"/v1/{plural}?limit=200")
        (version,) = [item["version"] for item in found if ref in item["external_refs"]]
        return int(version)

    def some_request(self) -> str:
        answer = self.client.post("/v1/contacts", json={"kind": "person", "name": "Undone"})
        return answer.headers["x-request-id"]

    def cursor(self, request: Request, path: dict[str, Any]) -> str:
        """Return a real cursor of a list: that of its second page."""
        where = request.operation.path.format(**path)
        if request.operation.path.endswith("/deliveries"):
            pass  # there are two
        elif "/{id}/" in request.operation.path:
            for _ in range(2):
                body = {"channel": "phone", "purpose": "survey", "action": "granted"}
                self.client.post(f"/v1/contacts/{path['id']}/consents", json=body)
        elif where in ("/v1/erasures", "/v1/imports"):
            for _ in range(2):
                self.make(where.removeprefix("/v1/"))
        elif where == "/v1/duplicates/dismissals":
            for _ in range(2):
                self.dismissal()
        page = self.client.get(where, params={**request.query, "cursor": [], "limit": 1}).json()
        return str(page["next"]).partition("cursor=")[2].partition("&")[0]


def in_order(document: dict[str, Any]) -> Iterator[Request]:
    """Yield all examples: creations first, so that the others find what they name."""

    def rank(request: Request) -> tuple[bool, int]:
        plural = request.operation.path.split("/")[2]
        at = FIRST.index(plural) if plural in FIRST else len(FIRST)
        return not request.operation.name.startswith("create_"), at

    yield from sorted((e for o in operations(document) for e in examples(o)), key=rank)
