"""Privacy: all about a person, nothing left after an erasure, and who did what when."""

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Crm
from tests.crm_api.bodies import EVERYTHING, all_pages, feed, make, problem
from tests.crm_api.test_imports import imported

CANARY = "Xylophonquitte"


def canary(body: dict[str, Any]) -> dict[str, Any]:
    """Put the canary into every free text of a body."""
    free = {
        *("name", "given_name", "family_name", "email", "phone", "street", "city", "job_title"),
        *("additional", "subject", "body", "title", "lost_note", "recording_ref", "label", "zip"),
    }

    def fill(value: Any, name: str = "") -> Any:
        if isinstance(value, dict):
            return {key: fill(each, key) for key, each in value.items()}
        if isinstance(value, list):
            return [fill(each, name) for each in value]
        if not isinstance(value, str) or name not in free | {"tags", "document_refs"}:
            return value
        if name == "email":
            return f"{CANARY.lower()}@{CANARY.lower()}.example.org"
        return f"0171 {CANARY}" if name == "phone" else CANARY

    filled: dict[str, Any] = fill(body)
    return filled


@pytest.fixture
def person(crm: Crm) -> str:
    """A person with the canary in every text of everything."""
    refs = [{"source": "shop", "id": CANARY}]
    body = canary(EVERYTHING["contacts"]) | {"external_refs": refs}
    key = {"Idempotency-Key": "canary"}
    made = crm.client.post("/v1/contacts", json=body, headers=key)
    assert made.status_code == 201, made.text
    contact = str(made.json()["id"])
    crm.patch(f"/v1/contacts/{contact}", {"city": f"Old {CANARY}"}, version=1)
    for plural in ("interactions", "deals"):
        body = canary(EVERYTHING[plural]) | {"contact_id": contact}
        answer = crm.client.post(f"/v1/{plural}", json=body, headers=key)
        assert answer.status_code == 201, answer.text
    crm.client.post(
        f"/v1/contacts/{contact}/consents",
        json={"channel": "post", "action": "granted", "source": CANARY, "evidence_ref": CANARY},
    )
    other = crm.client.post(
        "/v1/contacts",
        json=canary(EVERYTHING["contacts"]) | {"allow_duplicate": True, "name": f"{CANARY} B"},
    ).json()["id"]
    merged = crm.client.post(
        f"/v1/contacts/{contact}/merge", json={"duplicate_id": other}, headers={"If-Match": "*"}
    )
    assert merged.status_code == 200, merged.text
    content = f"id,name,email,city\nI1,{CANARY} C,{CANARY}c@example.org,{CANARY}\nI2,,{CANARY},x\n"
    imported(crm, content, resource="contacts", source="list", allow_duplicates=True)
    third = crm.client.get("/v1/contacts?sort=-created_at&limit=1").json()["items"][0]["id"]
    merged = crm.client.post(
        f"/v1/contacts/{contact}/merge", json={"duplicate_id": third}, headers={"If-Match": "*"}
    )
    assert merged.status_code == 200, merged.text
    return contact


def dump(crm: Crm) -> str:
    """Return everything in the database as text, and the uploaded files."""
    url = crm.settings.database_url
    text = "".join(
        path.read_text(errors="replace")
        for path in Path(crm.settings.data_dir).glob("imports/*")
        if path.is_file()
    )
    if url.startswith("sqlite"):
        connection = sqlite3.connect(url.removeprefix("sqlite:///"))
        try:
            return text + "\n".join(connection.iterdump())
        finally:
            connection.close()
    import asyncio

    import asyncpg

    async def read() -> str:
        connection = await asyncpg.connect(url.replace("postgresql+asyncpg", "postgresql"))
        try:
            names = await connection.fetch(
                "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
            )
            rows = [await connection.fetch(f'SELECT t::text FROM "{n[0]}" t') for n in names]
            return "\n".join(row[0] for some in rows for row in some)
        finally:
            await connection.close()

    return text + asyncio.run(read())


def test_an_erased_person_is_found_nowhere_any_more(crm: Crm, person: str) -> None:
    assert CANARY.lower() in dump(crm).lower()
    _, cursor = feed(crm.client)
    answer = crm.client.post(f"/v1/contacts/{person}/erasure", json={"reason": "requested"})
    assert answer.status_code == 201, answer.text
    counts = answer.json()["counts"]
    assert counts["contacts"] == 3
    assert (counts["interactions"], counts["deals"], counts["imports"]) == (1, 1, 1)
    assert CANARY.lower() not in dump(crm).lower()
    problem(crm.client.get(f"/v1/contacts/{person}"), 404)
    problem(crm.client.post(f"/v1/contacts/{person}/restore"), 404)
    problem(crm.client.post(f"/v1/contacts/{person}/erasure", json={}), 404)
    events = feed(crm.client, after=cursor)[0]
    assert {event["type"] for event in events} >= {"crm.contact.erased.v1"}
    assert CANARY.lower() not in json.dumps(events).lower()
    assert crm.client.get("/v1/contacts", params={"q": CANARY}).json()["items"] == []
    (deal,) = all_pages(crm.client, f"/v1/deals?contact_id={person}")
    assert deal["amount"] == EVERYTHING["deals"]["amount"]
    assert deal["title"] is None
    (erasure,) = all_pages(crm.client, f"/v1/erasures?contact_id={person}")
    assert erasure | {"scrubbed_at": None} == answer.json() | {"scrubbed_at": None}


def test_an_erased_person_does_not_come_back_unasked(crm: Crm) -> None:
    body = {
        "kind": "person",
        "name": "Anna Weber",
        "email": "Anna@example.org",
        "phone": "030 901820",
    }
    made = crm.create("contacts", **body)
    crm.client.post(f"/v1/contacts/{made['id']}/erasure", json={})
    for again in ({"email": "anna+x@example.org"}, {"phone": "+49 30 901820"}):
        answer = crm.client.post("/v1/contacts", json={"kind": "person", "name": "A", **again})
        problem(answer, 409, "suppressed")
    content = "id,name,email\n1,Anna Weber,anna@example.org\n2,Bea,bea@example.org\n"
    state = imported(crm, content, resource="contacts", source="list")
    assert (state["created_count"], state["rejected_count"]) == (1, 1)
    asked = crm.client.post("/v1/contacts", json={**body, "allow_suppressed": True})
    assert asked.status_code == 201


def test_all_about_a_person_is_read_in_one_call_and_noted(crm: Crm, person: str) -> None:
    answer = crm.client.get(f"/v1/contacts/{person}/personal-data")
    assert answer.headers["content-type"].startswith("application/x-ndjson")
    lines = [json.loads(line) for line in answer.text.splitlines()]
    kinds = {line["type"] for line in lines}
    assert kinds >= {"contact", "interaction", "deal", "consent_event", "change"}
    assert len([line for line in lines if line["type"] == "contact"]) == 3
    assert CANARY in answer.text
    noted = all_pages(crm.client, f"/v1/audit?record_id={person}&action=personal_data_read")
    assert [entry["request_id"] for entry in noted] == [answer.headers["x-request-id"]]
    problem(crm.client.get("/v1/contacts/01977b3a-5c00-7000-8000-000000000001/personal-data"), 404)


def test_the_audit_log_tells_who_did_what_when(service: Crm) -> None:
    made = make(service, "contacts")
    path = f"/v1/contacts/{made['id']}"
    changed = service.patch(path, {"city": "Kiel"}, version=1)
    service.client.delete(path, headers={"If-Match": "*"})
    entries = all_pages(service.client, f"/v1/audit?record_id={made['id']}&limit=1")
    assert [entry["action"] for entry in entries] == ["deleted", "updated", "created"]
    assert entries[1]["changed"] == ["city"]
    request = changed.headers["x-request-id"]
    (one,) = all_pages(service.client, f"/v1/audit?request_id={request}")
    assert one == entries[1]
    assert all_pages(service.client, f"/v1/audit?record_id={made['id']}&at_lt={one['at']}") == [
        entries[2]
    ]
