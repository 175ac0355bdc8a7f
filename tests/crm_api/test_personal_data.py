"""All about a person in one call: also what is only kept for undo."""

import json
from typing import Any

from tests.conftest import Crm
from tests.crm_api.bodies import make, merge
from tests.crm_api.test_privacy import erase


def test_the_personal_data_tell_what_undo_still_knows(crm: Crm) -> None:
    contact = make(crm, "contacts", city="Old town", email="old@example.org")["id"]
    note = make(crm, "interactions", contact_id=contact, subject="Old subject")["id"]
    deal = make(crm, "deals", contact_id=contact, amount={"amount": "7.00", "currency": "EUR"})
    other = make(crm, "contacts", city="Else", email="else@example.org")["id"]
    crm.patch(f"/v1/contacts/{other}", {"city": "Kiel"}, version=1)
    changed = crm.patch(
        f"/v1/contacts/{contact}", {"city": "Kiel", "email": "new@example.org"}, version=1
    )
    crm.patch(f"/v1/interactions/{note}", {"subject": "New"}, version=1)
    more = {"amount": {"amount": "8.00", "currency": "EUR"}}
    crm.patch(f"/v1/deals/{deal['id']}", more, version=1)

    def former() -> dict[str, Any]:
        answer = crm.client.get(f"/v1/contacts/{contact}/personal-data")
        lines = [json.loads(line) for line in answer.text.splitlines()]
        told = [line["record"] for line in lines if line["type"] == "former_values"]
        return {each["record_id"]: each for each in told}

    told = former()
    assert told.keys() == {contact, note, deal["id"]}
    assert told[contact]["values"] == {"city": "Old town", "email": "old@example.org"}
    assert told[contact]["resource"] == "contact"
    assert told[contact]["request_id"] == changed.headers["x-request-id"]
    assert told[contact]["occurred_at"] == changed.json()["updated_at"]
    assert told[note]["values"] == {"subject": "Old subject"}
    assert told[deal["id"]]["values"]["amount_minor"] == 700
    erase(crm, contact)
    assert former() == {}


def test_the_personal_data_tell_what_a_merge_replaced(crm: Crm) -> None:
    kept, gone = make(crm, "contacts")["id"], make(crm, "contacts", city="Kiel")["id"]
    assert merge(crm, kept, gone).status_code == 200
    answer = crm.client.get(f"/v1/contacts/{kept}/personal-data")
    lines = [json.loads(line) for line in answer.text.splitlines()]
    (told,) = [line["record"] for line in lines if line["type"] == "merge"]
    assert told["set_columns"]["city"] == {"before": None, "after": "Kiel"}
    assert "search_text" not in answer.text
