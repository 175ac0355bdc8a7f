"""One set of terms: whatever happens to offers and to people, a unit has one for each product."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from tests.conftest import BOTH, Crm, MakeCrm
from tests.crm_api.bodies import all_pages, fresh, make, merge, problem, undo
from tests.crm_api.test_imports import imported


def offer(crm: Crm, contact: str, product: str, discount: str, **more: Any) -> httpx.Response:
    body = {
        "contact_id": contact,
        "kind": "offer",
        "product_id": product,
        "discount_pct": discount,
        "occurred_at": "2025-01-01T00:00:00Z",
        **more,
    }
    return crm.client.post("/v1/interactions", json=body)


def firm_of(crm: Crm) -> str:
    return str(make(crm, "contacts", kind="organisation", name="x")["id"])


def test_one_unit_has_one_set_of_terms_for_a_product(service: Crm) -> None:
    firm = make(service, "contacts", kind="organisation", name="x")["id"]
    one, two = (make(service, "contacts", parent_id=firm)["id"] for _ in range(2))
    first = offer(service, one, "P1", "10")
    assert first.status_code == 201, first.text
    found = problem(offer(service, two, "P1", "15"), 409, "terms_conflict")
    assert found["existing_id"] == first.json()["id"]
    assert offer(service, two, "P1", "10.00").status_code == 201
    assert offer(service, two, "P2", "15").status_code == 201
    old = "2025-02-01T00:00:00Z"
    assert offer(service, two, "P3", "15", valid_until=old).status_code == 201
    assert offer(service, two, "P3", "20").status_code == 201
    other = make(service, "contacts")["id"]
    assert offer(service, other, "P1", "15").status_code == 201


def test_terms_are_free_once_the_offer_is_answered_or_thrown_away(service: Crm) -> None:
    contact = make(service, "contacts")["id"]
    first = offer(service, contact, "P1", "10").json()
    path = f"/v1/interactions/{first['id']}"
    service.patch(path, {"outcome": "declined"}, version=1)
    second = offer(service, contact, "P1", "15").json()
    problem(service.patch(path, {"outcome": None}, version=2), 409, "terms_conflict")
    other = f"/v1/interactions/{second['id']}"
    service.client.delete(other, headers={"If-Match": "*"})
    assert service.patch(path, {"outcome": None}, version=2).status_code == 200
    problem(service.client.post(f"{other}/restore"), 409, "terms_conflict")
    changed = service.patch(path, {"discount_pct": "20"}, version=3)
    assert changed.status_code == 200
    problem(offer(service, contact, "P1", "10"), 409, "terms_conflict")
    assert undo(service, changed).status_code == 200
    assert offer(service, contact, "P1", "10").status_code == 201


def test_a_person_takes_its_terms_into_another_organisation(service: Crm) -> None:
    there = firm_of(service)
    colleague = make(service, "contacts", parent_id=there)["id"]
    person = make(service, "contacts")["id"]
    own = offer(service, person, "P1", "10").json()
    other = offer(service, colleague, "P1", "15").json()
    path = f"/v1/contacts/{person}"
    found = problem(service.patch(path, {"parent_id": there}, version=1), 409, "terms_conflict")
    assert found["existing_id"] == other["id"]
    declined = {"outcome": "declined", "decline_reason": "price"}
    service.patch(f"/v1/interactions/{other['id']}", declined, version=1)
    moved = service.patch(path, {"parent_id": there}, version=1)
    assert moved.status_code == 200
    found = problem(offer(service, colleague, "P1", "15"), 409, "terms_conflict")
    assert found["existing_id"] == own["id"]
    # Back again by an undo, they are free there and hold here; then it cannot go there any more.
    assert undo(service, moved).status_code == 200
    assert offer(service, colleague, "P1", "15").status_code == 201
    problem(offer(service, person, "P1", "15"), 409, "terms_conflict")
    problem(service.patch(path, {"parent_id": there}, version=3), 409, "terms_conflict")


def test_an_undo_does_not_move_a_person_into_a_conflict(service: Crm) -> None:
    there = firm_of(service)
    colleague = make(service, "contacts", parent_id=there)["id"]
    person = make(service, "contacts", parent_id=there)["id"]
    left = service.patch(f"/v1/contacts/{person}", {"parent_id": None}, version=1)
    offer(service, person, "P1", "10")
    other = offer(service, colleague, "P1", "15").json()
    found = problem(undo(service, left), 409, "terms_conflict")
    assert found["existing_id"] == other["id"]
    assert service.client.get(f"/v1/contacts/{person}").json()["parent_id"] is None


def test_a_merge_brings_terms_together_or_is_refused_and_can_be_taken_back(service: Crm) -> None:
    there = firm_of(service)
    colleague = make(service, "contacts", parent_id=there)["id"]
    duplicate = make(service, "contacts", parent_id=there)["id"]
    survivor = make(service, "contacts")["id"]
    own = offer(service, survivor, "P1", "10").json()
    other = offer(service, colleague, "P1", "15").json()
    # The survivor has no organisation and would get that of the duplicate, with its terms.
    found = problem(merge(service, survivor, duplicate), 409, "terms_conflict")
    assert found["existing_id"] == other["id"]
    service.client.delete(f"/v1/interactions/{other['id']}", headers={"If-Match": "*"})
    assert merge(service, survivor, duplicate).status_code == 200
    assert service.client.get(f"/v1/contacts/{survivor}").json()["parent_id"] == there
    found = problem(offer(service, colleague, "P1", "15"), 409, "terms_conflict")
    assert found["existing_id"] == own["id"]
    restored = service.client.post(f"/v1/interactions/{other['id']}/restore")
    problem(restored, 409, "terms_conflict")
    assert service.client.post(f"/v1/contacts/{duplicate}/unmerge").status_code == 200
    assert service.client.get(f"/v1/contacts/{survivor}").json()["parent_id"] is None
    assert service.client.post(f"/v1/interactions/{other['id']}/restore").status_code == 200
    problem(offer(service, survivor, "P1", "20"), 409, "terms_conflict")


def test_terms_end_with_their_day_and_do_not_come_back_over_others(make_crm: MakeCrm) -> None:
    for kind in BOTH:
        now = [datetime(2026, 1, 1, tzinfo=UTC)]
        crm = make_crm(kind, clock=lambda now=now: now[0])
        contact = make(crm, "contacts")["id"]
        first = offer(crm, contact, "P1", "10", valid_until="2026-02-01T00:00:00Z").json()
        found = problem(offer(crm, contact, "P1", "15"), 409, "terms_conflict")
        assert found["existing_id"] == first["id"]
        now[0] = datetime(2026, 2, 1, tzinfo=UTC)
        second = offer(crm, contact, "P1", "15").json()
        longer = {"valid_until": "2026-03-01T00:00:00Z"}
        path = f"/v1/interactions/{first['id']}"
        found = problem(crm.patch(path, longer, version=1), 409, "terms_conflict")
        assert found["existing_id"] == second["id"]
        withdrawn = {"valid_until": "2026-02-01T00:00:00Z"}
        crm.patch(f"/v1/interactions/{second['id']}", withdrawn, version=1)
        assert crm.patch(path, longer, version=1).status_code == 200


def test_sixteen_writers_at_once_leave_one_set_of_terms(service: Crm) -> None:
    firm = firm_of(service)
    people = [make(service, "contacts", parent_id=firm)["id"] for _ in range(16)]
    for product in ("Q1", "Q2", "Q3"):
        with ThreadPoolExecutor(16) as pool:
            answers = list(
                pool.map(
                    lambda at, product=product: offer(service, people[at], product, str(at % 4)),
                    range(16),
                )
            )
        live = [answer.json() for answer in answers if answer.status_code == 201]
        assert len({each["discount_pct"] for each in live}) == 1
        assert live
        known = {each["id"] for each in live}
        for answer in answers:
            if answer.status_code != 201:
                assert problem(answer, 409, "terms_conflict")["existing_id"] in known


def test_people_who_move_while_offers_are_made_leave_one_set_of_terms(service: Crm) -> None:
    firm = firm_of(service)
    people = [make(service, "contacts")["id"] for _ in range(8)]

    def act(at: int) -> httpx.Response:
        person = people[at // 2]
        if at % 2:
            return service.patch(f"/v1/contacts/{person}", {"parent_id": firm}, version="*")
        return offer(service, person, "R1", str(at))

    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(act, range(16)))
    assert {answer.status_code for answer in answers} <= {200, 201, 409}
    inside = all_pages(service.client, f"/v1/contacts?parent_id={firm}")
    asked = "".join(f"&contact_id={person['id']}" for person in inside)
    offers = all_pages(service.client, f"/v1/interactions?product_id=R1{asked}") if inside else []
    assert len({each["discount_pct"] for each in offers}) <= 1


def test_a_merge_brings_the_survivors_own_offers_into_its_new_unit(service: Crm) -> None:
    product = fresh("SKU")
    firm = make(service, "contacts", kind="organisation", name="Weber GmbH")
    colleague = make(service, "contacts", parent_id=firm["id"])
    survivor = make(service, "contacts")
    duplicate = make(service, "contacts", parent_id=firm["id"])
    assert offer(service, colleague["id"], product, "10").status_code == 201
    assert offer(service, survivor["id"], product, "5").status_code == 201
    problem(merge(service, survivor["id"], duplicate["id"]), 409, "terms_conflict")


def throw_away(crm: Crm, contact: str) -> httpx.Response:
    gone = crm.client.delete(f"/v1/contacts/{contact}", headers={"If-Match": "*"})
    assert gone.status_code == 204, gone.text
    return gone


def test_the_terms_of_who_is_in_the_trash_or_erased_bind_nobody(make_crm: MakeCrm) -> None:
    for kind in BOTH:
        now = [datetime(2026, 1, 1, tzinfo=UTC)]
        crm = make_crm(kind, clock=lambda now=now: now[0])
        firm = firm_of(crm)
        colleague = make(crm, "contacts", parent_id=firm)["id"]
        people = {way: make(crm, "contacts", parent_id=firm)["id"] for way in ("P1", "P2", "P3")}
        for product, person in people.items():
            assert offer(crm, person, product, "5").status_code == 201
            problem(offer(crm, colleague, product, "10"), 409, "terms_conflict")
        throw_away(crm, people["P3"])
        now[0] += timedelta(days=31)
        run = crm.client.post("/v1/retention/runs", json={"dry_run": False})
        while crm.client.get(run.headers["Location"]).json()["status"] != "done":
            time.sleep(0.05)
        problem(crm.client.post(f"/v1/contacts/{people['P3']}/restore"), 404)
        throw_away(crm, people["P1"])
        erased = crm.client.post(f"/v1/contacts/{people['P2']}/erasure", json={})
        assert erased.status_code == 201, erased.text
        for product in people:
            own = offer(crm, colleague, product, "10").json()["id"]
            found = problem(offer(crm, colleague, product, "5"), 409, "terms_conflict")
            assert found["existing_id"] == own


def test_a_person_comes_out_of_the_trash_with_its_terms_unless_others_are_live(
    service: Crm,
) -> None:
    firm = firm_of(service)
    colleague, person = (make(service, "contacts", parent_id=firm)["id"] for _ in range(2))
    own = offer(service, person, "P1", "5").json()
    throw_away(service, person)
    assert service.client.post(f"/v1/contacts/{person}/restore").status_code == 200
    problem(offer(service, colleague, "P1", "10"), 409, "terms_conflict")
    gone = throw_away(service, person)
    other = offer(service, colleague, "P1", "10").json()
    for answer in (service.client.post(f"/v1/contacts/{person}/restore"), undo(service, gone)):
        assert problem(answer, 409, "terms_conflict")["existing_id"] == other["id"]
    service.patch(f"/v1/interactions/{other['id']}", {"outcome": "declined"}, version=1)
    assert undo(service, gone).status_code == 200
    found = problem(offer(service, colleague, "P1", "10"), 409, "terms_conflict")
    assert found["existing_id"] == own["id"]


def test_a_person_has_one_set_of_terms_also_while_it_is_in_the_trash(service: Crm) -> None:
    person = make(service, "contacts")["id"]
    one, two = (offer(service, person, "P1", "5").json()["id"] for _ in range(2))
    throw_away(service, person)
    changed = service.patch(f"/v1/interactions/{one}", {"discount_pct": "8"}, version=1)
    assert problem(changed, 409, "terms_conflict")["existing_id"] == two
    assert service.client.post(f"/v1/contacts/{person}/restore").status_code == 200


def test_organisations_merge_over_the_terms_of_who_is_in_the_trash(service: Crm) -> None:
    survivor, duplicate = firm_of(service), firm_of(service)
    person = make(service, "contacts", parent_id=duplicate)["id"]
    colleague = make(service, "contacts", parent_id=survivor)["id"]
    offer(service, person, "P1", "5")
    other = offer(service, colleague, "P1", "10").json()
    problem(merge(service, survivor, duplicate), 409, "terms_conflict")
    throw_away(service, person)
    assert merge(service, survivor, duplicate).status_code == 200
    restored = service.client.post(f"/v1/contacts/{person}/restore")
    assert problem(restored, 409, "terms_conflict")["existing_id"] == other["id"]


def test_the_id_of_a_product_means_the_product(service: Crm) -> None:
    """Whatever way it comes in: the terms of one product are one, by whatever name."""
    product = service.create("products", name="Oak table", key=fresh("SKU"))
    key, contact = product["key"], make(service, "contacts")["id"]
    first = offer(service, contact, product["id"], "10")
    assert first.json()["product_id"] == key
    problem(offer(service, contact, key, "15"), 409, "terms_conflict")
    path = f"/v1/interactions/{make(service, 'interactions', contact_id=contact)['id']}"
    changed = service.patch(path, {"product_id": product["id"]}, version=1)
    assert changed.json()["product_id"] == key
    line = {"product_id": product["id"], "name": "Oak table"}
    deal = make(service, "deals", contact_id=contact, lines=[line])
    assert [each["product_id"] for each in deal["lines"]] == [key]
    again = service.patch(f"/v1/deals/{deal['id']}", {"lines": [line, line]}, version=1).json()
    assert [each["product_id"] for each in again["lines"]] == [key, key]
    assert service.create("campaigns", name="x", product_id=product["id"])["product_id"] == key
    unknown = "01977b3a-5c00-7000-8000-000000000001"
    assert offer(service, contact, unknown, "10").json()["product_id"] == unknown


def test_an_import_means_the_product_by_its_id_too(service: Crm) -> None:
    product = service.create("products", name="Oak table", key=fresh("SKU"))
    ref = {"source": fresh("shop"), "id": "C1"}
    contact = make(service, "contacts", external_refs=[ref])["id"]
    rows = (
        "external_id,contact_external_id,kind,occurred_at,product_id\n"
        f"I1,C1,note,2025-01-01T00:00:00Z,{product['id']}\n"
    )
    for count in ("created_count", "unchanged_count"):
        done = imported(service, rows, resource="interactions", source=ref["source"])
        assert done[count] == 1, done
    (made,) = all_pages(service.client, f"/v1/interactions?contact_id={contact}")
    assert made["product_id"] == product["key"]
