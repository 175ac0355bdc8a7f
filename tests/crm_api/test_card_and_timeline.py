"""The customer card and the timeline: one call, everything, in order."""

from typing import Any

import pytest

from tests.conftest import Crm
from tests.crm_api.bodies import all_pages, problem, statements_of


def say(crm: Crm, contact: str, **fields: Any) -> dict[str, Any]:
    answer = crm.client.post(f"/v1/contacts/{contact}/consents", json=fields)
    assert answer.status_code == 201, answer.text
    body: dict[str, Any] = answer.json()
    return body


@pytest.fixture
def family(service: Crm) -> dict[str, str]:
    """An organisation, one of its persons, and a year with them."""
    firm = service.create("contacts", kind="organisation", name="Weber Möbel GmbH")["id"]
    anna = service.create("contacts", kind="person", name="Anna Weber", parent_id=firm)["id"]
    for month in range(1, 8):
        service.create(
            "interactions",
            contact_id=anna,
            kind="call",
            occurred_at=f"2025-{month:02}-01T10:00:00Z",
        )
    service.create(
        "interactions",
        contact_id=anna,
        kind="complaint",
        severity=2,
        occurred_at="2025-03-05T10:00:00Z",
    )
    service.create(
        "interactions", contact_id=anna, kind="call", due_at="2035-01-01T10:00:00Z", subject="Call"
    )
    service.create(
        "interactions",
        contact_id=anna,
        kind="offer",
        product_id="SKU-100",
        discount_pct="5",
        occurred_at="2025-06-05T10:00:00Z",
    )
    lines = [{"product_id": "SKU-200", "name": "Chair"}, {"product_id": "SKU-200", "name": "Chair"}]
    for day in ("01", "02"):
        service.create(
            "deals",
            contact_id=firm,
            stage="won",
            closed_at=f"2025-05-{day}T10:00:00Z",
            invoiced_at=f"2025-05-{day}T11:00:00Z",
            lines=lines,
        )
    service.create("deals", contact_id=anna, title="Dining room", opened_at="2025-07-02T10:00:00Z")
    say(service, anna, channel="email", action="granted", occurred_at="2025-02-02T10:00:00Z")
    say(service, anna, channel="email", action="confirmed", occurred_at="2025-02-03T10:00:00Z")
    return {"firm": firm, "anna": anna}


def test_the_card_holds_what_one_wants_to_know_before_a_call(
    service: Crm, family: dict[str, str]
) -> None:
    card = service.client.get(f"/v1/contacts/{family['anna']}/card").json()
    assert card["contact"]["display_name"] == "Anna Weber"
    assert card["organisation"]["display_name"] == "Weber Möbel GmbH"
    assert [each["occurred_at"][:10] for each in card["last_interactions"]] == [
        "2025-07-01",
        "2025-06-05",
        "2025-06-01",
    ]
    assert [each["kind"] for each in card["open_complaints"]] == ["complaint"]
    assert [each["product_id"] for each in card["offers"]] == ["SKU-100"]
    assert [each["subject"] for each in card["promises"]] == ["Call"]
    assert [each["title"] for each in card["open_deals"]] == ["Dining room"]
    assert card["owned_products"] == card["unpaid_deals"] == []
    assert card["contact"]["consents"] == [
        {
            "channel": "email",
            "purpose": "marketing",
            "state": "granted",
            "since": "2025-02-03T10:00:00.000000Z",
        }
    ]


def test_the_card_of_an_organisation_holds_what_its_persons_did(
    service: Crm, family: dict[str, str]
) -> None:
    card = service.client.get(f"/v1/contacts/{family['firm']}/card").json()
    assert card["organisation"] is None
    assert len(card["last_interactions"]) == 3
    assert len(card["open_complaints"]) == len(card["open_deals"]) == 1
    assert len(card["unpaid_deals"]) == 2
    assert card["owned_products"] == [
        {
            "product_id": "SKU-200",
            "name": "Chair",
            "purchase_count": 2,
            "last_bought_at": "2025-05-02T10:00:00.000000Z",
        }
    ]


def test_the_timeline_merges_everything_in_the_order_of_time(
    service: Crm, family: dict[str, str]
) -> None:
    path = f"/v1/contacts/{family['firm']}/timeline"
    whole = service.client.get(f"{path}?limit=200").json()["items"]
    times = [item["at"] for item in whole]
    assert times == sorted(times, reverse=True)
    counts = dict.fromkeys(("interaction", "deal_move", "consent", "change"), 0)
    for item in whole:
        counts[item["type"]] += 1
        parts = [kind for kind in counts if item.get(kind) is not None]
        assert parts == [item["type"]]
    assert counts == {"interaction": 9, "deal_move": 3, "consent": 2, "change": 4}
    assert all_pages(service.client, f"{path}?limit=1") == whole
    assert all_pages(service.client, f"{path}?limit=4") == whole
    assert len({item["id"] for item in whole}) == len(whole)
    some = all_pages(service.client, f"{path}?limit=2&type=consent&type=deal_move")
    assert some == [item for item in whole if item["type"] in ("consent", "deal_move")]


def test_without_pii_neither_shows_what_is_personal(service: Crm, family: dict[str, str]) -> None:
    scopes = ("contacts:read", "interactions:read", "deals:read")
    with service.client_with(*scopes) as client:
        for place in ("card", "timeline"):
            answer = client.get(f"/v1/contacts/{family['anna']}/{place}")
            assert answer.status_code == 200
            assert "Weber" not in answer.text
            assert "Dining" not in answer.text
    with service.client_with("contacts:read") as client:
        problem(client.get(f"/v1/contacts/{family['anna']}/card"), 403)
        problem(client.get(f"/v1/contacts/{family['anna']}/timeline"), 403)


def test_a_stranger_has_neither(service: Crm) -> None:
    for place in ("card", "timeline", "consents"):
        path = f"/v1/contacts/01977b3a-5c00-7000-8000-000000000001/{place}"
        problem(service.client.get(path), 404)


def test_pages_of_a_timeline_hold_everything_once_while_others_write(
    service: Crm, family: dict[str, str]
) -> None:
    path = f"/v1/contacts/{family['firm']}/timeline?limit=3"
    before = [item["id"] for item in all_pages(service.client, path)]
    seen: list[str] = []
    for number in range(50):
        page = service.client.get(path).json()
        seen += [item["id"] for item in page["items"]]
        at = f"20{25 + number % 2}-04-{number % 28 + 1:02}T12:00:00Z"  # before and behind the place
        service.create("interactions", contact_id=family["anna"], kind="note", occurred_at=at)
        if "next" not in page:
            break
        path = page["next"]
    assert len(seen) == len(set(seen))
    assert [each for each in seen if each in before] == before


def test_a_card_and_a_timeline_take_as_many_statements_for_much_as_for_little(
    make_crm: Any,
) -> None:
    crm = make_crm("sqlite")
    firm = crm.create("contacts", kind="organisation", name="Weber Möbel GmbH")["id"]
    anna = crm.create("contacts", kind="person", name="Anna Weber", parent_id=firm)["id"]

    paths = [f"/v1/contacts/{id}/{page}" for id in (firm, anna) for page in ("card", "timeline")]
    few = [len(statements_of(crm, path)) for path in paths]
    assert max(few) <= 3
    for number in range(30):
        crm.create("interactions", contact_id=anna, kind="call", occurred_at="2026-01-01T10:00:00Z")
        crm.create("deals", contact_id=(firm, anna)[number % 2])
    assert [len(statements_of(crm, path)) for path in paths] == few


def test_a_contact_is_changed_by_the_etag_of_its_card(service: Crm, family: dict[str, str]) -> None:
    path = f"/v1/contacts/{family['anna']}"
    card = service.client.get(f"{path}/card")
    assert card.headers["etag"] == f'"{card.json()["contact"]["version"]}"'
    headers = {"If-Match": card.headers["etag"], "Content-Type": "application/merge-patch+json"}
    changed = service.client.patch(path, json={"job_title": "Head"}, headers=headers)
    assert changed.status_code == 200, changed.text
    assert service.client.get(f"{path}/card").headers["etag"] == changed.headers["etag"]


def test_the_timeline_tells_who_changed_a_contact(service: Crm, family: dict[str, str]) -> None:
    path = f"/v1/contacts/{family['anna']}"
    with service.client_with("contacts:read", "contacts:write") as other:
        headers = {"If-Match": "*", "Content-Type": "application/merge-patch+json"}
        assert other.patch(path, json={"job_title": "Boss"}, headers=headers).status_code == 200
        own = other.get("/v1/keys/self").json()["id"]
    items = service.client.get(f"{path}/timeline?type=change&limit=2").json()["items"]
    mine = service.client.get("/v1/keys/self").json()["id"]
    assert [item["change"]["key_id"] for item in items] == [own, mine]
