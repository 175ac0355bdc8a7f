"""Imports taken back: all or what is untouched, with reasons for the rest, through kills, and once."""

import csv
import io
import signal
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from services.crm_api.scopes import SCOPES
from tests.conftest import BOTH, Crm, Templates, store_key
from tests.crm_api.bodies import feed, problem
from tests.crm_api.test_imports import (
    ORDER_QUERY,
    ORDERS,
    alive,
    counts,
    everything,
    finished,
    imported,
    run,
    serve,
    upload,
)
from tests.live import client, free_port

PEOPLE = "id,vorname,nachname,ort\n"
QUERY = {"resource": "contacts", "source": "erp", "default": "kind:person"}


def reverted(crm: Crm | httpx.Client, import_id: str, **asked: bool) -> dict[str, Any]:
    http = crm if isinstance(crm, httpx.Client) else crm.client
    answer = http.post(f"/v1/imports/{import_id}/revert", json=asked)
    assert answer.status_code == 202, answer.text
    assert answer.json()["status"] == "reverting"
    return settled(http, import_id)


def settled(http: httpx.Client, import_id: str) -> dict[str, Any]:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        state: dict[str, Any] = http.get(f"/v1/imports/{import_id}").json()
        if state["status"] != "reverting":
            assert state["revert"]["progress"] == 1
            return state
        time.sleep(0.05)
    raise AssertionError(f"the revert is not finished: {state}")


def told(state: dict[str, Any]) -> tuple[str, str, int, int]:
    """The import's status, that of its revert, and how many were taken back and left."""
    shown = state["revert"]
    return state["status"], shown["status"], shown["reverted_count"], shown["kept_count"]


def kept(crm: Crm, import_id: str, language: str = "en") -> dict[str, list[str]]:
    path = f"/v1/imports/{import_id}/kept-records"
    answer = crm.client.get(path, headers={"Accept-Language": language})
    rows = list(csv.reader(io.StringIO(answer.text)))
    assert rows[0] == ["resource", "id", "code", "message", "later_version", "later_request_id"]
    return {row[1]: row for row in rows[1:]}


def by_ref(crm: Crm, plural: str = "contacts") -> dict[str, dict[str, Any]]:
    return {
        ref["id"]: record
        for record in everything(crm.client, plural)
        for ref in record["external_refs"]
    }


def as_entered(record: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in record.items() if name not in ("version", "updated_at")}


def test_an_import_is_taken_back_as_if_it_had_never_run_and_can_run_again(crm: Crm) -> None:
    first = imported(crm, f"{PEOPLE}1,Anna,Weber,Bonn\n2,Bea,Klein,Köln\n", **QUERY)
    before = by_ref(crm)
    content = (
        f"{PEOPLE}1,Anna,Weber,Berlin\n2,Bea,Klein,Köln\n3,Carl,Groß,Essen\n3,Carl,Groß,Kiel\n"
    )
    second = imported(crm, content, **QUERY)
    assert counts(second) == (1, 2, 1, 0)
    tried = reverted(crm, second["id"], dry_run=True)
    assert told(tried) == ("succeeded", "succeeded", 2, 0)
    assert by_ref(crm)["3"]["city"] == "Kiel", "a dry run writes nothing"
    done = reverted(crm, second["id"])
    assert told(done) == ("reverted", "succeeded", 2, 0)
    after = by_ref(crm)
    assert {ref: as_entered(record) for ref, record in after.items()} == {
        ref: as_entered(record) for ref, record in before.items()
    }
    problem(crm.client.post(f"/v1/imports/{second['id']}/revert", json={}), 409, "already_reverted")
    assert counts(run(crm, second["id"])) == (1, 2, 1, 0)
    assert by_ref(crm)["3"]["city"] == "Kiel"
    assert told(reverted(crm, second["id"])) == ("reverted", "succeeded", 2, 0)
    assert told(reverted(crm, first["id"], keep_touched=True))[2:] == (1, 1)
    told_feed = feed(crm.client)[0]
    assert len({(each["subject"], each["data"]["version"]) for each in told_feed}) == len(told_feed)


def test_what_was_touched_later_stops_a_revert_or_stays_with_its_reason(crm: Crm) -> None:
    imported(crm, f"{PEOPLE}1,Anna,Weber,Bonn\n9,Ida,Alt,Ulm\n", **QUERY)
    names = ("Anna", "Bea", "Carl", "Dora", "Emil", "Fred", "Gina", "Hans")
    lines = "".join(f"{n},{name},Weber{n},Kiel\n" for n, name in enumerate(names, 1))
    state = imported(crm, f"{PEOPLE}{lines}9,Ida,Alt,Bern\n", **QUERY)
    now = by_ref(crm)
    crm.patch(f"/v1/contacts/{now['1']['id']}", {"city": "Rom"}, version="*")
    crm.create(
        "interactions", kind="note", contact_id=now["2"]["id"], occurred_at="2026-01-05T08:00:00Z"
    )
    crm.create("deals", contact_id=now["3"]["id"], title="A table")
    crm.client.delete(f"/v1/contacts/{now['4']['id']}", headers={"If-Match": "*"})
    crm.create("contacts", kind="person", name="New", referred_by_id=now["5"]["id"])
    merge = {"duplicate_id": now["6"]["id"]}
    path, headers = f"/v1/contacts/{now['7']['id']}/merge", {"If-Match": "*"}
    assert crm.client.post(path, json=merge, headers=headers).status_code == 200
    refused = reverted(crm, state["id"])
    assert told(refused)[:2] == ("succeeded", "refused")
    assert by_ref(crm)["8"]["city"] == "Kiel", "nothing was taken back"
    codes = {record_id: row[2] for record_id, row in kept(crm, state["id"]).items()}
    wanted = {now["1"]["id"]: "changed", now["2"]["id"]: "in_use", now["3"]["id"]: "in_use"}
    wanted |= {now["5"]["id"]: "in_use", now["6"]["id"]: "merged", now["7"]["id"]: "changed"}
    assert codes == wanted
    row = kept(crm, state["id"], "de")[now["1"]["id"]]
    assert row[0] == "contacts"
    assert row[3] == "Er wurde später geändert."
    assert int(row[4]) == now["1"]["version"] + 1
    assert crm.client.get("/v1/audit", params={"request_id": row[5]}).json()["items"]
    done = reverted(crm, state["id"], keep_touched=True)
    assert told(done) == ("reverted", "succeeded", 2, 6)
    after = by_ref(crm)
    assert after["9"]["city"] == "Ulm"
    assert set(after) == {"1", "2", "3", "5", "6", "7", "9"}
    assert {record_id: row[2] for record_id, row in kept(crm, state["id"]).items()} == wanted


def test_a_dry_run_of_a_revert_tells_what_the_real_one_would_and_nothing_left_is_no_revert(
    crm: Crm,
) -> None:
    state = imported(crm, f"{PEOPLE}1,Anna,Weber,Bonn\n2,Bea,Klein,Köln\n", **QUERY)
    now = by_ref(crm)
    crm.patch(f"/v1/contacts/{now['1']['id']}", {"city": "Rom"}, version="*")
    for asked in ({"dry_run": True}, {}):
        assert told(reverted(crm, state["id"], **asked)) == ("succeeded", "refused", 0, 1)
    tried = reverted(crm, state["id"], keep_touched=True, dry_run=True)
    assert told(tried) == ("succeeded", "succeeded", 1, 1)
    crm.patch(f"/v1/contacts/{now['2']['id']}", {"city": "Rom"}, version="*")
    for asked in ({"dry_run": True}, {}):
        left = reverted(crm, state["id"], keep_touched=True, **asked)
        assert told(left) == ("succeeded", "refused", 0, 2), "no record was taken back"
    assert {each["city"] for each in by_ref(crm).values()} == {"Rom"}


def test_contacts_that_an_import_of_deals_made_go_with_its_deals(crm: Crm) -> None:
    lines = "D1,C1,2024-01-05,10.00,won\nD2,C1,2024-01-06,11.00,won\nD3,C2,2024-01-07,12.00,won\n"
    query = {**ORDER_QUERY, "create_missing_contacts": "true"}
    state = imported(crm, ORDERS + lines, **query)
    deals, people = by_ref(crm, "deals"), by_ref(crm)
    crm.patch(f"/v1/deals/{deals['D1']['id']}", {"title": "Kept"}, version="*")
    assert told(reverted(crm, state["id"]))[1] == "refused"
    codes = {record_id: row[2] for record_id, row in kept(crm, state["id"]).items()}
    assert codes == {deals["D1"]["id"]: "changed", people["C1"]["id"]: "in_use"}
    assert told(reverted(crm, state["id"], keep_touched=True)) == ("reverted", "succeeded", 3, 2)
    assert set(by_ref(crm, "deals")) == {"D1"}
    assert set(by_ref(crm)) == {"C1"}


def test_what_others_add_to_a_contact_does_not_keep_the_change_of_an_import(crm: Crm) -> None:
    refs = [{"source": "erp", "id": "1"}]
    made = crm.create("contacts", kind="person", name="Anna Weber", external_refs=refs)
    state = imported(crm, f"{PEOPLE}1,Anna,Weber,Bonn\n", **QUERY)
    assert counts(state) == (0, 1, 0, 0)
    note = {"kind": "note", "contact_id": made["id"], "occurred_at": "2026-01-05T08:00:00Z"}
    crm.create("interactions", **note)
    assert told(reverted(crm, state["id"])) == ("reverted", "succeeded", 1, 0)
    assert by_ref(crm)["1"]["city"] is None


def test_a_value_that_its_custom_field_does_not_take_any_more_is_not_brought_back(crm: Crm) -> None:
    options = [{"key": key, "label_en": key, "label_de": key} for key in ("oak", "pine")]
    body = {"applies_to": "contacts", "key": "wood", "type": "choice", "options": options}
    field = crm.create("custom-fields", **body, label_en="Wood", label_de="Holz")
    query = {**QUERY, "mapping": "holz:custom.wood"}
    head = "id,vorname,nachname,holz\n"
    imported(crm, f"{head}1,Anna,Weber,oak\n2,Bea,Klein,pine\n", **query)
    state = imported(crm, f"{head}1,Anna,Weber,pine\n2,Bea,Groß,pine\n", **query)
    now = by_ref(crm)
    path = f"/v1/custom-fields/{field['id']}"
    assert crm.patch(path, {"options": options[1:]}, version=1).status_code == 200
    assert told(reverted(crm, state["id"])) == ("reverted", "succeeded", 1, 1)
    (row,) = kept(crm, state["id"], "de").values()
    assert row[1:4] == [
        now["1"]["id"],
        "custom_value_outdated",
        "Ein eigenes Feld nimmt nicht mehr an, was er vorher hatte.",
    ]
    after = by_ref(crm)
    assert (after["1"]["custom"], after["2"]["family_name"]) == ({"wood": "pine"}, "Klein")


def test_what_cannot_be_reverted_says_why(crm: Crm) -> None:
    state = upload(crm, f"{PEOPLE}1,Anna,Weber,Bonn\n", **QUERY).json()
    path = f"/v1/imports/{state['id']}"
    problem(crm.client.post(f"{path}/revert", json={}), 409, "nothing_to_revert")
    run(crm, state["id"], dry_run=True)
    problem(crm.client.post(f"{path}/revert", json={}), 409, "nothing_to_revert")
    run(crm, state["id"])
    missing = "/v1/imports/01977b3a-5c00-7000-8000-000000000009"
    problem(crm.client.post(f"{missing}/revert", json={}), 404, "not_found")
    problem(crm.client.get(f"{missing}/kept-records"), 404, "not_found")
    problem(crm.client.post(f"{path}/revert", json={"keep": True}), 422)
    with crm.client_with("imports:write", "contacts:read") as weak:
        problem(weak.post(f"{path}/revert", json={}), 403, "scope_missing")
    key = {"Idempotency-Key": "once"}
    first = crm.client.post(f"{path}/revert", json={}, headers=key)
    settled(crm.client, state["id"])
    again = crm.client.post(f"{path}/revert", json={}, headers=key)
    assert (again.status_code, again.content) == (first.status_code, first.content)


@pytest.mark.long
@pytest.mark.parametrize("kind", BOTH)
def test_a_killed_revert_goes_on_and_takes_nothing_back_twice(
    kind: str, templates: Templates, tmp_path: Path
) -> None:
    url, port = templates.fresh("crm_api", kind, tmp_path), free_port()
    http = client(f"http://127.0.0.1:{port}", store_key(url, scopes=SCOPES))
    lines = [f"A{number},C{number % 300},2024-01-05,{number}.50,won\n" for number in range(2_000)]
    import_id, kills = "", 0
    for seen in (0.2, 0.7, None):
        process = serve(tmp_path, url, port)
        try:
            alive(http)
            path = f"/v1/imports/{import_id}"
            if not import_id:
                query = {**ORDER_QUERY, "create_missing_contacts": "true", "start": "true"}
                import_id = upload(http, ORDERS + "".join(lines), **query).json()["id"]
                path = f"/v1/imports/{import_id}"
                assert counts(finished(http, import_id)) == (2_000, 0, 0, 0)
                problem(http.post(f"{path}/cancel"), 409, "already_finished")
                assert http.post(f"{path}/revert", json={}).status_code == 202
                problem(http.post(f"{path}/start", json={}), 409, "already_started")
                problem(http.post(f"{path}/cancel"), 409, "already_started")
            if seen is None:
                state = settled(http, import_id)
                left = everything(http, "deals") + everything(http, "contacts")
                changes = feed(http)[0]
            else:
                while http.get(path).json()["revert"]["progress"] < seen:
                    time.sleep(0.02)
                process.send_signal(signal.SIGKILL)
                kills += 1
        finally:
            process.kill()
            process.wait()
    assert kills == 2
    assert told(state) == ("reverted", "succeeded", 2_300, 0)
    assert left == []
    assert len(changes) == 2 * 2_300
    assert sum(".deleted." in each["type"] for each in changes) == 2_300
