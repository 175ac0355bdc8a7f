"""The id of a contact that was merged: it means the one that it is part of now, wherever it is used."""

from typing import Any

import pytest

from tests.conftest import Crm
from tests.crm_api.bodies import fresh, make, merge, problem


@pytest.fixture
def merged(service: Crm) -> tuple[str, str]:
    """A survivor and the old id of a contact that is part of it over two merges."""
    survivor, between, old = (
        make(service, "contacts", kind="organisation", name=fresh("Weber"))["id"] for _ in range(3)
    )
    merge(service, between, old).raise_for_status()
    merge(service, survivor, between).raise_for_status()
    return survivor, old


def read(crm: Crm, path: str) -> Any:
    answer = crm.client.get(f"/v1{path}")
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_what_is_read_of_the_old_id_is_the_survivors(service: Crm, merged: tuple[str, str]) -> None:
    survivor, old = merged
    twin = read(service, f"/contacts/{survivor}")["name"]
    make(service, "contacts", kind="organisation", name=twin)
    make(service, "interactions", contact_id=survivor)
    for _ in range(2):
        service.client.post(
            f"/v1/contacts/{survivor}/consents", json={"channel": "post", "action": "granted"}
        ).raise_for_status()
    for part in ("card", "timeline", "duplicates", "consents"):
        shown = read(service, f"/contacts/{old}/{part}")
        assert shown == read(service, f"/contacts/{survivor}/{part}")
        assert part == "card" or shown["items"]
    for part in ("consents", "timeline"):
        first = read(service, f"/contacts/{old}/{part}?limit=1")
        more = service.client.get(first["next"]).json()["items"]
        assert (
            first["items"] + more == read(service, f"/contacts/{survivor}/{part}?limit=2")["items"]
        )
    unknown = "01977b3a-5c00-7000-8000-000000000001"
    for part in ("card", "timeline", "duplicates", "consents"):
        problem(service.client.get(f"/v1/contacts/{unknown}/{part}"), 404)


def test_lists_of_the_old_id_are_the_survivors(service: Crm, merged: tuple[str, str]) -> None:
    survivor, old = merged
    campaign = service.create("campaigns", name="x")["id"]
    service.create("campaign-members", campaign_id=campaign, contact_id=survivor)
    for _ in range(2):
        make(service, "interactions", contact_id=survivor)
        make(service, "deals", contact_id=survivor)
    person = make(service, "contacts", parent_id=survivor, referred_by_id=survivor)["id"]
    make(service, "deals", contact_id=person)
    other = make(service, "deals")["contact_id"]
    for plural, name in (
        ("interactions", "contact_id"),
        ("deals", "contact_id"),
        ("campaign-members", "contact_id"),
        ("contacts", "parent_id"),
        ("contacts", "referred_by_id"),
        ("deals", "contact.parent_id"),
    ):
        shown = read(service, f"/{plural}?{name}={old}&count=true")
        assert shown["items"], plural
        assert shown == read(service, f"/{plural}?{name}={survivor}&count=true")
    both = read(service, f"/deals?contact_id={other}&contact_id={old}")["items"]
    assert {each["contact_id"] for each in both} == {other, survivor}
    first = read(service, f"/deals?contact_id={old}&limit=1")
    assert len(service.client.get(first["next"]).json()["items"]) == 1
    grouped = read(service, f"/deals/aggregate?contact_id={old}&group_by=stage")
    assert grouped == read(service, f"/deals/aggregate?contact_id={survivor}&group_by=stage")
    assert grouped["items"][0]["count"] == 2
    exported = service.client.get(f"/v1/exports/deals?contact_id={old}").text
    assert len(exported.splitlines()) == 2


def test_who_points_to_the_old_id_points_to_the_survivor(
    service: Crm, merged: tuple[str, str]
) -> None:
    survivor, old = merged
    person = make(service, "contacts", parent_id=old, referred_by_id=old)
    assert (person["parent_id"], person["referred_by_id"]) == (survivor, survivor)
    free = f"/v1/contacts/{make(service, 'contacts')['id']}"
    changed = service.patch(free, {"parent_id": old, "referred_by_id": old}, version=1).json()
    assert (changed["parent_id"], changed["referred_by_id"]) == (survivor, survivor)
    again = service.patch(free, {"parent_id": old}, version="*").json()
    assert again["version"] == changed["version"]
    itself = service.patch(f"/v1/contacts/{survivor}", {"referred_by_id": old}, version="*")
    problem(itself, 422, "referred_by_itself")
    campaign = service.create("campaigns", name="x")["id"]
    member = service.create("campaign-members", campaign_id=campaign, contact_id=old)
    assert member["contact_id"] == survivor
    body = {"campaign_id": campaign, "contact_id": old}
    problem(service.client.post("/v1/campaign-members", json=body), 409, "member_already")
    segment = service.create("segments", name="x", kind="static")["id"]
    path = f"/v1/segments/{segment}/members"
    added = service.client.post(path, json={"add": [old, survivor]})
    assert added.json() == {"added_count": 1, "removed_count": 0}
    shown = read(service, f"/contacts?segment_id={segment}")["items"]
    assert [each["id"] for each in shown] == [survivor]
    removed = service.client.post(path, json={"remove": [old]})
    assert removed.json() == {"added_count": 0, "removed_count": 1}


def test_a_change_of_the_old_id_names_the_survivor(service: Crm, merged: tuple[str, str]) -> None:
    survivor, old = merged
    path = f"/v1/contacts/{old}"
    consent = {"channel": "post", "action": "granted"}
    other = make(service, "contacts", kind="organisation", name="x")["id"]
    for answer in (
        service.patch(path, {"city": "Kiel"}, version="*"),
        service.client.delete(path, headers={"If-Match": "*"}),
        service.client.post(f"{path}/consents", json=consent),
        service.client.post(f"{path}/restore"),
        merge(service, old, other),
        merge(service, other, old),
    ):
        found = problem(answer, 409, "merged_away")
        assert found["existing_id"] == survivor
        assert survivor in found["detail"]
    items = [{"action": "update", "id": old, "data": {"city": "Kiel"}}]
    batch = service.client.post("/v1/contacts/batch", json={"items": items}).json()["items"]
    assert batch[0]["problem"]["code"] == "merged_away"
    service.client.delete(f"/v1/contacts/{survivor}", headers={"If-Match": "*"}).raise_for_status()
    problem(service.client.post(f"{path}/restore"), 409, "merged_away")
