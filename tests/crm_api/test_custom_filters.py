"""Filters of custom fields: a name means one field for good, and who asks is told what there is."""

import pytest

from tests.conftest import Crm
from tests.crm_api.bodies import fresh, make, problem

LABELS = {"label_en": "Volume", "label_de": "Volumen"}


@pytest.mark.parametrize("ending", ["_gte", "_lt", "_known"])
def test_a_new_field_takes_no_filter_of_another_over(service: Crm, ending: str) -> None:
    key = fresh("vol").replace("-", "_")
    body = {"applies_to": "contacts", "key": key, "type": "integer", **LABELS}
    service.create("custom-fields", **body)
    large = make(service, "contacts", custom={key: 9})["id"]
    answer = service.client.post("/v1/custom-fields", json={**body, "key": key + ending})
    told = problem(answer, 422, "key_reserved")
    assert told["errors"][0]["pointer"] == "/body/key"
    assert told["detail"].endswith(f"does not end in {ending}.")
    listed = service.client.get(f"/v1/contacts?custom.{key}_gte=8").json()["items"]
    assert [item["id"] for item in listed] == [large]
