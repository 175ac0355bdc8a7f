"""Merging and undoing: two contacts become one and two again, a request is as if it had not been."""

from typing import Any

import pytest

from tests.conftest import Crm
from tests.crm_api.bodies import all_pages, feed, fresh, make, merge, problem, undo

KEPT = ("version", "updated_at")


def content(record: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in record.items() if name not in KEPT}


def read(crm: Crm, path: str) -> dict[str, Any]:
    answer = crm.client.get(path)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


@pytest.fixture
def pair(service: Crm) -> tuple[str, str]:
    """Two contacts that are the same person, each with a life of its own."""
    firm = make(service, "contacts", kind="organisation", name="Weber GmbH")["id"]
    survivor = make(
        service,
        "contacts",
        given_name="Anna",
        family_name="Weber",
        email="anna@example.org",
        tags=["vip"],
        external_refs=[{"source": "shop", "id": fresh()}],
    )["id"]
    duplicate = make(
        service,
        "contacts",
        given_name="Anna",
        family_name="Veber",
        email="a.weber@example.com",
        phone="030 901820",
        parent_id=firm,
        tags=["b2b", "vip"],
        external_refs=[{"source": "erp", "id": fresh()}],
    )["id"]
    campaign = service.create("campaigns", name="Spring")["id"]
    segment = service.create("segments", name="x", kind="static")["id"]
    for contact in (survivor, duplicate):
        make(service, "interactions", contact_id=contact)
        make(service, "deals", contact_id=contact)
        service.client.post(f"/v1/segments/{segment}/members", json={"add": [contact]})
        service.create("campaign-members", campaign_id=campaign, contact_id=contact)
    make(service, "contacts", referred_by_id=duplicate)
    service.client.post(
        f"/v1/contacts/{duplicate}/consents", json={"channel": "post", "action": "granted"}
    )
    return survivor, duplicate


def state(crm: Crm, contact: str) -> dict[str, Any]:
    """Return everything that belongs to a contact, apart from versions."""
    records = {
        plural: [
            content(item)
            for item in all_pages(crm.client, f"/v1/{plural}?{field}={contact}&sort=created_at")
        ]
        for plural, field in (
            ("interactions", "contact_id"),
            ("deals", "contact_id"),
            ("campaign-members", "contact_id"),
            ("contacts", "referred_by_id"),
        )
    }
    consents = all_pages(crm.client, f"/v1/contacts/{contact}/consents")
    return {"self": content(read(crm, f"/v1/contacts/{contact}")), "consents": consents, **records}


def test_what_belonged_to_two_belongs_to_one(service: Crm, pair: tuple[str, str]) -> None:
    survivor, duplicate = pair
    done = merge(service, survivor, duplicate, take=["family_name"])
    assert done.status_code == 200, done.text
    body = done.json()
    assert body["survivor"] == read(service, f"/v1/contacts/{survivor}")
    assert body["moved"] == {
        "interactions": 1,
        "deals": 1,
        "persons": 0,
        "referrals": 1,
        "campaign_members": 0,
        "segment_members": 0,
        "consent_events": 1,
    }
    one = body["survivor"]
    assert (one["family_name"], one["email"], one["phone"]) == (
        "Veber",
        "anna@example.org",
        "030 901820",
    )
    assert one["other_emails"] == [{"label": None, "email": "a.weber@example.com"}]
    assert one["tags"] == ["vip", "b2b"]
    assert len(one["external_refs"]) == 2
    assert one["phone_e164"] == "+4930901820"
    assert [each["channel"] for each in one["consents"]] == ["post"]
    assert len(all_pages(service.client, f"/v1/deals?contact_id={survivor}")) == 2


def test_the_old_id_answers_with_the_survivor(service: Crm, pair: tuple[str, str]) -> None:
    survivor, duplicate = pair
    merge(service, survivor, duplicate)
    answer = service.client.get(f"/v1/contacts/{duplicate}")
    assert answer.json() == read(service, f"/v1/contacts/{survivor}")
    assert answer.headers["content-location"] == f"/v1/contacts/{survivor}"
    made = make(service, "deals", contact_id=duplicate)
    assert made["contact_id"] == survivor
    restore = service.client.post(f"/v1/contacts/{duplicate}/restore")
    assert problem(restore, 409, "merged_away")["existing_id"] == survivor
    events = [item["type"] for item in feed(service.client)[0] if duplicate in item["subject"]]
    assert events[-1] == "crm.contact.merged.v1"


def test_a_merge_that_is_taken_back_leaves_both_as_they_were(
    service: Crm, pair: tuple[str, str]
) -> None:
    before = [state(service, contact) for contact in pair]
    merge(service, *pair, take=["family_name", "phone"])
    answer = service.client.post(f"/v1/contacts/{pair[1]}/unmerge")
    assert answer.status_code == 200, answer.text
    assert answer.json()["kept"] == []
    assert [state(service, contact) for contact in pair] == before
    problem(service.client.post(f"/v1/contacts/{pair[1]}/unmerge"), 409, "not_merged")
    merge(service, *pair)
    service.client.post(f"/v1/contacts/{pair[1]}/unmerge")
    assert [state(service, contact) for contact in pair] == before


def test_what_came_after_a_merge_stays_when_it_is_taken_back(
    service: Crm, pair: tuple[str, str]
) -> None:
    survivor, duplicate = pair
    merge(service, survivor, duplicate)
    later = make(service, "interactions", contact_id=survivor)["id"]
    service.patch(f"/v1/contacts/{survivor}", {"phone": "040 1234567"}, version="*")
    body = service.client.post(f"/v1/contacts/{duplicate}/unmerge").json()
    assert body["kept"] == ["phone"]
    assert body["survivor"]["phone_e164"] == "+49401234567"
    assert body["survivor"]["parent_id"] is None
    assert read(service, f"/v1/interactions/{later}")["contact_id"] == survivor


def test_a_dry_run_tells_all_and_writes_nothing(service: Crm, pair: tuple[str, str]) -> None:
    before = [state(service, contact) for contact in pair]
    cursor = feed(service.client)[1]
    tried = merge(service, *pair, dry_run=True).json()
    assert tried["is_dry_run"] is True
    assert [state(service, contact) for contact in pair] == before
    assert feed(service.client, after=cursor)[0] == []
    done = merge(service, *pair).json()
    assert done["moved"] == tried["moved"]
    assert done["changed"] == tried["changed"]


def test_contacts_that_cannot_be_one_are_refused(service: Crm, pair: tuple[str, str]) -> None:
    survivor, duplicate = pair
    firm = make(service, "contacts", kind="organisation", name="x")["id"]
    problem(merge(service, survivor, survivor), 422, "merge_impossible")
    problem(merge(service, survivor, firm), 422, "merge_impossible")
    problem(merge(service, survivor, duplicate, take=["colour"]), 422, "merge_impossible")
    problem(merge(service, survivor, duplicate, duplicate_version=99), 412, "stale_version")
    problem(merge(service, survivor, "01977b3a-5c00-7000-8000-000000000001"), 404)


@pytest.mark.parametrize("name", ["external_refs", "other_emails", "tags"])
def test_a_merge_loses_nothing_that_one_contact_has_no_room_for(service: Crm, name: str) -> None:
    def some(tag: str) -> list[Any]:
        start = fresh(tag)
        if name == "external_refs":
            return [{"source": "shop", "id": f"{start}-{n}"} for n in range(11)]
        if name == "other_emails":
            return [{"label": None, "email": f"{start}{n}@example.org"} for n in range(11)]
        return [f"{start}-{n}" for n in range(26)]

    pair = [make(service, "contacts", name=fresh(tag), **{name: some(tag)})["id"] for tag in "ab"]
    before = [state(service, contact) for contact in pair]
    for dry_run in (True, False):
        found = problem(merge(service, *pair, dry_run=dry_run), 422, "merge_impossible")
        assert name in found["detail"]
    assert [state(service, contact) for contact in pair] == before


@pytest.mark.parametrize(
    "name", ["acquisition_cost_minor", "acquisition_cost_currency", "match_keys", "is_redacted"]
)
def test_only_fields_of_the_wire_are_taken(service: Crm, pair: tuple[str, str], name: str) -> None:
    found = problem(merge(service, *pair, take=["city", name]), 422, "merge_impossible")
    assert found["errors"][0]["pointer"] == "/body/take/1"
    assert "_minor" not in found["detail"].removeprefix(f"There is no field to take `{name}`")
    found = problem(merge(service, *pair, take=["famly_name"]), 422, "merge_impossible")
    assert "did you mean `family_name`" in found["detail"]


def test_money_is_taken_and_filled_in_as_a_whole(service: Crm) -> None:
    yen, euro = {"amount": "777", "currency": "JPY"}, {"amount": "10.00", "currency": "EUR"}
    for own, take, expected in ((euro, True, yen), (euro, False, euro), (None, False, yen)):
        survivor = make(service, "contacts", acquisition_cost=own)["id"]
        duplicate = make(service, "contacts", acquisition_cost=yen)["id"]
        merged = merge(service, survivor, duplicate, take=["acquisition_cost"] if take else [])
        assert merged.json()["survivor"]["acquisition_cost"] == expected


@pytest.mark.parametrize("later", [("20.00", "EUR"), ("10.00", "USD")])
def test_money_that_was_changed_since_a_merge_stays_as_a_whole(
    service: Crm, later: tuple[str, str]
) -> None:
    for own in ({"amount": "777", "currency": "JPY"}, {"amount": "5.00", "currency": "EUR"}):
        survivor = make(service, "contacts", acquisition_cost=own)["id"]
        cost = {"amount": "10.00", "currency": "EUR"}
        duplicate = make(service, "contacts", acquisition_cost=cost)["id"]
        merge(service, survivor, duplicate, take=["acquisition_cost"])
        changed = {"amount": later[0], "currency": later[1]}
        service.patch(f"/v1/contacts/{survivor}", {"acquisition_cost": changed}, version="*")
        body = service.client.post(f"/v1/contacts/{duplicate}/unmerge").json()
        assert body["kept"] == ["acquisition_cost"]
        assert body["survivor"]["acquisition_cost"] == changed


def test_merges_of_merges_are_taken_back_from_the_outside(service: Crm) -> None:
    one, two, three = (make(service, "contacts", name=fresh())["id"] for _ in range(3))
    before = [state(service, contact) for contact in (one, two, three)]
    merge(service, two, three)
    merge(service, one, two)
    assert service.client.get(f"/v1/contacts/{three}").json()["id"] == one
    refused = service.client.post(f"/v1/contacts/{three}/unmerge")
    assert problem(refused, 409, "survivor_not_live")["existing_id"] == two
    assert service.client.post(f"/v1/contacts/{two}/unmerge").status_code == 200
    assert service.client.post(f"/v1/contacts/{three}/unmerge").status_code == 200
    assert [state(service, contact) for contact in (one, two, three)] == before


# Undo


def test_a_request_is_undone_and_the_undoing_too(service: Crm) -> None:
    made = make(service, "contacts", city="Kiel", birth_date="1980-02-29")
    path = f"/v1/contacts/{made['id']}"
    body = {
        "city": "Berlin",
        "birth_date": None,
        "tags": ["x"],
        "next_contact_at": "2035-01-01T00:00:00Z",
    }
    changed = service.patch(path, body, version=1)
    undone = undo(service, changed)
    assert undone.json()["items"] == [
        {"resource": "contacts", "id": made["id"], "action": "updated", "version": 3}
    ]
    assert content(read(service, path)) == content(made)
    assert undo(service, undone).status_code == 200
    assert content(read(service, path)) == content(changed.json())


def test_creating_throwing_away_and_restoring_are_undone(service: Crm) -> None:
    ref = {"source": "erp", "id": fresh()}
    body = {"kind": "person", "name": "x", "external_refs": [ref]}
    created = service.client.post("/v1/contacts", json=body)
    path = created.headers["location"]
    undone = undo(service, created)
    problem(service.client.get(path), 404)
    assert undo(service, undone).status_code == 200
    thrown = service.client.delete(path, headers={"If-Match": "*"})
    assert undo(service, thrown).status_code == 200
    assert content(read(service, path)) == content(created.json())


def test_a_batch_is_undone_as_a_whole_or_not_at_all(service: Crm) -> None:
    old = make(service, "contacts", name="Old")
    items = [
        {"action": "create", "data": {"kind": "person", "name": fresh()}},
        {"action": "update", "id": old["id"], "data": {"name": "New"}},
    ]
    answer = service.client.post("/v1/contacts/batch", json={"items": items})
    created = answer.json()["items"][0]["id"]
    later = service.patch(f"/v1/contacts/{created}", {"city": "Kiel"}, version=1)
    found = problem(undo(service, answer), 409, "touched_later")
    assert found["errors"][0]["pointer"] == f"/contacts/{created}"
    assert later.headers["x-request-id"] in found["errors"][0]["message"]
    assert read(service, f"/v1/contacts/{old['id']}")["name"] == "New"
    assert undo(service, later).status_code == 200
    assert undo(service, answer).status_code == 200
    problem(service.client.get(f"/v1/contacts/{created}"), 404)
    assert content(read(service, f"/v1/contacts/{old['id']}")) == content(old)


def test_what_was_undone_itself_keeps_nothing_from_being_undone(service: Crm) -> None:
    deal = make(service, "deals")
    path = f"/v1/deals/{deal['id']}"
    lost = service.patch(path, {"stage": "lost", "lost_reason": "price"}, version=1)
    new = service.patch(path, {"stage": "new"}, version=2)
    gone = service.client.delete(path, headers={"If-Match": "*"})
    back = service.client.post(f"{path}/restore")
    problem(undo(service, lost), 409, "touched_later")
    assert undo(service, back).status_code == 200
    problem(undo(service, new), 409, "touched_later")
    assert undo(service, gone).status_code == 200
    assert undo(service, new).status_code == 200
    assert content(read(service, path)) == content(lost.json())
    undone = undo(service, lost)
    assert undone.status_code == 200
    assert content(read(service, path)) == content(deal)
    found = problem(undo(service, lost), 409, "touched_later")
    assert undone.headers["x-request-id"] in found["detail"]


def test_a_refusal_names_what_touched_the_record_and_still_stands(service: Crm) -> None:
    contact = make(service, "contacts", city="Kiel")["id"]
    path = f"/v1/contacts/{contact}"
    first = service.patch(path, {"city": "Bonn"}, version="*")
    second = service.patch(path, {"city": "Essen"}, version="*")
    undo(service, second).raise_for_status()
    third = service.patch(path, {"job_title": "x"}, version="*")
    found = problem(undo(service, first), 409, "touched_later")
    assert third.headers["x-request-id"] in found["errors"][0]["message"]
    assert second.headers["x-request-id"] not in found["errors"][0]["message"]


def test_two_upserts_and_two_sides_of_a_member_are_undone_step_by_step(service: Crm) -> None:
    ref = f"/v1/contacts/by-external-id/erp/{fresh()}"
    steps = [service.client.put(ref, json={"kind": "person", "name": "x"})]
    steps += [service.client.put(ref, json={"city": city}) for city in ("Kiel", "Bonn")]
    for step in reversed(steps):
        assert undo(service, step).status_code == 200
    problem(service.client.get(f"/v1/contacts/{steps[0].json()['id']}"), 404)
    campaign, contact = service.create("campaigns", name="x")["id"], make(service, "contacts")["id"]
    body = {"campaign_id": campaign, "contact_id": contact}
    joined = service.client.post("/v1/campaign-members", json=body)
    path = joined.headers["location"]
    answered = service.patch(path, {"outcome": "clicked"}, version=1)
    for step in (answered, joined):
        assert undo(service, step).status_code == 200, step.text
    problem(service.client.get(path), 404)


def test_a_merge_is_undone_like_any_request_if_nothing_touched_it(
    service: Crm, pair: tuple[str, str]
) -> None:
    before = [state(service, contact) for contact in pair]
    merged = merge(service, *pair)
    later = service.patch(f"/v1/contacts/{pair[0]}", {"job_title": "x"}, version="*")
    found = problem(undo(service, merged), 409, "touched_later")
    assert later.headers["x-request-id"] in found["errors"][0]["message"]
    assert undo(service, later).status_code == 200
    split = undo(service, merged)
    assert split.status_code == 200, split.text
    assert [state(service, contact) for contact in pair] == before
    problem(undo(service, merged), 409, "touched_later")
    assert "merge" in problem(undo(service, split), 422, "not_undoable")["detail"]
    again = merge(service, *pair)
    undone = undo(service, again)
    assert {"resource": "contacts", "id": pair[1], "action": "unmerged"}.items() <= next(
        item for item in undone.json()["items"] if item["id"] == pair[1]
    ).items()
    assert [state(service, contact) for contact in pair] == before


@pytest.mark.parametrize(
    ("plural", "body", "patch"),
    [
        ("products", {"name": "Oak table"}, {"successor_id": "SKU-2"}),
        ("campaigns", {"name": "Spring"}, {"phase": "winback"}),
        ("competitors", {"name": "Nordwind"}, {"note": "x"}),
        ("segments", {"name": "x", "filter": {"language": ["de"]}}, {"name": "y"}),
        (
            "swot-items",
            {"subject": "self", "quadrant": "threat", "statement": "x"},
            {"valid_from": "2025-01-01"},
        ),
    ],
)
def test_what_was_written_of_a_satellite_is_undone(
    service: Crm, plural: str, body: dict[str, Any], patch: dict[str, Any]
) -> None:
    created = service.client.post(f"/v1/{plural}", json=body)
    path = created.headers["location"]
    changed = service.patch(path, patch, version=1)
    assert undo(service, changed).status_code == 200
    assert content(read(service, path)) == content(created.json())
    thrown = service.client.delete(path, headers={"If-Match": "*"})
    assert undo(service, thrown).status_code == 200
    assert content(read(service, path)) == content(created.json())
    twice = service.client.post(f"/v1/{plural}", json=body)
    assert undo(service, twice).status_code == 200
    problem(service.client.get(twice.headers["location"]), 404)


def test_an_undo_keeps_the_rules_of_what_it_takes_back(service: Crm) -> None:
    stages = [
        {"key": "idea", "name": "Idea", "kind": "open"},
        {"key": "order", "name": "Order", "kind": "won"},
        {"key": "refused", "name": "Refused", "kind": "lost"},
    ]
    key = fresh("pipe")
    created = service.client.post("/v1/pipelines", json={"key": key, "name": "x", "stages": stages})
    path = created.headers["location"]
    more = [{"key": "offer", "name": "Offer", "kind": "open"}, *stages]
    changed = service.patch(path, {"stages": more}, version=1)
    deal = make(service, "deals", pipeline_id=key, stage="offer")
    found = problem(undo(service, changed), 409, "stage_held")
    assert found["existing_id"] == deal["id"]
    moved = service.patch(f"/v1/deals/{deal['id']}", {"stage": "idea"}, version=1)
    assert undo(service, changed).status_code == 200
    problem(undo(service, moved), 409, "stage_gone")
    problem(undo(service, created), 409, "pipeline_used")
    thrown = service.client.delete(f"/v1/deals/{deal['id']}", headers={"If-Match": "*"})
    gone = service.client.delete(path, headers={"If-Match": "*"})
    problem(undo(service, thrown), 409, "stage_gone")
    problem(service.client.post(f"/v1/deals/{deal['id']}/restore"), 409, "stage_gone")
    twin = service.create("pipelines", key=key, name="y", stages=stages)
    found = problem(undo(service, gone), 409, "key_taken")
    assert found["existing_id"] == twin["id"]
    problem(service.client.post(f"{path}/restore"), 409, "key_taken")


def test_no_way_back_points_to_what_was_thrown_away_or_erased(service: Crm) -> None:
    firm = make(service, "contacts", kind="organisation", name="x")["id"]
    friend = make(service, "contacts")["id"]
    left = []
    for field, named in (("parent_id", firm), ("referred_by_id", friend)):
        path = f"/contacts/{make(service, 'contacts', **{field: named})['id']}"
        left.append((path, field, named, service.patch(f"/v1{path}", {field: None}, version=1)))
    service.client.delete(f"/v1/contacts/{firm}", headers={"If-Match": "*"}).raise_for_status()
    service.client.post(f"/v1/contacts/{friend}/erasure", json={}).raise_for_status()
    for path, field, named, answer in left:
        problem(service.patch(f"/v1{path}", {field: named}, version="*"), 422, "contact_missing")
        found = problem(undo(service, answer), 409, "reference_gone")
        assert found["errors"][0]["pointer"] == f"{path}/{field}"
        assert named in found["errors"][0]["message"]
        assert read(service, f"/v1{path}")[field] is None
    service.client.post(f"/v1/contacts/{firm}/restore").raise_for_status()
    assert undo(service, left[0][-1]).status_code == 200


def test_a_member_does_not_come_back_without_its_contact(service: Crm) -> None:
    contact = make(service, "contacts")["id"]
    campaign = service.create("campaigns", name="x")["id"]
    member = service.create("campaign-members", campaign_id=campaign, contact_id=contact)["id"]
    path = f"/campaign-members/{member}"
    left = service.client.delete(f"/v1{path}", headers={"If-Match": "*"})
    service.client.delete(f"/v1/contacts/{contact}", headers={"If-Match": "*"}).raise_for_status()
    found = problem(undo(service, left), 409, "reference_gone")
    assert found["errors"][0]["pointer"] == f"{path}/contact_id"
    assert contact in found["errors"][0]["message"]


def test_what_a_request_threw_away_comes_back_with_what_pointed_to_it(service: Crm) -> None:
    firm = make(service, "contacts", kind="organisation", name="x")["id"]
    person = make(service, "contacts", parent_id=firm)
    items = [
        {"action": "delete", "id": firm},
        {"action": "update", "id": person["id"], "data": {"parent_id": None}},
    ]
    answer = service.client.post("/v1/contacts/batch", json={"items": items})
    assert [item["status"] for item in answer.json()["items"]] == [204, 200]
    assert undo(service, answer).status_code == 200
    assert content(read(service, f"/v1/contacts/{person['id']}")) == content(person)
    assert read(service, f"/v1/contacts/{firm}")["version"] == 3


def test_what_cannot_be_undone_is_told_so(service: Crm, pair: tuple[str, str]) -> None:
    merge(service, *pair)
    split = service.client.post(f"/v1/contacts/{pair[1]}/unmerge")
    found = problem(undo(service, split), 422, "not_undoable")
    assert "again" in found["detail"]
    assert found["errors"][0]["pointer"] == "/body/request_id"
    consent = service.client.post(
        f"/v1/contacts/{pair[0]}/consents", json={"channel": "post", "action": "withdrawn"}
    )
    problem(undo(service, consent), 422, "not_undoable")
    answer = service.client.post("/v1/changes/undo", json={"request_id": fresh("nothing")})
    problem(answer, 404)
    segment = service.create("segments", name="x", kind="static")["id"]
    contact = make(service, "contacts")["id"]
    joined = service.client.post(f"/v1/segments/{segment}/members", json={"add": [contact]})
    assert "/v1/segments/{id}/members" in problem(undo(service, joined), 404)["detail"]
    made = service.client.post("/v1/contacts", json={"kind": "person", "name": "x"})
    with service.client_with("changes:undo") as client:
        body = {"request_id": made.headers["x-request-id"]}
        problem(client.post("/v1/changes/undo", json=body), 403)


# The life of a complaint, and of a task


def test_a_reminder_despite_an_open_complaint_is_confirmed(service: Crm) -> None:
    firm = make(service, "contacts", kind="organisation", name="x")["id"]
    person = make(service, "contacts", parent_id=firm)["id"]
    complaint = make(service, "interactions", contact_id=person, kind="complaint", severity=1)
    body = {"contact_id": firm, "kind": "payment_reminder", "occurred_at": "2025-03-01T00:00:00Z"}
    found = problem(service.client.post("/v1/interactions", json=body), 409, "open_complaint")
    assert found["existing_id"] == complaint["id"]
    confirmed = {**body, "despite_open_complaint": True}
    assert service.client.post("/v1/interactions", json=confirmed).status_code == 201
    path = f"/v1/interactions/{complaint['id']}"
    assert service.patch(path, {"status": "rejected"}, version=1).status_code == 200
    assert service.client.post("/v1/interactions", json=body).status_code == 201


def test_a_complaint_lives_from_open_to_settled_and_back(service: Crm) -> None:
    made = make(service, "interactions", kind="complaint", severity=2)
    assert made["status"] == "open"
    path = f"/v1/interactions/{made['id']}"
    service.patch(path, {"status": "acknowledged"}, version=1)
    settled = service.patch(path, {"resolution": "fixed"}, version=2).json()
    assert (settled["status"], settled["resolved_at"] is None) == ("resolved", False)
    problem(service.patch(path, {"status": "acknowledged"}, version=3), 422, "status_impossible")
    again = service.patch(path, {"status": "reopened"}, version=3).json()
    assert (again["resolved_at"], again["resolution"]) == (None, None)
    ended = service.patch(path, {"status": "rejected"}, version=4).json()
    assert ended["resolution"] == "rejected"
    assert [entry["status"] for entry in ended["status_history"]] == [
        *("open", "acknowledged", "resolved", "reopened", "rejected")
    ]
    call = make(service, "interactions")
    answer = service.patch(f"/v1/interactions/{call['id']}", {"status": "open"}, version=1)
    problem(answer, 422, "field_of_other_kind")


def test_a_task_is_planned_until_it_is_done(service: Crm) -> None:
    contact = make(service, "contacts")["id"]
    body = {"contact_id": contact, "kind": "call", "due_at": "2035-01-01T10:00:00Z"}
    task = service.client.post("/v1/interactions", json=body).json()
    assert (task["is_planned"], task["occurred_at"]) == (True, "2035-01-01T10:00:00.000000Z")
    assert all_pages(service.client, f"/v1/interactions?contact_id={contact}&is_planned=true") == [
        task
    ]
    path = f"/v1/interactions/{task['id']}"
    moved = service.patch(path, {"due_at": "2036-01-01T10:00:00Z"}, version=1).json()
    assert moved["occurred_at"] == "2036-01-01T10:00:00.000000Z"
    done = service.patch(path, {"done_at": "2025-05-01T10:00:00Z"}, version=2).json()
    assert (done["is_planned"], done["occurred_at"]) == (False, "2025-05-01T10:00:00.000000Z")
    again = service.patch(path, {"done_at": None}, version=3).json()
    assert (again["is_planned"], again["occurred_at"]) == (True, "2036-01-01T10:00:00.000000Z")
    problem(service.patch(path, {"due_at": None}, version=4), 422, "instant_missing")
    answer = service.client.post("/v1/interactions", json={"contact_id": contact, "kind": "call"})
    problem(answer, 422, "instant_missing")
    both = {**body, "occurred_at": "2025-01-01T00:00:00Z"}
    problem(service.client.post("/v1/interactions", json=both), 422, "planned_and_past")


def test_a_merge_with_who_was_recommended_is_taken_back(service: Crm) -> None:
    """The survivor was recommended by the duplicate: that is told again after the un-merge."""
    duplicate = make(service, "contacts")
    survivor = make(service, "contacts", referred_by_id=duplicate["id"])
    merged = merge(service, survivor["id"], duplicate["id"]).json()
    assert merged["survivor"]["referred_by_id"] is None
    service.client.post(f"/v1/contacts/{duplicate['id']}/unmerge").raise_for_status()
    assert content(read(service, f"/v1/contacts/{survivor['id']}")) == content(survivor)


def test_an_upsert_that_names_a_merged_contact_means_the_survivor(service: Crm) -> None:
    survivor, duplicate = make(service, "contacts"), make(service, "contacts")
    path = f"/v1/deals/by-external-id/shop/{fresh()}"
    body = {"contact_id": duplicate["id"], "title": "Table"}
    made = service.client.put(path, json=body).json()
    assert merge(service, survivor["id"], duplicate["id"]).status_code == 200
    again = service.client.put(path, json={**body, "title": "Chairs"})
    assert again.status_code == 200, again.text
    assert (again.json()["id"], again.json()["contact_id"]) == (made["id"], survivor["id"])
    stranger = make(service, "contacts")["id"]
    problem(service.client.put(path, json={"contact_id": stranger}), 422, "fixed_at_creation")


def test_two_merges_are_taken_back_in_any_order(service: Crm) -> None:
    """Lists and references lose what each merge brought, and keep what others did."""
    made = [
        make(
            service, "contacts", tags=[word], external_refs=[{"source": "shop", "id": fresh(word)}]
        )
        for word in ("x", "y", "z")
    ]
    x, y, z = (contact["id"] for contact in made)
    for duplicate in (y, z):
        merge(service, x, duplicate).raise_for_status()
    assert read(service, f"/v1/contacts/{x}")["tags"] == ["x", "y", "z"]
    for duplicate in (y, z):
        service.client.post(f"/v1/contacts/{duplicate}/unmerge").raise_for_status()
    for contact in made:
        assert content(read(service, f"/v1/contacts/{contact['id']}")) == content(contact)


def test_an_unmerge_takes_away_custom_values_one_by_one(service: Crm) -> None:
    keys = [fresh("field").replace("-", "_") for _ in range(2)]
    for key in keys:
        body = {
            "applies_to": "contacts",
            "key": key,
            "type": "integer",
            "label_en": "A",
            "label_de": "A",
        }
        service.client.post("/v1/custom-fields", json=body).raise_for_status()
    survivor = make(service, "contacts", custom={keys[0]: 1})["id"]
    duplicate = make(service, "contacts", custom={keys[1]: 2})["id"]
    merge(service, survivor, duplicate).raise_for_status()
    path = f"/v1/contacts/{survivor}"
    assert read(service, path)["custom"] == {keys[0]: 1, keys[1]: 2}
    service.patch(path, {"custom": {keys[0]: 9}}, version="*").raise_for_status()
    service.client.post(f"/v1/contacts/{duplicate}/unmerge").raise_for_status()
    assert read(service, path)["custom"] == {keys[0]: 9}


def test_one_id_for_several_requests_makes_them_not_one(service: Crm) -> None:
    """A gateway may name a whole trace; undo and unmerge still mean one request."""
    survivor, first, second = (make(service, "contacts")["id"] for _ in range(3))
    ones = [
        make(service, "interactions", contact_id=each)["id"] for each in (survivor, first, second)
    ]
    service.client.headers["X-Request-Id"] = "trace-1"
    try:
        for interaction in ones:
            answer = service.patch(f"/v1/interactions/{interaction}", {"subject": "x"}, version="*")
        for duplicate in (first, second):
            merge(service, survivor, duplicate).raise_for_status()
        back = service.client.post(f"/v1/contacts/{first}/unmerge").json()
        assert back["moved"]["interactions"] == 1
        problem(undo(service, answer), 409, "touched_later")
    finally:
        del service.client.headers["X-Request-Id"]


def test_a_creation_that_others_rest_on_by_now_is_not_undone(service: Crm) -> None:
    created = service.client.post(
        "/v1/contacts",
        json={"kind": "person", "family_name": fresh("Name"), "allow_duplicate": True},
    )
    contact = created.json()["id"]
    call = make(service, "interactions", contact_id=contact)
    assert problem(undo(service, created), 409, "in_use")["existing_id"] == call["id"]
    assert service.client.get(f"/v1/contacts/{contact}").status_code == 200
    service.client.delete(f"/v1/interactions/{call['id']}", headers={"If-Match": "*"})
    assert undo(service, created).status_code == 200


def test_the_answers_of_merging_carry_the_etag_for_the_next_change(
    service: Crm, pair: tuple[str, str]
) -> None:
    survivor, duplicate = pair

    def change(id: str, tag: str) -> int:
        headers = {"If-Match": tag, "Content-Type": "application/merge-patch+json"}
        path = f"/v1/contacts/{id}"
        return service.client.patch(path, json={"city": "Kiel"}, headers=headers).status_code

    before = service.client.get(f"/v1/contacts/{survivor}").headers["etag"]
    assert merge(service, survivor, duplicate, dry_run=True).headers["etag"] == before
    merged = merge(service, survivor, duplicate)
    assert change(survivor, merged.headers["etag"]) == 200
    unmerged = service.client.post(f"/v1/contacts/{duplicate}/unmerge")
    assert change(duplicate, unmerged.headers["etag"]) == 200
