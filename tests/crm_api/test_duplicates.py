"""Duplicates: measured on data that nobody here wrote, and refused where they come in."""

import csv
import itertools
import json
import random
from collections import defaultdict
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.crm_api.duplicates.matching import (
    LARGEST_BLOCK,
    THRESHOLD,
    blocking_keys,
    candidate_pairs,
    compare,
)
from services.crm_api.duplicates.schemas import CODES
from tests.conftest import DATA, Crm
from tests.crm_api.bodies import all_pages, fresh, make, problem
from tests.crm_api.test_imports import imported

Contacts = tuple[list[dict[str, Any]], dict[str, str]]
needs_data = pytest.mark.skipif(not DATA.exists(), reason="the shared data sets are not here")


def rows_of(name: str) -> list[dict[str, str]]:
    with (DATA / "contacts" / name).open() as file:
        return list(csv.DictReader(file, skipinitialspace=True))


def febrl(number: int) -> Contacts:
    rows = rows_of(f"febrl/dataset{number}.csv")
    contacts = [
        {
            "id": row["rec_id"],
            "given_name": row["given_name"],
            "family_name": row["surname"],
            "street": f"{row['street_number']} {row['address_1']}".strip(),
            "zip": row["postcode"],
            "city": row["suburb"],
            "birth_date": "{}-{}-{}".format(
                row["date_of_birth"][:4], row["date_of_birth"][4:6], row["date_of_birth"][6:]
            )
            if row["date_of_birth"]
            else None,
        }
        for row in rows
    ]
    return contacts, {row["rec_id"]: row["rec_id"].split("-")[1] for row in rows}


def fake() -> Contacts:
    rows = rows_of("splink/fake_1000.csv")
    contacts = [
        {
            "id": row["unique_id"],
            "given_name": row["first_name"],
            "family_name": row["surname"],
            "birth_date": row["dob"],
            "city": row["city"],
            "email": row["email"],
        }
        for row in rows
    ]
    return contacts, {row["unique_id"]: row["cluster"] for row in rows}


def atomic() -> Contacts:
    contacts = []
    for row in rows_of("atomic_crm/contacts.csv"):
        emails = [row[name] for name in ("email_work", "email_home", "email_other") if row[name]]
        phones = [row[name] for name in ("phone_work", "phone_home", "phone_other") if row[name]]
        contacts.append(
            {
                "id": row["id"],
                "given_name": row["first_name"],
                "family_name": row["last_name"],
                "email": next(iter(emails), None),
                "other_emails": [{"email": email} for email in emails[1:]],
                "phone": next(iter(phones), None),
                "other_phones": [{"phone": phone} for phone in phones[1:]],
            }
        )
    return contacts, {str(contact["id"]): str(contact["id"]) for contact in contacts}


def measure(contacts: list[dict[str, Any]], truth: Mapping[str, str]) -> tuple[int, float]:
    """Return the number of false proposals, and F1 over pairs."""
    groups = defaultdict(list)
    for contact, group in truth.items():
        groups[group].append(contact)
    true = {
        tuple(sorted(pair))
        for group in groups.values()
        for pair in itertools.combinations(group, 2)
    }
    found = {tuple(sorted(pair[:2])) for pair in candidate_pairs(contacts)}
    right = len(found & true)
    print(f"pairs {len(true)}, proposed {len(found)}, right {right}")
    return len(found - true), 2 * right / max(len(found) + len(true), 1)


@needs_data
@pytest.mark.parametrize(
    ("contacts", "least"),
    [(febrl(1), 0.95), (febrl(3), 0.95), (fake(), 0.75)] if DATA.exists() else [],
)
def test_most_duplicates_are_found_and_few_are_invented(contacts: Contacts, least: float) -> None:
    assert measure(*contacts)[1] >= least


@needs_data
def test_where_there_are_no_duplicates_none_are_proposed() -> None:
    assert measure(*atomic())[0] <= 2


ANNA = {
    "given_name": "Anna",
    "family_name": "Müller",
    "email": "anna.mueller@example.org",
    "phone": "030 901820",
    "phone_e164": "+4930901820",
    "street": "Lindenstraße 7",
    "zip": "10969",
    "city": "Berlin",
    "birth_date": "1980-02-29",
}


@pytest.mark.parametrize(
    ("other", "is_one"),
    [
        ({**ANNA}, True),
        ({**ANNA, "family_name": "Mueller", "email": "ANNA.MUELLER+shop@example.org"}, True),
        ({**ANNA, "family_name": "Muler", "phone_e164": None, "phone": None}, True),
        ({"given_name": "Müller", "family_name": "Anna", "email": ANNA["email"]}, True),
        ({"email": ANNA["email"]}, True),
        ({**ANNA, "given_name": "Peter", "birth_date": "1978-05-05"}, False),
        ({"given_name": "Anna", "family_name": "Müller"}, False),
        ({"given_name": "Anna", "family_name": "Müller", "city": "Berlin"}, False),
        ({**ANNA, "kind": "organisation", "name": "Anna Müller"}, False),
    ],
)
def test_a_new_contact_is_refused_only_over_what_identifies_it(
    other: dict[str, Any], is_one: bool
) -> None:
    match = compare(ANNA, other)
    assert (match is not None and match.is_certain) == is_one
    if is_one:
        assert set(blocking_keys(ANNA)) & set(blocking_keys(other))


def test_legal_forms_and_the_order_of_words_make_no_other_organisation() -> None:
    one = {"kind": "organisation", "name": "Weber Möbel GmbH & Co. KG", "city": "Kiel"}
    other = {"kind": "organisation", "name": "Moebel Weber", "city": "Kiel"}
    match = compare(one, other)
    assert match is not None
    assert match.is_certain
    assert compare(one, {**other, "name": "Bäckerei Schmidt"}) is None or not is_likely(one, other)


def is_likely(one: dict[str, Any], other: dict[str, Any]) -> bool:
    match = compare(one, {**other, "name": "Bäckerei Schmidt"})
    return match is not None and match.score > 0.5


texts = st.one_of(st.none(), st.text(max_size=12))
people = st.fixed_dictionaries(
    {
        "given_name": texts,
        "family_name": texts,
        "email": st.one_of(st.none(), st.emails()),
        "phone": texts,
        "street": texts,
        "zip": texts,
        "city": texts,
        "birth_date": st.one_of(st.none(), st.dates()),
    }
)


@given(people, people)
def test_a_comparison_has_no_direction_and_known_reasons(
    one: dict[str, Any], other: dict[str, Any]
) -> None:
    forth, back = compare(one, other), compare(other, one)
    assert forth == back
    assert compare(one, one) is None or forth is None or forth.score <= 1
    if forth is not None:
        assert {reason.code for reason in forth.reasons} <= set(CODES)
    keys = blocking_keys(one)
    assert len(keys) == len(set(keys)) <= 30
    assert all(0 < len(key) <= 100 for key in keys)


# Over HTTP


def anna() -> dict[str, Any]:
    """Return a person whom no other test has."""
    word = "".join(random.choices("abcdefghijklmnopqrstuvwxyz", k=12))
    return {
        "kind": "person",
        "given_name": word.capitalize(),
        "family_name": "Müller",
        "email": f"{word}@example.org",
        "birth_date": f"19{random.randrange(10, 99)}-{random.randrange(1, 13):02}-{random.randrange(1, 29):02}",
    }


def test_a_contact_that_is_there_already_is_refused_with_the_candidates(service: Crm) -> None:
    person = anna()
    made = service.create("contacts", **person)
    again = {**person, "family_name": "Mueller"}
    found = problem(service.client.post("/v1/contacts", json=again), 409, "possible_duplicate")
    assert found["existing_id"] == made["id"]
    assert found["candidates"][0]["score"] > 0.98
    assert "same_email" in [reason["code"] for reason in found["candidates"][0]["reasons"]]
    kept = service.client.post("/v1/contacts", json={**again, "allow_duplicate": True})
    assert kept.status_code == 201
    ref = {"source": "erp", "id": fresh()}
    path = f"/v1/contacts/by-external-id/erp/{ref['id']}"
    problem(service.client.put(path, json=again), 409, "possible_duplicate")
    items = [
        {"action": "create", "data": again},
        {"action": "upsert", "ref": ref, "data": again},
        {"action": "create", "data": {**again, "allow_duplicate": True}},
    ]
    answer = service.client.post("/v1/contacts/batch", json={"items": items}).json()["items"]
    assert [item["status"] for item in answer] == [409, 409, 201]
    assert answer[0]["problem"]["existing_id"]


def test_why_somebody_is_there_already_is_told_only_with_the_right_to_see_it(service: Crm) -> None:
    person = anna()
    made = service.create("contacts", **person)
    with service.client_with("contacts:read", "contacts:write") as blind:
        found = problem(blind.post("/v1/contacts", json=person), 409, "possible_duplicate")
        items = [{"action": "create", "data": person}]
        (item,) = blind.post("/v1/contacts/batch", json={"items": items}).json()["items"]
        for told in (found, item["problem"]):
            assert told["existing_id"] == made["id"]
            assert "same_" not in json.dumps(told)
        assert set(found["candidates"][0]) == {"id", "score"}
    (item,) = service.client.post("/v1/contacts/batch", json={"items": items}).json()["items"]
    assert "same_email" in json.dumps(item["problem"])


def test_duplicates_are_listed_with_their_reasons(service: Crm) -> None:
    person = anna()
    one = service.create("contacts", **person)
    two = service.create("contacts", **{**person, "allow_duplicate": True, "phone": "030 901820"})
    found = service.client.get(f"/v1/contacts/{one['id']}/duplicates").json()["items"]
    assert [item["contact"] for item in found] == [two]
    checked = service.client.post("/v1/duplicates/check", json=person).json()["items"]
    assert {item["contact"]["id"] for item in checked} == {one["id"], two["id"]}
    pairs = all_pages(service.client, "/v1/duplicates?limit=500")
    mine = [pair for pair in pairs if one["id"] in pair.values()]
    assert [{pair["first_id"], pair["second_id"]} for pair in mine] == [{one["id"], two["id"]}]
    few = all_pages(service.client, "/v1/duplicates?limit=7")
    assert sorted(map(str, few)) == sorted(map(str, pairs))
    service.client.delete(f"/v1/contacts/{two['id']}", headers={"If-Match": "*"})
    assert service.client.get(f"/v1/contacts/{one['id']}/duplicates").json()["items"] == []


def test_a_changed_contact_is_compared_by_what_it_is_now(service: Crm) -> None:
    person = anna()
    one = service.create("contacts", **person)
    path = f"/v1/contacts/{one['id']}"
    service.patch(path, {"email": f"{fresh('x')}@example.org", "birth_date": None}, version=1)
    other = make(service, "contacts", email=person["email"])
    assert service.client.get(f"/v1/contacts/{other['id']}/duplicates").json()["items"] == []


def test_an_import_rejects_who_is_there_or_stands_twice_unless_told(crm: Crm) -> None:
    crm.create("contacts", kind="person", name="Anna Weber", email="anna@example.org")
    content = (
        "id,vorname,nachname,email\n"
        "1,Anna,Weber,anna@example.org\n"
        "2,Bea,Klein,bea@example.org\n"
        "3,Bea,Klein,bea@example.org\n"
        "4,Carl,Groß,carl@example.org\n"
    )
    state = imported(crm, content, resource="contacts", source="list")
    assert (state["created_count"], state["rejected_count"]) == (2, 2)
    state = imported(crm, content, resource="contacts", source="list", allow_duplicates=True)
    assert (state["created_count"], state["rejected_count"]) == (2, 0)


def test_a_name_alone_proposes_nobody_and_a_town_beside_it_does() -> None:
    thomas = {"kind": "person", "given_name": "Thomas", "family_name": "Müller"}
    for one, other, is_proposed in (
        ({}, {}, False),
        ({"email": "t.mueller@a.example"}, {"email": "thomas@b.example"}, False),
        ({"city": "Kiel"}, {"city": "Kiel"}, True),
        ({"city": "Kiel", "phone": "0171 1"}, {"city": "Kiel", "phone": "0172 2"}, False),
        ({"city": "Kiel"}, {"city": "Bonn"}, False),
        ({"birth_date": "1970-01-02"}, {"birth_date": "1970-01-02"}, True),
    ):
        match = compare({**thomas, **one}, {**thomas, **other})
        assert match is not None
        assert (match.score >= THRESHOLD) == is_proposed, (one, other, match)


def test_a_key_that_too_many_share_is_passed_over_and_others_still_count(crm: Crm) -> None:
    person = {"kind": "person", "given_name": "Anna", "family_name": "Weber", "city": "Kiel"}
    wanted = {**person, "birth_date": "1971-03-04"}
    one = crm.create("contacts", **wanted)

    def found() -> list[str]:
        items = crm.client.post("/v1/duplicates/check", json=person).json()["items"]
        return [item["contact"]["id"] for item in items]

    assert found() == [one["id"]]
    items = [
        {"action": "create", "data": {**person, "allow_duplicate": True}}
        for _ in range(LARGEST_BLOCK)
    ]
    crm.client.post("/v1/contacts/batch", json={"items": items})
    assert found() == []
    answer = crm.client.post("/v1/contacts", json=wanted)
    assert problem(answer, 409)["existing_id"] == one["id"]


# Dismissals


def twins(crm: Crm, **fields: Any) -> tuple[str, str]:
    """Return two contacts that look like one."""
    person = {**anna(), **fields}
    return crm.create("contacts", **person)["id"], crm.create("contacts", **person)["id"]


def dismiss(crm: Crm, one: str, other: str) -> Any:
    pair = {"first_id": one, "second_id": other}
    return crm.client.post("/v1/duplicates/dismissals", json=pair)


def proposed(crm: Crm, contact_id: str) -> set[str]:
    """Return who is proposed for a contact, by both lists, which have to agree."""
    items = crm.client.get(f"/v1/contacts/{contact_id}/duplicates").json()["items"]
    found = {item["contact"]["id"] for item in items}
    pairs = [
        {pair["first_id"], pair["second_id"]}
        for pair in all_pages(crm.client, "/v1/duplicates?limit=500")
    ]
    assert set().union(*(pair for pair in pairs if contact_id in pair)) - {contact_id} == found
    return found


def test_a_dismissed_pair_is_proposed_no_more_until_it_is_taken_back(service: Crm) -> None:
    one, other = twins(service)
    third = service.create("contacts", **{**anna(), "email": f"{fresh('y')}@example.org"})["id"]
    assert proposed(service, one) == {other}
    answer = dismiss(service, other, one)
    assert answer.status_code == 201
    dismissal = answer.json()
    assert [dismissal["first_id"], dismissal["second_id"]] == sorted((one, other))
    again = dismiss(service, one, other)
    assert (again.status_code, again.json()) == (200, dismissal)
    assert proposed(service, one) == proposed(service, other) == set()
    later = dismiss(service, one, third).json()
    listed = all_pages(service.client, "/v1/duplicates/dismissals?limit=1")
    assert [item for item in listed if item["id"] in (later["id"], dismissal["id"])] == [
        later,
        dismissal,
    ]
    path = f"/v1/duplicates/dismissals/{dismissal['id']}"
    assert service.client.delete(path).status_code == 204
    problem(service.client.delete(path), 404)
    assert proposed(service, one) == {other}


def test_only_two_live_contacts_are_dismissed(service: Crm) -> None:
    one, other = twins(service)
    nobody = "01977b3a-5c00-7000-8000-0000000000ff"
    found = problem(dismiss(service, one, one), 422, "no_pair")
    assert found["errors"][0]["pointer"] == "/body/second_id"
    found = problem(dismiss(service, nobody, one), 422, "no_pair")
    assert found["errors"][0]["pointer"] == "/body/first_id"
    service.client.delete(f"/v1/contacts/{other}", headers={"If-Match": "*"})
    found = problem(dismiss(service, one, other), 422, "no_pair")
    assert found["errors"][0]["pointer"] == "/body/second_id"


@pytest.mark.parametrize("how", ["merge", "erasure"])
def test_a_dismissal_goes_with_a_contact_that_is_merged_or_erased(service: Crm, how: str) -> None:
    one, other = twins(service)
    third = service.create("contacts", **anna())["id"]
    for pair in ((one, other), (other, third), (one, third)):
        assert dismiss(service, *pair).status_code == 201
    if how == "merge":
        body, path = {"duplicate_id": other}, f"/v1/contacts/{one}/merge"
    else:
        body, path = {"reason": "requested"}, f"/v1/contacts/{other}/erasure"
    answer = service.client.post(path, json=body, headers={"If-Match": "*"})
    assert answer.status_code in (200, 201), answer.text
    listed = all_pages(service.client, "/v1/duplicates/dismissals?limit=200")
    pairs = [{item["first_id"], item["second_id"]} for item in listed]
    assert {one, third} in pairs
    assert not [pair for pair in pairs if other in pair]


def test_the_same_pair_dismissed_by_many_at_once_is_kept_once(service: Crm) -> None:
    one, other = twins(service)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: dismiss(service, one, other), range(8)))
    assert sorted(answer.status_code for answer in answers) == [200] * 7 + [201]
    assert len({answer.json()["id"] for answer in answers}) == 1


def test_a_list_of_pairs_can_be_shown_without_reading_the_contacts(service: Crm) -> None:
    one, other = twins(service, name="Anna from Kiel")
    (pair,) = [
        pair
        for pair in all_pages(service.client, "/v1/duplicates?limit=500")
        if one in (pair["first_id"], pair["second_id"])
    ]
    assert {pair["first_id"], pair["second_id"]} == {one, other}
    assert pair["first_display_name"] == pair["second_display_name"] == "Anna from Kiel"
