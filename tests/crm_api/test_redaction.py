"""Personal data stays with keys that may see it, and out of feed and log."""

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from services.crm_api.contacts.table import CONTACT
from services.foundation.edge import start_logging
from tests.conftest import Crm, MakeCrm
from tests.crm_api.bodies import ADMITTED, RESOURCES, feed, fresh, make, merge, place, problem
from tests.crm_api.test_imports import counts, finished, imported, upload

CANARY = "Zyxcanary"
PERSONAL: dict[str, dict[str, str]] = {
    "contacts": {
        "name": f"{CANARY} name",
        "given_name": f"{CANARY} given",
        "family_name": f"{CANARY} family",
        "email": f"{CANARY}@example.org",
        "phone": f"030 901820 {CANARY}",
        "street": f"{CANARY} street",
        "zip": f"{CANARY} zip",
        "city": f"{CANARY} city",
    },
    "interactions": {"subject": f"{CANARY} subject", "body": f"{CANARY} body"},
    "deals": {"title": f"{CANARY} title"},
}
DERIVED = {"contacts": ("display_name", "phone_e164"), "interactions": (), "deals": ()}
LISTS = {"contacts": ("external_refs",), "interactions": (), "deals": ("document_refs",)}
each_resource = pytest.mark.parametrize("plural", RESOURCES)


def with_canaries(crm: Crm, plural: str) -> dict[str, Any]:
    base = {"interactions": {"kind": "note", "occurred_at": "2025-01-01T00:00:00Z"}, "deals": {}}
    return {"kind": "person", "name": "Weber"} | PERSONAL[plural] if plural == "contacts" else (
        base[plural] | place(crm, plural) | PERSONAL[plural]
    )  # fmt: skip


@pytest.fixture
def blind(service: Crm) -> Iterator[httpx.Client]:
    """A client that may read and write everything and see nothing personal."""
    rights = [f"{plural}:{right}" for plural in RESOURCES for right in ("read", "write")]
    with service.client_with(*rights, "changes:read", "imports:write") as client:
        yield client


@each_resource
def test_without_pii_no_answer_shows_personal_fields(
    service: Crm, blind: httpx.Client, plural: str
) -> None:
    made = service.create(plural, **with_canaries(service, plural))
    assert made["is_redacted"] is False
    path, merge = f"/v1/{plural}/{made['id']}", {"Content-Type": "application/merge-patch+json"}
    known = fresh("redacted")
    body = with_canaries(service, plural) | ADMITTED.get(plural, {})
    update = {"action": "update", "id": made["id"], "data": PERSONAL[plural]}
    answers = [
        blind.get(path),
        blind.get(f"/v1/{plural}?id={made['id']}"),
        blind.patch(path, json={"external_refs": []}, headers=merge | {"If-Match": "*"}),
        blind.patch(path, json=PERSONAL[plural], headers=merge | {"If-Match": "*"}),
        blind.post(f"/v1/{plural}", json=body),
        blind.put(f"/v1/{plural}/by-external-id/shop/{known}", json=body),
        blind.put(f"/v1/{plural}/by-external-id/shop/{known}", json=body),
        blind.post(f"/v1/{plural}/batch", json={"items": [update]}),
        blind.get(f"/v1/exports/{plural}?id={made['id']}"),
        blind.get(f"/v1/exports/{plural}?id={made['id']}&format=csv"),
        blind.delete(path, headers={"If-Match": "*"}),
        blind.post(f"{path}/restore"),
        blind.get("/v1/changes?limit=1000"),
    ]
    for answer in answers:
        assert answer.status_code < 300, answer.text
        assert CANARY not in answer.text, str(answer.request.url)
        assert "+4930" not in answer.text
    shown = answers[0].json()
    assert shown["is_redacted"] is True
    assert {shown[name] for name in (*PERSONAL[plural], *DERIVED[plural])} == {None}
    kept = {
        name
        for name in made
        if name not in (*PERSONAL[plural], *DERIVED[plural], *LISTS[plural], "is_redacted")
    }
    assert [shown[name] for name in LISTS[plural]] == [[] for _ in LISTS[plural]]
    assert {name: shown[name] for name in kept} == {name: made[name] for name in kept}
    whole = service.client.get(path).json()
    assert {name: whole[name] for name in PERSONAL[plural]} == PERSONAL[plural] | (
        {"email": whole["email"]} if plural == "contacts" else {}
    )


@pytest.mark.parametrize(
    "query", ["email=a@example.org", "sort=display_name", "sort=-display_name"]
)
def test_without_pii_no_filter_or_order_tells_what_is_hidden(
    service: Crm, blind: httpx.Client, query: str
) -> None:
    problem(blind.get(f"/v1/contacts?{query}"), 403, "scope_missing")
    assert service.client.get(f"/v1/contacts?{query}").status_code == 200


@pytest.mark.parametrize(
    ("take", "is_dry_run"), [([], True), (["birth_date"], True), (["status", "birth_date"], False)]
)
def test_without_pii_no_merge_compares_what_is_hidden(
    service: Crm, blind: httpx.Client, take: list[str], is_dry_run: bool
) -> None:
    victim, guess = (make(service, "contacts", birth_date="1980-05-05")["id"] for _ in range(2))
    asked = {"take": take, "dry_run": is_dry_run}
    found = problem(merge(blind, victim, guess, **asked), 403, "scope_missing")
    assert "contacts:pii" in found["detail"]
    assert merge(service, victim, guess, **asked).status_code == 200


def test_without_pii_a_merge_names_no_personal_field_that_it_changed(
    service: Crm, blind: httpx.Client
) -> None:
    one = make(service, "contacts")["id"]
    two = make(service, "contacts", birth_date="1980-05-05", tags=["vip"])["id"]
    assert merge(blind, one, two, take=["status"]).json()["changed"] == ["tags"]
    service.patch(f"/v1/contacts/{one}", {"birth_date": "1990-05-05"}, version="*")
    apart = blind.post(f"/v1/contacts/{two}/unmerge").json()
    assert (apart["changed"], apart["kept"]) == (["tags"], [])


@each_resource
def test_without_pii_no_dry_run_of_an_import_compares_what_is_hidden(
    service: Crm, blind: httpx.Client, plural: str
) -> None:
    made = service.create(plural, **with_canaries(service, plural))
    needed = {
        "contacts": ["id", "kind"],
        "interactions": ["id", "contact_id", "kind", "occurred_at"],
        "deals": ["id", "contact_id", "stage"],
    }
    names = [*needed[plural], next(iter(PERSONAL[plural]))]
    content = ",".join(names) + "\n" + ",".join(made[name] for name in names) + "\n"
    query = {"resource": plural, "mapping": "id:id"}
    at_once = upload(blind, content, **query, start="true", dry_run="true")
    found = problem(at_once, 403, "scope_missing")
    assert f"{plural}:pii" in found["detail"]
    path = f"/v1/imports/{upload(blind, content, **query).json()['id']}"
    problem(blind.post(f"{path}/start", json={"dry_run": True}), 403, "scope_missing")
    assert service.client.post(f"{path}/start", json={"dry_run": True}).status_code == 202
    assert counts(finished(service.client, path.rpartition("/")[2])) == (0, 0, 1, 0)
    assert counts(imported(blind, content, **query)) == (0, 0, 1, 0)


@each_resource
def test_without_pii_no_batch_that_is_undone_compares_what_is_hidden(
    service: Crm, blind: httpx.Client, plural: str
) -> None:
    made = service.create(plural, **with_canaries(service, plural))
    field = next(iter(PERSONAL[plural]))
    told = set()
    for guess in (made[field], "Another"):
        items = [
            {"action": "update", "id": made["id"], "data": {field: guess}},
            {"action": "update", "id": made["id"], "version": 1, "data": {field: "Third"}},
            {"action": "delete", "id": "01977b3a-5c00-7000-8000-00000000ffff"},
        ]
        path = f"/v1/{plural}/batch?atomic=true"
        found = problem(blind.post(path, json={"items": items}), 422, "batch_undone")
        told.add(json.dumps({**found, "request_id": None, "instance": None}))
        found = problem(service.client.post(path, json={"items": items}), 422, "batch_undone")
        assert found["errors"][0]["pointer"] == f"/body/items/{2 if guess == made[field] else 1}"
        items[0]["data"] = {"unheard_of": guess}
        found = problem(blind.post(path, json={"items": items}), 422, "batch_undone")
        assert found["errors"][0]["pointer"] == "/body/items/0/data/unheard_of"
    assert len(told) == 1, told


def test_without_pii_no_refusal_tells_a_reference_or_whose_custom_value_it_is(
    service: Crm, blind: httpx.Client
) -> None:
    known = {"source": "shop", "id": fresh(CANARY)}
    person = make(service, "contacts", external_refs=[known])["id"]
    service.client.delete(f"/v1/contacts/{person}", headers={"If-Match": "*"})
    other = make(service, "contacts", external_refs=[known])["id"]
    found = problem(blind.post(f"/v1/contacts/{person}/restore"), 409, "external_ref_taken")
    assert found["existing_id"] == other
    assert CANARY not in json.dumps(found)
    options = [{"key": key, "label_en": key, "label_de": key} for key in ("oak", "ash")]
    field: dict[str, Any] = {
        "applies_to": "contacts",
        "key": fresh("wood").lower().replace("-", "_"),
    }
    field |= {"type": "choice", "label_en": "Wood", "label_de": "Holz", "options": options}
    field = service.create("custom-fields", **field)
    holder = make(service, "contacts", custom={field["key"]: "oak"})["id"]
    path = f"/v1/custom-fields/{field['id']}"
    merge_patch = {"Content-Type": "application/merge-patch+json", "If-Match": "*"}
    with service.client_with("settings:write") as maker:
        refused = maker.patch(path, json={"options": options[1:]}, headers=merge_patch)
        found = problem(refused, 409, "option_held")
        assert holder not in json.dumps(found)
    assert holder in service.patch(path, {"options": options[1:]}, version="*").text


def test_without_pii_no_rejected_row_tells_whom_it_names(service: Crm, blind: httpx.Client) -> None:
    content = f"id,kind,name,firm\n1,person,Weber,{CANARY}\n"
    query = {"resource": "contacts", "mapping": "firm:parent_external_id"}
    state = imported(service, content, **query, allow_duplicates="true")
    told = blind.get(f"/v1/imports/{state['id']}/rejected-rows").text
    assert "contact_missing" in told
    assert CANARY not in told


def test_without_pii_no_sheet_tells_how_long_a_hidden_list_is(
    service: Crm, blind: httpx.Client
) -> None:
    emails = [{"label": None, "email": f"{fresh('a')}@example.org"} for _ in range(2)]
    made = make(service, "contacts", other_emails=emails)
    query = {"id": made["id"], "format": "excel_csv", "fields": "id,other_emails"}
    seen = service.client.get("/v1/exports/contacts", params=query)
    assert seen.text.splitlines()[0].count(",") == 4
    hidden = blind.get("/v1/exports/contacts", params=query)
    assert "," not in hidden.text.splitlines()[0]


@pytest.mark.parametrize("path", ["contacts", "exports/contacts", "contacts/aggregate"])
def test_a_parameter_that_needs_pii_says_so(service: Crm, path: str) -> None:
    document = service.client.get("/openapi.json").json()
    parameters = document["paths"][f"/v1/{path}"]["get"]["parameters"]
    need = {
        each["name"]
        for each in parameters
        if each["in"] == "query"
        and (
            each["name"] in CONTACT.personal | {"q"}
            or "display_name" in each["schema"].get("enum", ())
            or "city" in each["schema"].get("pattern", "")
        )
    }
    assert {"email", "city", "zip", "phone_e164"} < need
    silent = {
        each["name"]
        for each in parameters
        if each["name"] in need and "`contacts:pii`" not in each["description"]
    }
    assert silent == set()


def test_an_export_needs_the_right_to_read_what_it_holds(service: Crm) -> None:
    with service.client_with("changes:read", "contacts:read") as client:
        assert client.get("/v1/exports/contacts").status_code == 200
        problem(client.get("/v1/exports/deals"), 403, "scope_missing")
    with service.client_with("contacts:read") as client:
        problem(client.get("/v1/exports/contacts"), 403, "scope_missing")


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_nothing_personal_is_in_feed_or_log(make_crm: MakeCrm, kind: str) -> None:
    crm = make_crm(kind)
    crm.settings = crm.settings.model_copy(update={"log_requests": True})
    crm.restart()
    written = io.StringIO()
    start_logging("info")
    handler = logging.getLogger().handlers[0]
    assert isinstance(handler, logging.StreamHandler)
    handler.setStream(written)
    try:
        for plural in RESOURCES:
            made = crm.create(plural, **with_canaries(crm, plural))
            path = f"/v1/{plural}/{made['id']}"
            crm.patch(path, {next(iter(PERSONAL[plural])): f"{CANARY} new"}, version="*")
            crm.client.get(f"/v1/{plural}?{CANARY}=1")
            crm.client.post(f"/v1/{plural}", json={CANARY: CANARY})
            crm.client.get(f"/v1/{plural}/{CANARY}")
            crm.client.put(f"/v1/{plural}/by-external-id/shop/{CANARY}", json={"x": 1})
            crm.client.get(f"/v1/{CANARY}")
        crm.client.get(f"/v1/contacts?email={CANARY}@example.org")
        crm.client.get(
            "/livez", headers={"Authorization": f"Bearer {CANARY}", "User-Agent": CANARY}
        )
        items, _ = feed(crm.client)
    finally:
        start_logging("error")
    lines = [json.loads(line) for line in written.getvalue().splitlines()]
    assert CANARY.lower() not in json.dumps(items).lower()
    assert CANARY.lower() not in written.getvalue().lower()
    assert crm.key not in written.getvalue()
    requests = [line for line in lines if line["event"] == "request"]
    assert len(requests) > 20
    assert {"/v1/contacts/{id}", "/v1/contacts/by-external-id/{source}/{external_id}"} <= {
        line["route"] for line in requests
    }


@each_resource
def test_a_refusal_never_repeats_the_value_it_refuses(service: Crm, plural: str) -> None:
    personal = dict.fromkeys(PERSONAL[plural], f"{CANARY}\x07")
    body = with_canaries(service, plural) | personal
    found = problem(service.client.post(f"/v1/{plural}", json=body), 422)
    assert CANARY not in json.dumps(found)
    assert {error["pointer"] for error in found["errors"]} == {f"/body/{name}" for name in personal}
