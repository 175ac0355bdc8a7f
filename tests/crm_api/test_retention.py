"""Retention: what is kept for how long, looked at first, and gone from everywhere afterwards."""

import sqlite3
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.conftest import BOTH, Crm, MakeCrm
from tests.crm_api.bodies import all_pages, feed, make, merge, problem, undo
from tests.crm_api.test_imports import counts, imported, upload
from tests.crm_api.test_privacy import dump
from tests.crm_api.test_reverting import by_ref, kept, reverted, told

NAME = "Retentionquitte"


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = datetime(2026, 1, 1, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def go_on(self, *, days: int) -> None:
        self.now += timedelta(days=days)


Start = Callable[..., tuple[Crm, Clock]]


@pytest.fixture(params=BOTH)
def start(request: pytest.FixtureRequest, make_crm: MakeCrm) -> Start:
    def begin(**settings: Any) -> tuple[Crm, Clock]:
        clock = Clock()
        return make_crm(request.param, clock=clock, **settings), clock

    return begin


def run(crm: Crm, *, dry_run: bool = False) -> dict[str, Any]:
    """Run retention and return what each rule with something to do found."""
    answer = crm.client.post("/v1/retention/runs", json={"dry_run": dry_run})
    assert answer.status_code == 202, answer.text
    for _ in range(200):
        state = crm.client.get(answer.headers["Location"]).json()
        if state["status"] == "done":
            assert state["is_dry_run"] is dry_run
            return {each["rule"]: each for each in state["results"] if each["count"]}
        time.sleep(0.05)
    raise AssertionError(state)


def throw_away(crm: Crm, path: str) -> None:
    assert crm.client.delete(path, headers={"If-Match": "*"}).status_code == 204


def test_the_trash_is_looked_at_first_and_then_gone_for_good(start: Start) -> None:
    crm, clock = start()
    person = make(crm, "contacts", name=NAME, external_refs=[{"source": "shop", "id": NAME}])["id"]
    kept = make(crm, "deals", contact_id=person, title=NAME)["id"]
    gone = make(crm, "deals", contact_id=person, title=NAME)["id"]
    call = make(crm, "interactions", contact_id=person, deal_id=gone, body=NAME)["id"]
    throw_away(crm, f"/v1/deals/{gone}")
    throw_away(crm, f"/v1/contacts/{person}")
    clock.go_on(days=29)
    assert run(crm) == {}
    assert crm.client.post(f"/v1/contacts/{person}/restore").status_code == 200
    throw_away(crm, f"/v1/contacts/{person}")
    clock.go_on(days=31)

    looked = run(crm, dry_run=True)
    assert looked["trash_deals"] == {"rule": "trash_deals", "count": 1, "examples": [gone]}
    assert looked["trash_contacts"]["examples"] == [person]
    assert NAME in dump(crm)
    _, cursor = feed(crm.client)
    done = run(crm)
    assert {name: each["count"] for name, each in done.items()} == {
        name: each["count"] for name, each in looked.items()
    }
    assert NAME.lower() not in dump(crm).lower()
    for path in (f"/v1/contacts/{person}", f"/v1/deals/{gone}"):
        problem(crm.client.post(f"{path}/restore"), 404)
    # What is a business record stays, without a person, and points to nothing that is gone.
    assert crm.client.get(f"/v1/deals/{kept}").json()["title"] is None
    assert crm.client.get(f"/v1/interactions/{call}").json()["deal_id"] is None
    told = {(event["type"], event["subject"]) for event in feed(crm.client, after=cursor)[0]}
    assert ("crm.deal.purged.v1", f"deals/{gone}") in told
    assert ("crm.contact.erased.v1", f"contacts/{person}") in told
    assert crm.client.get("/v1/contacts", params={"q": NAME}).json()["items"] == []
    # Trash is no request to be forgotten: the shop may send the customer again.
    again = {"kind": "person", "name": NAME, "external_refs": [{"source": "shop", "id": NAME}]}
    assert crm.client.post("/v1/contacts", json=again).status_code == 201
    assert run(crm) == {}


def test_the_rest_of_a_contact_goes_when_nothing_belongs_to_it(start: Start) -> None:
    crm, clock = start()
    alone = make(crm, "contacts", name=NAME)["id"]
    firm = crm.create("contacts", kind="organisation", name="Firm")["id"]
    person = crm.create("contacts", kind="person", name=NAME, parent_id=firm)["id"]
    owner = make(crm, "contacts", name=NAME)["id"]
    make(crm, "deals", contact_id=owner)
    for contact in (alone, owner, firm):
        throw_away(crm, f"/v1/contacts/{contact}")
    clock.go_on(days=31)
    assert run(crm)["trash_contacts"]["count"] == 3
    clock.go_on(days=31)
    _, cursor = feed(crm.client)
    assert run(crm)["emptied_contacts"]["examples"] == [alone]
    assert feed(crm.client, after=cursor)[0][0]["type"] == "crm.contact.purged.v1"
    assert crm.client.get(f"/v1/contacts/{person}").status_code == 200
    problem(crm.client.get(f"/v1/contacts/{alone}/personal-data"), 404)


def test_every_kind_of_record_leaves_the_trash(start: Start) -> None:
    crm, clock = start()
    bodies: dict[str, dict[str, Any]] = {
        "products": {"name": NAME},
        "campaigns": {"name": NAME},
        "competitors": {"name": NAME},
        "segments": {"name": NAME, "kind": "static"},
    }
    made = {plural: crm.create(plural, **body)["id"] for plural, body in bodies.items()}
    contact = make(crm, "contacts")["id"]
    members = {"add": [contact], "remove": []}
    joined = crm.client.post(f"/v1/segments/{made['segments']}/members", json=members)
    assert joined.status_code == 200, joined.text
    member = crm.create("campaign-members", campaign_id=made["campaigns"], contact_id=contact)["id"]
    for plural, record in made.items():
        throw_away(crm, f"/v1/{plural}/{record}")
    clock.go_on(days=31)
    done = run(crm)
    assert set(done) == {"trash_products", "trash_competitors", "trash_segments"} | (
        {"trash_campaigns"} & set(done)
    )
    assert "trash_campaigns" not in done  # a live member still says what it was in
    throw_away(crm, f"/v1/campaign-members/{member}")
    clock.go_on(days=31)
    assert {"trash_campaigns", "trash_campaign_members"} <= set(run(crm)) | set(run(crm))
    assert NAME not in dump(crm)


def test_files_answers_and_values_for_undo_are_kept_for_a_time(start: Start) -> None:
    crm, clock = start()
    made = make(crm, "contacts", city=NAME)
    changed = crm.patch(f"/v1/contacts/{made['id']}", {"city": "Kiel"}, version=1)
    sent = {"kind": "person", "name": f"{NAME} Answer", "allow_duplicate": True}
    headers = {"Idempotency-Key": "again"}
    answer = crm.client.post("/v1/contacts", json=sent, headers=headers)
    crm.patch(f"/v1/contacts/{answer.json()['id']}", {"name": "Other"}, version=1)
    waits = upload(crm, f"id,name\nA,{NAME} File\n", resource="contacts", source="x").json()
    assert f"{NAME} File" in dump(crm)
    clock.go_on(days=8)
    assert set(run(crm)) == {"idempotency"}
    assert f"{NAME} File" in dump(crm)
    clock.go_on(days=31)
    assert set(run(crm)) == {"imports"}
    assert f"{NAME} File" not in dump(crm)
    problem(crm.client.post(f"/v1/imports/{waits['id']}/start", json={}), 409, "upload_missing")
    clock.go_on(days=90)
    assert set(run(crm)) == {"undo_values"}
    assert NAME not in dump(crm)
    request = changed.headers["x-request-id"]
    problem(crm.client.post("/v1/changes/undo", json={"request_id": request}), 422, "not_undoable")
    noted = all_pages(crm.client, "/v1/audit?action=retention_ran")
    assert len(noted) == 3


def test_contacts_without_business_are_proposed_and_stay(start: Start) -> None:
    crm, clock = start(retention_inactive_months=24)
    quiet = make(crm, "contacts", name=NAME)["id"]
    busy = make(crm, "contacts")["id"]
    make(crm, "deals", contact_id=busy)
    clock.go_on(days=721)
    assert run(crm)["inactive_contacts"]["examples"] == [quiet]
    assert crm.client.get(f"/v1/contacts/{quiet}").status_code == 200
    rules = crm.client.get("/v1/retention").json()["rules"]
    (rule,) = [rule for rule in rules if rule["rule"] == "inactive_contacts"]
    assert (rule["days"], rule["is_automatic"]) == (720, False)


def test_contacts_without_business_go_to_the_trash_if_told_to(start: Start) -> None:
    crm, clock = start(retention_inactive_months=24, retention_inactive_contacts="trash")
    quiet = make(crm, "contacts", name=NAME)["id"]
    clock.go_on(days=721)
    run(crm)
    problem(crm.client.get(f"/v1/contacts/{quiet}"), 404)
    assert crm.client.post(f"/v1/contacts/{quiet}/restore").status_code == 200


def test_proof_of_consent_is_kept_five_years_after_the_last_use(start: Start) -> None:
    crm, clock = start()
    person = make(crm, "contacts", name=NAME)["id"]
    consent = {"channel": "phone", "action": "granted", "source": NAME}
    assert crm.client.post(f"/v1/contacts/{person}/consents", json=consent).status_code == 201
    clock.go_on(days=400)
    make(
        crm, "interactions", contact_id=person, occurred_at="2027-02-05T10:00:00Z", channel="phone"
    )
    assert crm.client.post(f"/v1/contacts/{person}/erasure", json={}).status_code == 201
    clock.go_on(days=1700)
    assert "consent_proof" not in run(crm)
    clock.go_on(days=200)
    assert run(crm)["consent_proof"]["count"] == 1


def test_the_run_of_a_day_comes_by_itself_and_once(start: Start) -> None:
    crm, clock = start(retention_delay_seconds=0)
    person = make(crm, "contacts", name=NAME)["id"]
    throw_away(crm, f"/v1/contacts/{person}")
    clock.go_on(days=31)
    crm.restart()
    for _ in range(200):
        last = crm.client.get("/v1/retention").json()["last_run_id"]
        state = crm.client.get(f"/v1/retention/runs/{last}").json() if last else {}
        if state.get("status") == "done" and state["created_at"].startswith("2026-02-01"):
            break
        time.sleep(0.05)
    assert state["is_of_the_day"] is True
    assert NAME not in dump(crm)
    crm.restart()
    time.sleep(0.3)
    assert crm.client.get("/v1/retention").json()["last_run_id"] == last


def test_a_run_whose_process_died_is_gone_on_with(start: Start) -> None:
    crm, clock = start()
    contacts = [make(crm, "contacts", name=f"{NAME} {n}")["id"] for n in range(3)]
    for contact in contacts:
        throw_away(crm, f"/v1/contacts/{contact}")
    clock.go_on(days=31)
    answer = crm.client.post("/v1/retention/runs", json={"dry_run": False})
    crm.restart()
    clock.now += timedelta(minutes=2)  # the lease of the process before is over
    crm.restart()
    for _ in range(200):
        state = crm.client.get(answer.headers["Location"]).json()
        if state["status"] == "done":
            break
        time.sleep(0.05)
    assert state["status"] == "done"
    assert NAME not in dump(crm)


def test_the_audit_log_cannot_be_changed_even_with_sql(make_crm: MakeCrm) -> None:
    crm = make_crm("sqlite")
    person = make(crm, "contacts")["id"]
    assert crm.client.get(f"/v1/contacts/{person}/personal-data").status_code == 200
    connection = sqlite3.connect(Path(crm.settings.database_url.removeprefix("sqlite:///")))
    try:
        for text in ("UPDATE audit_events SET key_id = 'x'", "DELETE FROM audit_events"):
            with pytest.raises(sqlite3.IntegrityError, match="only grows"):
                connection.execute(text)
    finally:
        connection.close()


def changed(crm: Crm, path: str, fields: dict[str, Any]) -> httpx.Response:
    answer = crm.patch(path, fields, version="*")
    assert answer.status_code == 200, answer.text
    return answer


def purge(crm: Crm, clock: Clock, path: str) -> None:
    """Throw a record away and let retention remove it for good: of a contact that takes two runs."""
    throw_away(crm, path)
    for _ in range(2):
        clock.go_on(days=31)
        run(crm)


def test_an_undo_brings_no_reference_to_what_was_purged_back(start: Start) -> None:
    crm, clock = start()
    firm = crm.create("contacts", kind="organisation", name="Firm")["id"]
    friend = make(crm, "contacts")["id"]
    person = make(crm, "contacts", parent_id=firm, referred_by_id=friend)["id"]
    deal = make(crm, "deals", contact_id=person)["id"]
    first = make(crm, "interactions", contact_id=person)["id"]
    call = make(crm, "interactions", contact_id=person, deal_id=deal, parent_id=first)["id"]
    for path, field, gone in (
        (f"contacts/{person}", "parent_id", f"contacts/{firm}"),
        (f"contacts/{person}", "referred_by_id", f"contacts/{friend}"),
        (f"interactions/{call}", "deal_id", f"deals/{deal}"),
        (f"interactions/{call}", "parent_id", f"interactions/{first}"),
    ):
        answer = changed(crm, f"/v1/{path}", {field: None})
        purge(crm, clock, f"/v1/{gone}")
        found = problem(undo(crm, answer), 409, "reference_gone")
        assert found["errors"][0]["pointer"] == f"/{path}/{field}"
        assert gone.partition("/")[2] in found["errors"][0]["message"]
        assert crm.client.get(f"/v1/{path}").json()[field] is None


def test_a_merge_is_taken_back_without_the_reference_to_what_was_purged(start: Start) -> None:
    crm, clock = start()
    firms = [crm.create("contacts", kind="organisation", name=n)["id"] for n in ("One", "Two")]
    survivor, duplicate = (make(crm, "contacts", parent_id=firm)["id"] for firm in firms)
    merged = merge(crm, survivor, duplicate, take=["parent_id"])
    assert merged.status_code == 200, merged.text
    purge(crm, clock, f"/v1/contacts/{firms[0]}")
    found = problem(undo(crm, merged), 409, "reference_gone")
    assert found["errors"][0]["pointer"] == f"/contacts/{survivor}/parent_id"
    assert firms[0] in found["detail"]
    assert f"/v1/contacts/{duplicate}/unmerge" in found["detail"]
    split = crm.client.post(f"/v1/contacts/{duplicate}/unmerge")
    assert split.status_code == 200, split.text
    assert split.json()["kept"] == ["parent_id"]
    assert split.json()["survivor"]["parent_id"] == firms[1]
    assert split.json()["duplicate"]["parent_id"] == firms[1]


def test_a_revert_tells_what_pointed_to_something_that_was_purged(start: Start) -> None:
    crm, clock = start(retention_import_days=365)
    head, query = "id,name,parent_external_id\n", {"resource": "contacts", "source": "erp"}
    for number in (1, 2):
        refs = [{"source": "erp", "id": f"O{number}"}]
        crm.create("contacts", kind="organisation", name=f"Firm {number}", external_refs=refs)
    imported(crm, f"{head}1,Anna,O1\n2,Bea,O1\n", **query, default="kind:person")
    moved = imported(crm, f"{head}1,Anna,O2\n2,Beate,O1\n", **query, default="kind:person")
    assert counts(moved) == (0, 2, 0, 0)
    now = by_ref(crm)
    purge(crm, clock, f"/v1/contacts/{now['O1']['id']}")
    for asked in ({"dry_run": True}, {}):
        assert told(reverted(crm, moved["id"], **asked)) == ("succeeded", "refused", 0, 1)
        row = kept(crm, moved["id"])[now["1"]["id"]]
        assert row[2:4] == ["reference_gone", "What it pointed to before is gone."]
    assert told(reverted(crm, moved["id"], keep_touched=True)) == ("reverted", "succeeded", 1, 1)
    after = by_ref(crm)
    assert (after["1"]["parent_id"], after["2"]["name"]) == (now["O2"]["id"], "Bea")
