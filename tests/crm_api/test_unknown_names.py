"""A name that nobody knows is answered with the one that was meant, or with those that there are."""

from typing import Any

import pytest

from tests.conftest import Crm
from tests.crm_api.bodies import problem


def told(crm: Crm, method: str, path: str, status: int = 422, **sent: Any) -> dict[str, str]:
    """Return what is said of the faults of a request, by their places."""
    answer = crm.client.request(method, path, **sent)
    shown = problem(answer, status)
    return {fault["pointer"]: fault["message"] for fault in shown["errors"]}


def test_a_parameter_that_is_almost_one_is_answered_with_it(service: Crm) -> None:
    faults = told(service, "GET", "/v1/contacts?emial=x@example.org")
    assert faults == {"/query/emial": "There is no parameter `emial`; did you mean `email`?"}
    shown = service.client.get("/v1/contacts?emial=x@example.org").json()
    assert shown["detail"] == "/query/emial: There is no parameter `emial`; did you mean `email`?"
    assert "x@example.org" not in str(shown)


def test_a_name_with_a_dot_is_proposed_as_it_is_written(service: Crm) -> None:
    faults = told(service, "GET", "/v1/contacts?deal.stage=won")
    assert faults["/query/deal.stage"].startswith(
        "There is no parameter `deal.stage`; did you mean `deals.stage`"
    )


def test_a_parameter_like_no_other_is_answered_with_those_that_there_are(service: Crm) -> None:
    message = told(service, "GET", "/v1/webhooks?zzz=1")["/query/zzz"]
    assert message == "There is no parameter `zzz`; there are: limit, cursor."
    message = told(service, "GET", "/v1/contacts?zzz=1")["/query/zzz"]
    assert message.endswith(" more.") and len(message) < 600
    assert told(service, "GET", "/v1/meta?zzz=1") == {
        "/query/zzz": "This path takes no query parameters."
    }


NEAR = "There is no field `{}`; did you mean `{}`?"


@pytest.mark.parametrize(
    ("path", "body", "at", "message"),
    [
        (
            "/v1/contacts",
            {"kind": "person", "familyname": "Weber"},
            "/body/familyname",
            NEAR.format("familyname", "family_name"),
        ),
        (
            "/v1/contacts",
            {"kind": "person", "external_refs": [{"source": "a", "idd": "b", "id": "c"}]},
            "/body/external_refs/0/idd",
            NEAR.format("idd", "id"),
        ),
        (
            "/v1/contacts",
            {"kind": "person", "external_refs": [{"source": "a", "id": "c", "zzz": "b"}]},
            "/body/external_refs/0/zzz",
            "There is no field `zzz`; there are: source, id.",
        ),
    ],
)
def test_a_field_of_a_body_is_answered_with_the_one_that_was_meant(
    service: Crm, path: str, body: dict[str, Any], at: str, message: str
) -> None:
    assert told(service, "POST", path, json=body) == {at: message}


def test_a_field_of_an_item_of_a_batch_is_too(service: Crm) -> None:
    data = {"kind": "person", "familyname": "Weber"}
    items = [{"action": "create", "data": data}, {"action": "delete", "idd": "x"}]
    answer = service.client.post("/v1/contacts/batch", json={"items": items})
    first, second = (item["problem"]["errors"] for item in answer.json()["items"])
    assert first[0]["message"] == NEAR.format("familyname", "family_name")
    assert NEAR.format("idd", "id") in [fault["message"] for fault in second]


def test_a_filter_of_a_segment_is_a_parameter_of_the_list(service: Crm) -> None:
    body = {"name": "Shop", "kind": "filter", "filter": {"emial": ["x@example.org"]}}
    (message,) = told(service, "POST", "/v1/segments", json=body).values()
    assert message == "There is no parameter `emial`; did you mean `email`?"


def test_a_name_is_told_without_control_characters_and_shortened(service: Crm) -> None:
    (message,) = told(service, "GET", f"/v1/webhooks?a%00%0A{'b' * 3000}=1").values()
    assert "\n" not in message and "\x00" not in message and len(message) < 200


def test_many_unknown_names_are_answered_at_once(service: Crm) -> None:
    query = "&".join(f"email{number:04}=x" for number in range(1500))
    shown = problem(service.client.get(f"/v1/contacts?{query}"), 422)
    assert len(shown["errors"]) == 100
    assert "did you mean" in shown["errors"][0]["message"]
    assert "did you mean" not in shown["errors"][-1]["message"]
