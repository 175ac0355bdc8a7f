"""What an erasure has emptied stays empty, whoever writes, and what slipped in can be removed."""

from typing import Any

import pytest

from tests.conftest import Crm
from tests.crm_api.bodies import TEXT_FIELD, feed, fresh, make, problem, undo
from tests.crm_api.test_imports import imported, rejected
from tests.crm_api.test_privacy import dump

TOLD = "Vera Victim, Weg 4"


def erased(crm: Crm, **children: Any) -> dict[str, str]:
    """Return a record of each of these kinds whose contact is erased."""
    contact = make(crm, "contacts")["id"]
    made = {
        plural: make(crm, plural, contact_id=contact, **body)["id"]
        for plural, body in children.items()
    }
    erase(crm, contact)
    return {**made, "contacts": contact}


def erase(crm: Crm, contact: str) -> dict[str, Any]:
    answer = crm.client.post(f"/v1/contacts/{contact}/erasure", json={})
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


@pytest.mark.parametrize("plural", ["deals", "interactions"])
def test_nobody_writes_of_an_erased_person_again(service: Crm, plural: str) -> None:
    field = TEXT_FIELD[plural]
    record = erased(service, **{plural: {field: "x"}})[plural]
    path, cursor = f"/v1/{plural}/{record}", feed(service.client)[1]
    for name, value in {field: TOLD, "external_refs": [{"source": "s", "id": fresh()}]}.items():
        found = problem(service.patch(path, {name: value}, version="*"), 422, "contact_missing")
        assert [each["pointer"] for each in found["errors"]] == [f"/body/{name}"]
    for atomic, status in (("false", 207), ("true", 422)):
        item = {"action": "update", "id": record, "data": {field: TOLD}}
        query = {"atomic": atomic}
        answer = service.client.post(f"/v1/{plural}/batch", params=query, json={"items": [item]})
        assert answer.status_code == status
        assert "contact_missing" in answer.text
    mapping = ["id:id", "contact:contact_id", f"text:{field}", "kind:kind", "at:occurred_at"]
    content = f'id,contact,text,kind,at\n{record},,"{TOLD}",call,2025-02-03T10:00:00Z\n'
    if plural == "deals":
        mapping, content = mapping[:3], f'id,contact,text\n{record},,"{TOLD}"\n'
    state = imported(service, content, resource=plural, source=fresh("s"), mapping=mapping)
    assert (state["updated_count"], state["rejected_count"]) == (0, 1), state
    (_, row) = rejected(service.client, state["id"], **{"Accept-Language": "de"})
    assert row[1:4] == [
        "text",
        "contact_missing",
        f"Der Kontakt wurde gelöscht, daher bleibt das leer: {field}.",
    ]
    assert service.client.get(path).json()[field] is None
    events = [each for each in feed(service.client, after=cursor)[0] if each["subject"] == record]
    assert events == [], "what is refused is told to nobody"


def test_what_is_left_of_an_erased_person_goes_on(service: Crm) -> None:
    lines: list[dict[str, Any]] = [{"product_id": "SKU-1", "name": "For Vera", "quantity": "1"}]
    made = erased(service, deals={"title": "x", "lines": lines}, interactions={"subject": "x"})
    path = f"/v1/deals/{made['deals']}"
    moved = {"stage": "won", "amount": {"amount": "5.00", "currency": "EUR"}, "title": None}
    answer = service.patch(path, moved, version="*")
    assert answer.status_code == 200, answer.text
    assert undo(service, answer).status_code == 200
    problem(service.patch(path, {"lines": lines}, version="*"), 422, "contact_missing")
    lines[0] |= {"name": None, "quantity": "2"}
    assert service.patch(path, {"lines": lines}, version="*").status_code == 200
    again = {"action": "delete", "id": made["interactions"]}
    answer = service.client.post("/v1/interactions/batch", json={"items": [again]})
    assert answer.json()["items"][0]["status"] == 204


def test_a_person_is_erased_once_more(service: Crm) -> None:
    made = erased(service, interactions={"subject": "x"})
    first = service.client.get(f"/v1/erasures?contact_id={made['contacts']}").json()["items"]
    second = erase(service, made["contacts"])
    assert second["id"] not in {each["id"] for each in first}
    assert second["counts"]["interactions"] == 1
    assert service.client.get(f"/v1/contacts/{made['contacts']}").status_code == 404


def test_what_only_an_erased_person_had_is_taken_out_of_saved_filters(crm: Crm) -> None:
    field = {"applies_to": "contacts", "type": "text", "label_en": "x", "label_de": "x"}
    crm.create("custom-fields", key="badge", **field)
    crm.create("custom-fields", key="club", **field)
    option = {"key": "gold", "label_en": "x", "label_de": "x"}
    crm.create("custom-fields", key="level", **field | {"type": "choice", "options": [option]})
    custom = {"badge": "B-4711", "club": "Rowing", "level": "gold"}
    names = {"given_name": "Vera", "family_name": "Quitte"}
    person = make(crm, "contacts", **names, custom=custom, city="Kiel", tags=["vip"])["id"]
    make(crm, "contacts", given_name="Vera", family_name="Else", custom={"club": "Rowing"})
    only = {"custom.badge": ["B-4711"], "language": ["de"]}
    shared: list[dict[str, list[str]]] = [
        {"custom.club": ["Rowing"]},
        {"custom.level": ["gold"]},
        {"city": ["Kiel"]},
        {"tag": ["vip"]},
    ]
    gone = crm.create("segments", name=fresh(), filter=only)["id"]
    kept = [crm.create("segments", name=fresh(), filter=each)["id"] for each in shared]
    changed = crm.create("segments", name=fresh(), filter=only)["id"]
    path = f"/v1/segments/{changed}"
    assert crm.patch(path, {"filter": {"city": ["Ulm"]}}, version=1).status_code == 200
    hook = crm.client.post(
        "/v1/webhooks",
        json={
            "url": "https://example.com/",
            "event_types": ["crm.contact.*"],
            "filters": {"contacts": only},
        },
    ).json()["id"]
    erase(crm, person)
    nobody = {"id": ["00000000-0000-0000-0000-000000000000"]}
    segment = crm.client.get(f"/v1/segments/{gone}").json()
    assert segment["filter"] == nobody | {"language": ["de"]}
    filters = [crm.client.get(f"/v1/segments/{each}").json()["filter"] for each in kept]
    assert filters == shared
    webhook = crm.client.get(f"/v1/webhooks/{hook}").json()
    assert webhook["filters"]["contacts"] == nobody | {"language": ["de"]}
    assert webhook["pause_reason"] == "filter_invalid"
    assert "B-4711" not in dump(crm)
