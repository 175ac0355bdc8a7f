"""Taking merges back in any order: what remains is what the merges that stand make of it."""

from itertools import permutations
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.conftest import Crm
from tests.crm_api.bodies import make, merge

_NOT_CONTENT = ("id", "version", "created_at", "updated_at")
PHONE, OTHER_PHONE = "030 5550001", "030 5550002"


def content(crm: Crm, contact: str) -> dict[str, Any]:
    answer = crm.client.get(f"/v1/contacts/{contact}")
    assert answer.status_code == 200, answer.text
    return {name: value for name, value in answer.json().items() if name not in _NOT_CONTENT}


def unmerge(crm: Crm, contact: str) -> dict[str, Any]:
    answer = crm.client.post(f"/v1/contacts/{contact}/unmerge")
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def test_what_the_merge_that_stands_brings_as_well_stays(service: Crm) -> None:
    one = make(service, "contacts")["id"]
    two = make(service, "contacts", phone=PHONE, tags=["t1", "t2"])["id"]
    three = make(service, "contacts", phone=PHONE, tags=["t2", "t3"])["id"]
    alone = content(service, one)
    for duplicate in (two, three):
        merge(service, one, duplicate).raise_for_status()
    back = unmerge(service, two)
    assert back["kept"] == []
    left = back["survivor"]
    assert (left["phone"], left["phone_e164"]) == (PHONE, "+49305550001")
    assert (left["tags"], left["other_phones"]) == (["t2", "t3"], [])
    unmerge(service, three)
    assert content(service, one) == alone


def test_what_was_changed_by_hand_since_stays_as_it_is(service: Crm) -> None:
    one = make(service, "contacts")["id"]
    two = make(service, "contacts", phone=PHONE, city="Kiel", tags=["t1", "t2"])["id"]
    three = make(service, "contacts", phone=PHONE, city="Bonn", tags=["t2", "t3"])["id"]
    for duplicate in (two, three):
        merge(service, one, duplicate).raise_for_status()
    changed = {"phone": None, "tags": ["t1", "t3", "mine"]}
    service.patch(f"/v1/contacts/{one}", changed, version="*").raise_for_status()
    back = unmerge(service, two)
    assert back["kept"] == ["phone"]
    left = back["survivor"]
    assert (left["phone"], left["city"]) == (None, "Bonn")
    assert left["tags"] == ["mine", "t3"]


def test_what_was_taken_twice_is_still_taken_by_the_merge_that_stands(service: Crm) -> None:
    cost = {"amount": "10.00", "currency": "EUR"}
    one = make(service, "contacts", city="Ulm")["id"]
    two, three = (
        make(service, "contacts", status="blocked", city="Kiel", acquisition_cost=cost)["id"]
        for _ in range(2)
    )
    alone = content(service, one)
    for duplicate in (two, three):
        merge(service, one, duplicate, take=["status", "city"]).raise_for_status()
    left = unmerge(service, two)["survivor"]
    assert (left["status"], left["city"], left["acquisition_cost"]) == ("blocked", "Kiel", cost)
    unmerge(service, three)
    assert content(service, one) == alone


def test_memberships_that_both_had_stay_with_the_survivor(service: Crm) -> None:
    one, two, three = (make(service, "contacts")["id"] for _ in range(3))
    campaign = service.create("campaigns", name="Spring")["id"]
    segment = service.create("segments", name="x", kind="static")["id"]
    path = f"/v1/segments/{segment}/members"
    service.client.post(path, json={"add": [two, three]}).raise_for_status()
    for contact in (two, three):
        service.create("campaign-members", campaign_id=campaign, contact_id=contact)

    def joined(contact: str) -> tuple[int, int]:
        members = service.client.get(f"/v1/campaign-members?contact_id={contact}").json()
        here = service.client.get(f"/v1/contacts?segment_id={segment}").json()
        return len(members["items"]), sum(each["id"] == contact for each in here["items"])

    for duplicate in (two, three):
        merge(service, one, duplicate).raise_for_status()
    unmerge(service, two)
    assert [joined(each) for each in (one, two)] == [(1, 1), (1, 1)]
    unmerge(service, three)
    assert [joined(each) for each in (one, two, three)] == [(0, 0), (1, 1), (1, 1)]


_contacts = st.fixed_dictionaries(
    {},
    optional={
        "phone": st.sampled_from([PHONE, OTHER_PHONE]),
        "email": st.sampled_from(["x@example.org", "y@example.org"]),
        "city": st.sampled_from(["Kiel", "Bonn"]),
        "status": st.sampled_from(["active", "blocked", "terminated"]),
        "acquisition_cost": st.sampled_from(
            [{"amount": "1.00", "currency": "EUR"}, {"amount": "1.00", "currency": "USD"}]
        ),
        "tags": st.lists(st.sampled_from(["t1", "t2", "t3"]), unique=True),
        "other_phones": st.lists(
            st.sampled_from([PHONE, OTHER_PHONE]).map(lambda phone: {"phone": phone}), max_size=1
        ),
    },
)
_takes = st.lists(
    st.sampled_from(["phone", "email", "city", "status", "acquisition_cost"]), unique=True
)


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.tuples(_contacts, _contacts, _contacts), st.tuples(_takes, _takes))
@pytest.mark.parametrize("order", list(permutations((0, 1))))
def test_two_merges_taken_back_in_any_order_leave_nothing_of_themselves(
    service: Crm,
    order: tuple[int, int],
    three: tuple[dict[str, Any], ...],
    takes: tuple[list[str], list[str]],
) -> None:
    ids = [make(service, "contacts", **fields)["id"] for fields in three]
    alone = [content(service, contact) for contact in ids]
    one, *duplicates = ids

    first, second = order
    other = make(service, "contacts", **three[0])["id"]
    merge(service, other, duplicates[second], take=takes[second]).raise_for_status()
    expected = content(service, other)
    unmerge(service, duplicates[second])

    for duplicate, take in zip(duplicates, takes, strict=True):
        merge(service, one, duplicate, take=take).raise_for_status()
    assert unmerge(service, duplicates[first])["kept"] == []
    assert content(service, one) == expected
    assert unmerge(service, duplicates[second])["kept"] == []
    assert [content(service, contact) for contact in ids] == alone
