"""Null in a change: it clears the field or is refused, and is never accepted for nothing."""

from typing import Any

import pytest

from tests.conftest import Crm
from tests.crm_api.bodies import fresh, make
from tests.crm_api.test_satellites import EXAMPLES

MAIN = ("contacts", "interactions", "deals")
ALIASES = {"parent_ref": "parent_id"}
"""What a field that is only sent is shown as."""


def takes_null(schema: dict[str, Any]) -> bool:
    return schema.get("type") == "null" or any(map(takes_null, schema.get("anyOf", ())))


def patchable(crm: Crm, plural: str) -> tuple[list[str], list[str]]:
    """Return the fields of a change that take null, by the document, and those that do not."""
    document = crm.client.get("/openapi.json").json()
    body = document["paths"][f"/v1/{plural}/{{id}}"]["patch"]["requestBody"]["content"]
    name = body["application/merge-patch+json"]["schema"]["$ref"].rpartition("/")[2]
    fields = document["components"]["schemas"][name]["properties"]
    nullable = [field for field, schema in fields.items() if takes_null(schema)]
    return nullable, [field for field in fields if field not in nullable]


def create(crm: Crm, plural: str) -> dict[str, Any]:
    if plural in MAIN:
        return make(crm, plural)
    if plural == "campaign-members":
        campaign = crm.create("campaigns", name="Spring")["id"]
        contact = make(crm, "contacts")["id"]
        return crm.create(plural, campaign_id=campaign, contact_id=contact)
    if plural == "custom-fields":
        labels = {"label_en": "Wood", "label_de": "Holz"}
        key = fresh("wood").replace("-", "_")
        return crm.create(plural, applies_to="deals", key=key, type="text", **labels)
    return crm.create(plural, **EXAMPLES[plural])


@pytest.mark.parametrize("plural", [*MAIN, *EXAMPLES, "campaign-members", "custom-fields"])
def test_null_clears_a_field_or_is_refused(service: Crm, plural: str) -> None:
    record = create(service, plural)
    path = f"/v1/{plural}/{record['id']}"
    nullable, others = patchable(service, plural)
    kept = {}
    for field in (*nullable, *others):
        answer = service.patch(path, {field: None}, version="*")
        assert answer.status_code in (200, 422), answer.text
        if answer.status_code == 200:
            assert field in nullable
            shown = answer.json()[ALIASES.get(field, field)]
            if shown is not None:
                kept[field] = shown
    assert kept == {}
