"""Privacy: all about a person, nothing left after an erasure, and who did what when."""

import json
import sqlite3
import time
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Crm
from tests.crm_api.bodies import EVERYTHING, all_pages, feed, make, problem, undo
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
    events = feed(crm.client, after=cursor)[0]
    assert {event["type"] for event in events} >= {"crm.contact.erased.v1"}
    assert CANARY.lower() not in json.dumps(events).lower()
    assert crm.client.get("/v1/contacts", params={"q": CANARY}).json()["items"] == []
    (deal,) = all_pages(crm.client, f"/v1/deals?contact_id={person}")
    assert deal["amount"] == EVERYTHING["deals"]["amount"]
    assert deal["title"] is None
    (erasure,) = all_pages(crm.client, f"/v1/erasures?contact_id={person}")
    done = answer.json()
    assert done.pop("same_address_ids") == []
    assert erasure | {"scrubbed_at": None} == done | {"scrubbed_at": None}


def test_an_erased_person_is_taken_out_of_saved_filters_and_names_of_files(crm: Crm) -> None:
    email, other = f"{CANARY.lower()}@example.org", "else@example.org"
    person = make(crm, "contacts", name=f"{CANARY} Weber", email=email)["id"]
    make(crm, "contacts", name="Else", email=other)
    alone = crm.create("segments", name="x", filter={"email": [email], "language": ["de"]})
    both = crm.create("segments", name="y", filter={"email": [email.upper(), other]})
    former = crm.create("segments", name="z", filter={"email": [email]})
    changed = crm.patch(f"/v1/segments/{former['id']}", {"filter": {"email": [other]}}, version=1)
    assert changed.status_code == 200, changed.text
    body = {"url": "https://example.com/", "event_types": ["crm.contact.*"]}
    asks = {"contacts": {"email": [email]}}
    hook = crm.client.post("/v1/webhooks", json={**body, "filters": asks}).json()
    file = imported(
        crm,
        "id,name\n1,Somebody\n",
        resource="contacts",
        source="x",
        file_name=f"{CANARY} Weber.csv",
    )
    assert CANARY.lower() in dump(crm).lower()
    erased = crm.client.post(f"/v1/contacts/{person}/erasure", json={"reason": "requested"})
    assert erased.status_code == 201, erased.text
    assert CANARY.lower() not in dump(crm).lower()
    nobody = ["00000000-0000-0000-0000-000000000000"]
    shown = crm.client.get(f"/v1/segments/{alone['id']}").json()
    assert (shown["filter"], shown["version"]) == ({"id": nobody, "language": ["de"]}, 2)
    assert all_pages(crm.client, f"/v1/contacts?segment_id={alone['id']}") == []
    (left,) = all_pages(crm.client, f"/v1/contacts?segment_id={both['id']}")
    assert left["email"] == other
    webhook = crm.client.get(f"/v1/webhooks/{hook['id']}").json()
    assert webhook["filters"]["contacts"] == {"id": nobody}
    assert webhook["pause_reason"] == "filter_invalid"
    assert crm.client.get(f"/v1/imports/{file['id']}").json()["file_name"] is None


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
    told = crm.client.get(f"/v1/imports/{state['id']}/rejected-rows").text
    assert "2,,suppressed,This person was erased" in told, "the row and why,"
    assert "anna" not in told.casefold(), "and nothing of the person"
    assert told.splitlines()[1].endswith(",,,"), "its cells are blank"
    asked = crm.client.post("/v1/contacts", json={**body, "allow_suppressed": True})
    assert asked.status_code == 201


def test_all_about_a_person_is_read_in_one_call_and_noted(crm: Crm, person: str) -> None:
    target = {"url": "https://1.1.1.1/hooks?token=s3cret", "event_types": ["crm.contact.*"]}
    webhook = crm.client.post("/v1/webhooks", json=target).json()
    answer = crm.client.get(f"/v1/contacts/{person}/personal-data")
    assert answer.headers["content-type"].startswith("application/x-ndjson")
    lines = [json.loads(line) for line in answer.text.splitlines()]
    recipients = [line["record"] for line in lines if line["type"] == "recipient"]
    assert {each["kind"] for each in recipients} == {"key", "webhook"}
    assert (recipients[-1]["id"], recipients[-1]["host"]) == (webhook["id"], "1.1.1.1")
    assert "s3cret" not in answer.text
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


def erase(crm: Crm, contact_id: str) -> dict[str, Any]:
    answer = crm.client.post(f"/v1/contacts/{contact_id}/erasure", json={})
    assert answer.status_code in (201, 202), answer.text
    erasure: dict[str, Any] = answer.json()
    return erasure


def test_an_undo_after_an_erasure_says_that_it_was_erased(crm: Crm) -> None:
    person = crm.create("contacts", kind="person", name="Anna")["id"]
    call = make(crm, "interactions", contact_id=person, subject="x")["id"]
    paths = (f"contacts/{person}", f"interactions/{call}")
    fields = ({"name": "Bea"}, {"subject": "y"})
    done = [
        crm.patch(f"/v1/{path}", body, version=1) for path, body in zip(paths, fields, strict=True)
    ]
    erased = crm.client.post(f"/v1/contacts/{person}/erasure", json={})
    for path, answer in zip(paths, done, strict=True):
        found = problem(undo(crm, answer), 409, "touched_later")
        assert found["errors"][0]["pointer"] == f"/{path}"
        assert erased.headers["x-request-id"] in found["detail"]
    problem(undo(crm, erased), 422, "not_undoable")


ANNA = {"kind": "person", "name": "Anna", "email": "anna@example.org"}


def test_nothing_brings_an_erased_person_back_by_the_way(crm: Crm) -> None:
    twin, other = crm.create("contacts", **ANNA), crm.create("contacts", **ANNA)
    merged = crm.create("contacts", **ANNA, city="Kiel")
    into = crm.create("contacts", kind="person", name="Bea")
    path = f"/v1/contacts/{into['id']}"
    answer = crm.client.post(
        f"{path}/merge", json={"duplicate_id": merged["id"]}, headers={"If-Match": "*"}
    )
    assert answer.status_code == 200, answer.text
    changed = crm.patch(path, {"email": None, "other_emails": []}, version="*")
    crm.client.delete(f"/v1/contacts/{other['id']}", headers={"If-Match": "*"})
    gone = crm.create("contacts", **ANNA, external_refs=[{"source": "shop", "id": "C-1"}])
    told = erase(crm, gone["id"])
    assert set(told["same_address_ids"]) == {twin["id"], other["id"], merged["id"]}
    problem(crm.client.post(f"/v1/contacts/{other['id']}/restore"), 409, "suppressed")
    problem(crm.client.post(f"/v1/contacts/{merged['id']}/unmerge"), 409, "suppressed")
    undo = {"request_id": changed.headers["x-request-id"]}
    problem(crm.client.post("/v1/changes/undo", json=undo), 409, "suppressed")
    problem(crm.patch(path, {"email": "ANNA@example.org"}, version="*"), 409, "suppressed")
    upsert = "/v1/contacts/by-external-id/shop/C-1"
    problem(crm.client.put(upsert, json={"name": "Anna"}), 409, "suppressed")
    item = {"action": "create", "data": ANNA | {"allow_duplicate": True}}
    answer = crm.client.post("/v1/contacts/batch", json={"items": [item]})
    assert answer.json()["items"][0]["problem"]["code"] == "suppressed"
    content = "id,contact,amount,closed\nD1,C-1,10,2025-01-05\n"
    mapping = ["id:external_id", "contact:contact_external_id", "amount:amount", "closed:closed_at"]
    state = imported(
        crm,
        content,
        resource="deals",
        source="shop",
        currency="EUR",
        create_missing_contacts=True,
        default="stage:won",
        mapping=mapping,
    )
    assert (state["created_count"], state["rejected_count"]) == (0, 1)
    # Who has the address already may be changed; and who is told to may come back, for the log.
    assert crm.patch(f"/v1/contacts/{twin['id']}", {"city": "Ulm"}, version="*").status_code == 200
    back = crm.patch(path, {"email": "anna@example.org", "allow_suppressed": True}, version="*")
    assert back.status_code == 200
    (noted,) = all_pages(crm.client, "/v1/audit?action=suppression_lifted")
    assert noted["record_id"] == into["id"]
    assert crm.client.post(f"/v1/contacts/{other['id']}/restore").status_code == 200


def test_the_id_of_a_merged_contact_erases_the_whole_person(crm: Crm) -> None:
    one, two = crm.create("contacts", **ANNA), crm.create("contacts", **ANNA)
    headers = {"If-Match": "*"}
    merge = {"duplicate_id": two["id"]}
    assert crm.client.post(
        f"/v1/contacts/{one['id']}/merge", json=merge, headers=headers
    ).is_success
    assert erase(crm, two["id"])["contact_id"] == one["id"]
    problem(crm.client.get(f"/v1/contacts/{one['id']}"), 404)
    assert "anna@example.org" not in dump(crm)


def test_erasures_are_done_again_after_an_old_backup_is_restored(crm: Crm) -> None:
    person = crm.create("contacts", **ANNA)["id"]
    erase(crm, person)
    listed = all_pages(crm.client, "/v1/erasures")
    item = {name: listed[0][name] for name in ("contact_id", "reason", "address_hashes")}
    unknown = item | {"contact_id": "01977b3a-5c00-7000-8000-000000000001"}
    restored = crm.create("contacts", **ANNA, allow_suppressed=True)["id"]
    items = [item | {"contact_id": restored, "address_hashes": []}, item, unknown]
    answer = crm.client.post("/v1/erasures/replay", json={"items": items})
    assert [each["result"] for each in answer.json()["items"]] == [
        "erased",
        "erased_already",
        "unknown",
    ]
    problem(crm.client.get(f"/v1/contacts/{restored}"), 404)
    problem(crm.client.post("/v1/contacts", json=ANNA), 409, "suppressed")


def test_a_large_erasure_goes_on_behind_its_answer_and_after_a_stop(crm: Crm) -> None:
    person = crm.create("contacts", **ANNA)["id"]
    said = {"contact_id": person, "kind": "note", "occurred_at": "2025-01-01T10:00:00Z"}
    item = {"action": "create", "data": said | {"body": CANARY}}
    for _ in range(5):
        answer = crm.client.post("/v1/interactions/batch", json={"items": [item] * 500})
        assert {each["status"] for each in answer.json()["items"]} == {201}
    answer = crm.client.post(f"/v1/contacts/{person}/erasure", json={})
    assert answer.status_code == 202, answer.text
    problem(crm.client.get(f"/v1/contacts/{person}"), 404)
    crm.restart()  # in the middle, as far as it came
    path = answer.headers["Location"]
    for _ in range(400):
        state = crm.client.get(path).json()
        if state["scrubbed_at"] is not None:
            break
        time.sleep(0.05)
    assert state["finished_at"] is not None
    assert state["counts"]["interactions"] == 2500
    assert CANARY not in dump(crm)
    (last,) = [e for e in all_pages(crm.client, "/v1/erasures") if e["id"] == state["id"]]
    assert last == state
    told = [e for e in feed(crm.client)[0] if e["type"] == "crm.interaction.updated.v1"]
    assert len(told) == len({event["subject"] for event in told}) == 2500


def test_a_refusal_is_always_recorded_and_outlives_an_unmerge(crm: Crm) -> None:
    one, two = crm.create("contacts", **ANNA), crm.create("contacts", **ANNA)
    consents = {"channel": "phone", "action": "granted"}
    crm.client.post(f"/v1/contacts/{two['id']}/consents", json=consents)
    headers = {"If-Match": "*"}
    merge = {"duplicate_id": two["id"]}
    crm.client.post(f"/v1/contacts/{one['id']}/merge", json=merge, headers=headers)
    refusal = {"channel": "phone", "action": "withdrawn"}
    answer = crm.client.post(f"/v1/contacts/{one['id']}/consents", json=refusal)
    assert answer.status_code == 201, answer.text
    assert crm.client.post(f"/v1/contacts/{two['id']}/unmerge").is_success
    for contact in (one, two):
        (state,) = crm.client.get(f"/v1/contacts/{contact['id']}").json()["consents"]
        assert (state["channel"], state["state"]) == ("phone", "withdrawn")


def test_the_audit_log_knows_what_was_done_to_keys(crm: Crm) -> None:
    made = crm.client.post("/v1/keys", json={"name": "x", "scopes": ["contacts:read"]}).json()
    path = f"/v1/keys/{made['id']}"
    assert crm.patch(path, {"name": "y"}, version="*").status_code == 200
    assert crm.client.post(f"{path}/rotate", json={"grace_seconds": 60}).status_code == 200
    assert crm.client.delete(path).status_code == 204
    noted = all_pages(crm.client, f"/v1/audit?about_key_id={made['id']}")
    assert [entry["action"] for entry in noted] == [
        "key_revoked",
        "key_rotated",
        "key_changed",
        "key_created",
    ]
    assert crm.client.get("/v1/exports/contacts").status_code == 200
    assert len(all_pages(crm.client, "/v1/audit?action=exported")) == 1


def test_a_key_makes_nothing_that_outlives_it(crm: Crm) -> None:
    scopes = ["keys:manage", "contacts:read"]
    short = {"name": "short", "scopes": scopes, "expires_at": "2099-01-01T00:00:00Z"}
    made = crm.client.post("/v1/keys", json=short).json()
    own = {"Authorization": f"Bearer {made['key']}"}
    child = {"name": "child", "scopes": ["contacts:read"]}
    found = problem(crm.client.post("/v1/keys", json=child, headers=own), 422)
    assert found["errors"][0]["code"] == "outlives_maker"
    child["expires_at"] = "2098-01-01T00:00:00Z"
    assert crm.client.post("/v1/keys", json=child, headers=own).status_code == 201
    headers = own | {"Content-Type": "application/merge-patch+json", "If-Match": "*"}
    forever = crm.client.patch(f"/v1/keys/{made['id']}", json={"expires_at": None}, headers=headers)
    problem(forever, 422)
    # A remembered key makes nothing after its end, and an old secret manages nothing in its grace.
    assert crm.client.delete(f"/v1/keys/{made['id']}").status_code == 204
    problem(crm.client.post("/v1/keys", json=child, headers=own), 401)
    other = crm.client.post("/v1/keys", json={"name": "m", "scopes": scopes}).json()
    crm.client.post(f"/v1/keys/{other['id']}/rotate", json={"grace_seconds": 3600})
    old = {"Authorization": f"Bearer {other['key']}"}
    assert crm.client.get("/v1/contacts", headers=old).status_code == 200
    problem(crm.client.post(f"/v1/keys/{other['id']}/rotate", json={}, headers=old), 403)


def test_who_is_gone_for_good_can_be_asked(crm: Crm) -> None:
    ids = [crm.create("contacts", kind="person", name=f"Weber {n}")["id"] for n in range(5)]
    live, trashed, merged, absorbing, erased = ids
    crm.client.delete(f"/v1/contacts/{trashed}", headers={"If-Match": "*"})
    merge = {"duplicate_id": merged}
    answer = crm.client.post(
        f"/v1/contacts/{absorbing}/merge", json=merge, headers={"If-Match": "*"}
    )
    assert answer.status_code == 200, answer.text
    unknown = "01977b3a-5c00-7000-8000-000000000001"

    def gone() -> list[str]:
        answer = crm.client.get("/v1/gone-contacts", params={"id": [*ids, unknown]})
        assert answer.status_code == 200, answer.text
        found: list[str] = answer.json()["ids"]
        return found

    crm.client.post(f"/v1/contacts/{erased}/erasure", json={})
    assert gone() == sorted([erased, unknown])
    for contact_id in (absorbing, trashed):
        crm.client.post(f"/v1/contacts/{contact_id}/erasure", json={})
    assert gone() == sorted([*ids[1:], unknown])
    assert live not in gone()
    assert crm.client.get("/v1/gone-contacts").status_code == 422
