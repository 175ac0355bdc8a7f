"""Consents: events that add up to what a contact allows."""

from typing import Any

import pytest

from tests.conftest import Crm
from tests.crm_api.bodies import all_pages, make, merge, problem


@pytest.fixture
def contact(service: Crm) -> str:
    return str(make(service, "contacts")["id"])


def say(crm: Crm, contact: str, action: str, **fields: Any) -> Any:
    body = {"channel": "email", "action": action, **fields}
    return crm.client.post(f"/v1/contacts/{contact}/consents", json=body)


def state(crm: Crm, contact: str) -> list[tuple[str, str]]:
    consents = crm.client.get(f"/v1/contacts/{contact}").json()["consents"]
    return [(each["channel"], each["state"]) for each in consents]


def test_a_consent_to_email_counts_once_it_is_confirmed(service: Crm, contact: str) -> None:
    problem(say(service, contact, "confirmed"), 422, "nothing_to_confirm")
    assert state(service, contact) == []
    answer = say(service, contact, "granted", text_version="v1", source="form")
    assert answer.status_code == 201
    assert answer.json()["consents"][0]["state"] == "pending"
    assert state(service, contact) == [("email", "pending")]
    say(service, contact, "confirmed")
    assert state(service, contact) == [("email", "granted")]
    say(service, contact, "granted", channel="phone")
    assert state(service, contact) == [("email", "granted"), ("phone", "granted")]


def test_who_refused_is_asked_again_by_consent_only(service: Crm, contact: str) -> None:
    say(service, contact, "granted", basis="existing_customer")
    assert state(service, contact) == [("email", "granted")]
    say(service, contact, "objected")
    assert state(service, contact) == [("email", "objected")]
    answer = say(service, contact, "granted", basis="legitimate_interest")
    problem(answer, 422, "consent_needed")
    say(service, contact, "granted")
    assert state(service, contact) == [("email", "pending")]


def test_events_that_come_late_take_their_place_in_time(service: Crm, contact: str) -> None:
    say(service, contact, "withdrawn", occurred_at="2025-03-01T00:00:00Z")
    say(service, contact, "granted", channel="post", occurred_at="2025-02-01T00:00:00Z")
    say(service, contact, "granted", occurred_at="2025-01-01T00:00:00Z")
    assert state(service, contact) == [("email", "withdrawn"), ("post", "granted")]
    path = f"/v1/contacts/{contact}/consents?limit=1"
    listed = all_pages(service.client, path)
    assert [event["occurred_at"][:7] for event in listed] == ["2025-03", "2025-02", "2025-01"]
    assert all_pages(service.client, f"{path}&channel=post") == [listed[1]]


def test_a_consent_is_a_change_of_the_contact_and_takes_no_second_time(
    service: Crm, contact: str
) -> None:
    headers = {"Idempotency-Key": f"consent-{contact}"}
    body = {"channel": "post", "action": "granted"}
    first = service.client.post(f"/v1/contacts/{contact}/consents", json=body, headers=headers)
    again = service.client.post(f"/v1/contacts/{contact}/consents", json=body, headers=headers)
    assert first.json() == again.json()
    assert service.client.get(f"/v1/contacts/{contact}").json()["version"] == 2
    assert len(all_pages(service.client, f"/v1/contacts/{contact}/consents")) == 1


def test_a_consent_of_tomorrow_is_refused(service: Crm, contact: str) -> None:
    problem(
        say(service, contact, "granted", occurred_at="2095-01-01T00:00:00Z"), 422, "in_the_future"
    )


@pytest.mark.parametrize("basis", ["legitimate_interest", "presumed_b2b"])
@pytest.mark.parametrize("purpose", ["marketing", "survey"])
def test_an_email_is_allowed_by_a_consent_or_a_purchase_only(
    service: Crm, contact: str, basis: str, purpose: str
) -> None:
    refused = problem(
        say(service, contact, "granted", basis=basis, purpose=purpose), 422, "email_needs_consent"
    )
    assert refused["errors"][0]["pointer"] == "/body/basis"
    assert basis in refused["detail"]
    assert state(service, contact) == []
    say(service, contact, "granted", basis=basis, purpose=purpose, channel="phone")
    say(service, contact, "granted", basis="existing_customer", purpose=purpose)
    assert state(service, contact) == [("email", "granted"), ("phone", "granted")]


@pytest.mark.parametrize("refusal", ["withdrawn", "objected"])
def test_a_refusal_wins_over_a_permission_of_the_same_instant(
    service: Crm, contact: str, refusal: str
) -> None:
    at = "2025-03-01T00:00:00Z"
    for action in (refusal, "granted"):
        say(service, contact, action, channel="phone", occurred_at=at).raise_for_status()
    assert state(service, contact) == [("phone", refusal)]
    other = str(make(service, "contacts")["id"])
    say(service, other, "granted", channel="phone", occurred_at=at).raise_for_status()
    merge(service, contact, other).raise_for_status()
    assert state(service, contact) == [("phone", refusal)]
    service.client.post(f"/v1/contacts/{other}/unmerge").raise_for_status()
    merge(service, other, contact).raise_for_status()
    assert state(service, other) == [("phone", refusal)]


@pytest.mark.parametrize("basis", ["consent", "existing_customer"])
def test_what_was_confirmed_for_one_address_lets_no_mail_into_another(
    service: Crm, basis: str
) -> None:
    one, two = (str(make(service, "contacts", email=f"{at}@example.org")["id"]) for at in "ab")
    empty = str(make(service, "contacts")["id"])
    say(service, two, "granted", basis=basis).raise_for_status()
    if basis == "consent":
        say(service, two, "confirmed").raise_for_status()
    merge(service, one, two).raise_for_status()
    assert state(service, one) == ([("email", "pending")] if basis == "consent" else [])
    say(service, one, "granted").raise_for_status()
    say(service, one, "confirmed").raise_for_status()
    assert state(service, one) == [("email", "granted")]
    service.client.post(f"/v1/contacts/{two}/unmerge").raise_for_status()
    assert state(service, two) == [("email", "granted")]
    for survivor, take in (
        (empty, []),
        (str(make(service, "contacts", email="c@example.org")["id"]), ["email"]),
    ):
        merge(service, survivor, two, take=take).raise_for_status()
        assert state(service, survivor) == [("email", "granted")]
        service.client.post(f"/v1/contacts/{two}/unmerge").raise_for_status()
        assert (state(service, survivor), state(service, two)) == ([], [("email", "granted")])


def test_a_confirmation_follows_its_address_when_a_merge_is_taken_back(service: Crm) -> None:
    one = str(make(service, "contacts")["id"])
    two, three = (str(make(service, "contacts", email=f"{at}@example.org")["id"]) for at in "bc")
    for action in ("granted", "confirmed"):
        say(service, three, action).raise_for_status()
    for duplicate in (two, three):
        merge(service, one, duplicate).raise_for_status()
    assert state(service, one) == [("email", "pending")]
    service.client.post(f"/v1/contacts/{two}/unmerge").raise_for_status()
    assert service.client.get(f"/v1/contacts/{one}").json()["email"] == "c@example.org"
    assert state(service, one) == [("email", "granted")]
    service.client.post(f"/v1/contacts/{three}/unmerge").raise_for_status()
    assert (state(service, one), state(service, three)) == ([], [("email", "granted")])
