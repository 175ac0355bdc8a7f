"""Erasure across both services: no canary of the person anywhere, and the totals as before."""

import asyncio
import io
import json
import logging
import sqlite3
import time
from datetime import date
from pathlib import Path
from typing import Any, get_args

import asyncpg
import pytest
from sqlalchemy import select

from services.analytics.tables import metadata
from services.crm_api.consents.schemas import NewConsentEvent
from services.crm_api.contacts.schemas import NewContact
from services.crm_api.deals.schemas import NewDeal
from services.crm_api.interactions.schemas import Kind, NewInteraction
from services.foundation.database import Database
from services.foundation.edge import start_logging
from services.foundation.statements import Statement
from services.foundation.tables import idempotency_records
from tests.canaries import MARK, Canaries, leaves
from tests.conftest import Crm
from tests.crm_api.bodies import all_pages, feed
from tests.crm_api.test_imports import imported, upload
from tests.end_to_end.conftest import Analytics
from tests.end_to_end.test_objection import _summary_of
from tests.end_to_end.test_refresh import fill, make_reachable, sell

STAYS = {
    # Codes of our own lists, ids of campaigns, products, competitors and treatments: totals count by
    # them, and they say nothing about a person.
    *("contact.source_campaign_id", "twin.source_campaign_id", "interaction.channel"),
    "interaction.touchpoint",
    *("interaction.campaign_id", "interaction.product_id", "interaction.treatment_id"),
    *("interaction.competitor_id", "interaction.decline_reason", "deal.campaign_id"),
    *("deal.competitor_id", "deal.treatment_id", "deal.lines.product_id", "deal.lines.bundle_id"),
    # What consent was given to: the proof that § 7a UWG wants.
    "consent.text_version",
    # Not about the person: another one's records that look the same.
    "campaign.name",
}
# Three letters that stand for nothing else, so that an index of trigrams holds just them.
TRIGRAM = "龘靐齉"
MERGE = {"Content-Type": "application/merge-patch+json", "If-Match": "*"}


def text_of_everything(crm: Crm, analytics: Analytics) -> dict[str, str]:
    """Return all that both services keep: a dump of each database, and each file byte for byte."""
    kept = {}
    for name, url in (
        ("crm", crm.settings.database_url),
        ("analytics", analytics.settings.database_url),
    ):
        kept[f"dump of {name}"] = (
            _sqlite(url) if url.startswith("sqlite") else asyncio.run(_postgresql(url))
        )
    for folder in {crm.settings.data_dir, analytics.settings.data_dir}:
        for path in Path(folder).rglob("*"):
            if path.is_file():
                data = path.read_bytes()
                kept[str(path)] = data.decode("utf-8", "replace") + data.decode("utf-16", "replace")
    return kept


def _sqlite(url: str) -> str:
    connection = sqlite3.connect(url.removeprefix("sqlite:///"))
    try:
        return "\n".join(connection.iterdump())
    finally:
        connection.close()


async def _postgresql(url: str) -> str:
    connection = await asyncpg.connect(url.replace("postgresql+asyncpg", "postgresql"))
    try:
        names = await connection.fetch(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
        )
        rows = [await connection.fetch(f'SELECT t::text FROM "{n[0]}" t') for n in names]
        return "\n".join(row[0] for some in rows for row in some)
    finally:
        await connection.close()


def post(crm: Crm, path: str, body: dict[str, Any], **headers: str) -> dict[str, Any]:
    """Write with an Idempotency-Key, whose stored answer is to be forgotten as well."""
    sent = {"Idempotency-Key": f"key-{time.monotonic_ns()}", **headers}
    answer = crm.client.post(path, json=body, headers=sent)
    assert answer.status_code < 300, f"{path}: {answer.text}"
    made: dict[str, Any] = answer.json()
    return made


def add_interactions(crm: Crm, canaries: Canaries, contact_id: str) -> None:
    """Enter an interaction for every text that one can hold, of a kind that can hold it."""
    body = canaries.of(NewInteraction, "interaction", without=("contact_ref",))
    may_record = {"channel": "phone", "purpose": "recording", "action": "granted"}
    post(crm, f"/v1/contacts/{contact_id}/consents", may_record)
    for name, value in body.items():
        for kind in get_args(Kind):
            sent = {"contact_id": contact_id, "kind": kind, "occurred_at": "2025-02-03T10:00:00Z"}
            sent |= {"nps": 9} if kind == "survey_response" else {}
            answer = crm.client.post(
                "/v1/interactions",
                json={**sent, name: value},
                headers={"Idempotency-Key": name + kind},
            )
            if answer.status_code == 201:
                break
        else:
            raise AssertionError(f"no kind of interaction takes {name}: {answer.text}")


def add_person(crm: Crm, canaries: Canaries, firm: str) -> str:
    """Enter a person with a canary in every text of everything that can be told of it."""
    body = canaries.of(NewContact, "contact", without=("parent_ref",))
    body |= {"kind": "person", "parent_id": firm, "allow_duplicate": True, "custom": {}}
    body["family_name"] += f" {TRIGRAM}"
    fields = {"record_type": "contacts", "label": "Hobby", "key": "hobby", "type": "text"}
    made = crm.client.post("/v1/custom-fields", json={**fields})
    if made.status_code == 201:
        body["custom"] = {"hobby": canaries.text("contact.custom")}
    person = str(post(crm, "/v1/contacts", body)["id"])
    assert set(canaries.places.values()) <= {
        place for text in leaves(body) for place in canaries.found_in(text)
    }
    changed = {name: canaries.text(f"contact.{name} after") for name in ("city", "job_title")}
    assert (
        crm.client.patch(f"/v1/contacts/{person}", json=changed, headers=MERGE).status_code == 200
    )
    add_interactions(crm, canaries, person)
    chosen = ("contact_ref", "pipeline_id", "stage", "stage_history", "lost_note")
    deal = canaries.of(NewDeal, "deal", without=chosen)
    deal |= {
        "contact_id": person,
        "custom": {},
        "stage": "won",
        "closed_at": "2025-05-05T10:00:00Z",
    }
    deal |= {"amount": {"amount": "99.00", "currency": "EUR"}}
    deal |= {"fraud_confirmed_at": "2025-05-06T10:00:00Z"}
    post(crm, "/v1/deals", deal)
    lost = {"contact_id": person, "stage": "lost", "lost_reason": "other"}
    lost["lost_note"] = canaries.text("deal.lost_note")
    post(crm, "/v1/deals", lost)
    consent = canaries.of(NewConsentEvent, "consent")
    post(crm, f"/v1/contacts/{person}/consents", consent | {"channel": "post", "action": "granted"})
    segment = post(crm, "/v1/segments", {"name": "Some", "kind": "static"})
    post(crm, f"/v1/segments/{segment['id']}/members", {"add": [person], "remove": []})
    campaign = post(crm, "/v1/campaigns", {"name": "Spring"})
    refs = [{"source": "mailer", "id": canaries.text("campaign_member.external_refs")}]
    member = {"campaign_id": campaign["id"], "contact_id": person, "external_refs": refs}
    post(crm, "/v1/campaign-members", member)
    return person


def add_twins(crm: Crm, canaries: Canaries, person: str) -> None:
    """Merge two more into the person, one of them imported; leave files that name it."""
    other = canaries.of(NewContact, "twin", without=("parent_ref",))
    other |= {"kind": "person", "allow_duplicate": True, "custom": {}}
    twin = post(crm, "/v1/contacts", other)["id"]
    post(crm, f"/v1/contacts/{person}/merge", {"duplicate_id": twin}, **{"If-Match": "*"})
    one, two = canaries.text("import.name"), canaries.text("import.rejected")
    imported(
        crm,
        f"id,name,city,email\nI1,{one},x,\nI2,,{two},no address\n",
        resource="contacts",
        source="list",
        allow_duplicates=True,
    )
    (row,) = [
        item
        for item in crm.client.get("/v1/contacts?sort=-created_at&limit=3").json()["items"]
        if item["name"] == one
    ]
    post(crm, f"/v1/contacts/{person}/merge", {"duplicate_id": row["id"]}, **{"If-Match": "*"})
    # Files that wrote nothing of the person: a row that was refused, and one that waits.
    email = crm.client.get(f"/v1/contacts/{person}").json()["email"]
    refused = imported(
        crm,
        f"id,name,email,phone\nK1,Bea,bea@example.org,\nK2,Anna,{email},{'0' * 70}\n",
        resource="contacts",
        source="third",
    )
    assert refused["rejected_count"] == 1
    waits = upload(crm, f"id,name,email\nW1,Anna,{email}\n", resource="contacts", source="late")
    assert waits.status_code == 201, waits.text


def test_no_canary_of_an_erased_person_is_left_anywhere(crm: Crm, analytics: Analytics) -> None:
    written = io.StringIO()
    crm.settings = crm.settings.model_copy(update={"log_requests": True})
    crm.restart()
    analytics.settings = analytics.settings.model_copy(update={"crm_url": crm.url})
    start_logging("info")
    handler = logging.getLogger().handlers[0]
    assert isinstance(handler, logging.StreamHandler)
    handler.setStream(written)
    try:
        _erase_and_look(crm, analytics)
    finally:
        start_logging("error")
    assert "request" in written.getvalue()
    assert MARK not in written.getvalue().lower()


def _erase_and_look(crm: Crm, analytics: Analytics) -> None:
    firm = fill(crm)[-1]
    canaries = Canaries("xylo")
    person = add_person(crm, canaries, firm)
    add_twins(crm, canaries, person)
    alone = post(crm, "/v1/contacts", {"kind": "person", "name": canaries.text("alone.name")})["id"]
    sell(crm, alone, "2025-06-01", "77.00")
    before = _summary_of(analytics, analytics.published())
    assert analytics.get(f"/v1/customers/{alone}")["rhythm"]["purchase_count"] == 1
    everything = text_of_everything(crm, analytics)
    seen = {place for text in everything.values() for place in canaries.found_in(text)}
    assert seen == set(canaries.places.values())  # else the test would prove nothing
    if "sqlite" in crm.settings.database_url:
        assert any(TRIGRAM in text for name, text in everything.items() if name.endswith("3"))
    _, cursor = feed(crm.client)

    for contact_id in (person, alone):
        erasure = post(crm, f"/v1/contacts/{contact_id}/erasure", {"reason": "requested"})
        assert erasure["finished_at"] is not None
    for _ in range(100):
        if all(e["scrubbed_at"] for e in all_pages(crm.client, "/v1/erasures")):
            break
        time.sleep(0.05)
    after = _summary_of(analytics, analytics.published())

    for name, text in text_of_everything(crm, analytics).items():
        assert canaries.found_in(text) <= STAYS, name
        assert TRIGRAM not in text, name
    assert MARK not in json.dumps(feed(crm.client, after=cursor)[0]).lower()
    assert after["total"] == before["total"]
    assert after["phases"] == before["phases"]
    analytics.get(f"/v1/customers/{alone}", 404)
    analytics.get(f"/v1/customers/{alone}/personal-data", 404)
    assert alone not in [item["unit_id"] for item in analytics.get("/v1/customers")["items"]]
    for rest in ("", "/card", "/timeline", "/consents", "/duplicates"):
        assert crm.client.get(f"/v1/contacts/{person}{rest}").status_code == 404, rest


@pytest.mark.parametrize("kind", ["person"])
def test_two_calls_tell_all_about_a_person(crm: Crm, analytics: Analytics, kind: str) -> None:
    person = fill(crm)[4]
    analytics.published()
    sell(crm, person, "2026-01-06")
    analytics.published()
    answer = crm.client.get(f"/v1/contacts/{person}/personal-data")
    about = json.loads(answer.text.splitlines()[0])["record"]
    told = analytics.get(about["computed"])
    assert told["unit_id"] == person
    assert told["current"]["model_version"] == 2
    assert told["to_be_overwritten"]["purchase_count"] < told["current"]["stored"]["purchase_count"]
    assert "MBG/NBD" in told["logic"]
    assert told["current"]["stored"]["clv_365"] is not None
    assert told["current"]["explanations"]["state"]["reasons"]
    with crm.client_with("contacts:read", "contacts:pii") as client:
        assert client.get(f"/v1/contacts/{person}/personal-data").status_code == 403


def _kept_units(analytics: Analytics) -> str:
    """Return the customers that any table of analytics is about, and the kept answers."""

    async def read(database: Database) -> str:
        columns = [table.c.unit_id for table in metadata.sorted_tables if "unit_id" in table.c]
        columns.append(idempotency_records.c.body)
        rows = [await database.all(Statement(select(column))) for column in columns]
        return str(rows)

    return str(analytics.on_database(read))


@pytest.mark.parametrize("is_full", [False, True])
@pytest.mark.parametrize("way", ["trash", "merge"])
def test_who_had_left_before_the_erasure_is_forgotten_as_well(
    crm: Crm, analytics: Analytics, way: str, is_full: bool
) -> None:
    people = [
        crm.create("contacts", kind="person", name=f"Weber {n}", email=f"weber{n}@example.org")
        for n in range(3)
    ]
    gone, other, stays = (person["id"] for person in people)
    for number, contact_id in enumerate((gone, other, stays)):
        make_reachable(crm, contact_id)
        for month in (4, 9):
            sell(crm, contact_id, f"2025-{month:02}-{10 + number}", "9000.00")
    analytics.published(as_of=date(2025, 12, 31))
    analytics.published()
    for contact_id in (gone, stays):
        step = analytics.get(f"/v1/customers/{contact_id}")["recommendation"]
        body = {"unit_id": contact_id, "recommendation_id": step["id"], "decision": "accepted"}
        answer = analytics.client.post(
            "/v1/decisions",
            json=body | {"note": "Asked for Weber."},
            headers={"Idempotency-Key": f"decide-{contact_id}"},
        )
        assert answer.status_code == 201, answer.text
    if way == "trash":
        thrown = crm.client.delete(f"/v1/contacts/{gone}", headers={"If-Match": "*"})
        assert thrown.status_code == 204
        erased = gone
    else:
        post(crm, f"/v1/contacts/{other}/merge", {"duplicate_id": gone}, **{"If-Match": "*"})
        erased = other
    analytics.published()
    # What may come back is kept.
    analytics.published(is_full=True)
    assert gone in _kept_units(analytics)
    post(crm, f"/v1/contacts/{erased}/erasure", {"reason": "requested"})
    analytics.published(is_full=is_full)
    left = _kept_units(analytics)
    assert gone not in left and erased not in left
    assert stays in left
    analytics.get(f"/v1/customers/{gone}/history", 404)
    (item,) = analytics.get("/v1/decisions")["items"]
    assert item["unit_id"] == stays
