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


GERMAN = "Dem Abstand zu UTC fehlt das Vorzeichen; in einer Adresse steht für das + davor %2B"


def test_a_plus_that_an_address_made_a_blank_is_told(service: Crm) -> None:
    key = fresh("seen").replace("-", "_")
    service.create("custom-fields", applies_to="deals", key=key, type="instant", **LABELS)
    for name in ("closed_at_gte", f"custom.{key}_gte"):
        path = f"/v1/deals?{name}=2026-01-01T00:00:00"
        told = problem(service.client.get(f"{path}+02:00"), 422)["errors"][0]["message"]
        assert told == "The offset lacks its sign; in an address write %2B for the + before it"
        german = service.client.get(f"{path}+02:00", headers={"Accept-Language": "de"})
        assert problem(german, 422)["errors"][0]["message"] == GERMAN
        assert service.client.get(f"{path}%2B02:00").status_code == 200
        told = problem(service.client.get(f"{path}"), 422)["errors"][0]["message"]
        assert told.startswith("An instant with an offset is expected")


@pytest.mark.parametrize("plural", ["contacts", "interactions", "deals"])
def test_filters_of_custom_fields_are_described_and_named_to_who_may_read_them(
    service: Crm, plural: str
) -> None:
    paths = service.client.get("/openapi.json").json()["paths"]
    asked = (f"/v1/{plural}", f"/v1/{plural}/aggregate", f"/v1/exports/{plural}")
    for path in asked:
        described = paths[path]["get"]["description"]
        assert "`custom.wood=oak`" in described and "`custom.volume_gte=8`" in described
        assert f"`{plural}:pii`" in described
    key = fresh("a").replace("-", "_")
    service.create("custom-fields", applies_to=plural, key=key, type="integer", **LABELS)
    with service.client_with(f"{plural}:read") as stranger:
        for client, is_told in ((service.client, True), (stranger, False)):
            for path in asked:
                told = problem(client.get(f"{path}?zzzz=1"), 422)["errors"][-1]["message"]
                assert (f"custom.{key}" in told) is is_told
                told = problem(client.get(f"{path}?{key}_gte=1"), 422)["errors"][-1]["message"]
                assert told.endswith(f"; did you mean `custom.{key}_gte`?") is is_told
