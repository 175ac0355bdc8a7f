"""Upserts by external id, and batches."""

from typing import Any
from urllib.parse import quote

import pytest

from tests.conftest import Crm
from tests.crm_api.bodies import (
    ADMITTED,
    EVERYTHING,
    RESOURCES,
    TEXT_FIELD,
    feed,
    fresh,
    make,
    place,
    problem,
    ref,
    short,
)

each_resource = pytest.mark.parametrize("plural", RESOURCES)


def upsert_body(crm: Crm, plural: str, **fields: Any) -> dict[str, Any]:
    return short(crm, plural, **fields)


@each_resource
def test_an_upsert_creates_once_and_then_changes(service: Crm, plural: str) -> None:
    field, external = TEXT_FIELD[plural], fresh("upsert")
    path = f"/v1/{plural}/by-external-id/shop/{external}"
    body = upsert_body(service, plural, **{field: "A"})
    created = service.client.put(path, json=body)
    assert created.status_code == 201, created.text
    made = created.json()
    assert created.headers["location"] == f"/v1/{plural}/{made['id']}"
    assert made["external_refs"] == [{"source": "shop", "id": external}]
    changed = service.client.put(path, json=body | {field: "B"})
    assert (changed.status_code, changed.json()["version"]) == (200, 2)
    assert changed.json()[field] == "B"
    del body[field]
    assert service.client.put(path, json=body).json() == changed.json()


@each_resource
def test_the_id_of_an_upsert_counts_among_the_references_of_the_record(
    service: Crm, plural: str
) -> None:
    external = fresh("full")
    others = [{"source": "shop", "id": f"{external}-{n}"} for n in range(20)]
    path = f"/v1/{plural}/by-external-id/shop/{external}"
    body = upsert_body(service, plural)
    found = problem(service.client.put(path, json=body | {"external_refs": others}), 422)
    assert found["errors"][0]["pointer"] == "/body/external_refs"
    made = service.client.put(path, json=body | {"external_refs": others[1:]})
    assert (made.status_code, len(made.json()["external_refs"])) == (201, 20)
    found = problem(service.client.put(path, json={"external_refs": others}), 422)
    assert found["errors"][0]["code"] == "too_long"


@each_resource
def test_an_upsert_keeps_to_its_mode(service: Crm, plural: str) -> None:
    path = f"/v1/{plural}/by-external-id/shop/{fresh('mode')}"
    body = upsert_body(service, plural)
    problem(service.client.put(f"{path}?mode=update", json=body), 404)
    created = service.client.put(f"{path}?mode=create", json=body)
    assert created.status_code == 201
    found = problem(service.client.put(f"{path}?mode=create", json=body), 409, "exists_already")
    assert found["existing_id"] == created.json()["id"]
    assert service.client.put(f"{path}?mode=update", json=body).status_code == 200
    problem(service.client.put(f"{path}?mode=replace", json=body), 422)


@each_resource
def test_an_upsert_may_name_the_version_it_expects(service: Crm, plural: str) -> None:
    path = f"/v1/{plural}/by-external-id/shop/{fresh('version')}"
    body = upsert_body(service, plural)
    problem(service.client.put(path, json=body, headers={"If-Match": '"1"'}), 412)
    service.client.put(path, json=body)
    field = TEXT_FIELD[plural]
    changed = body | {field: "B"}
    assert service.client.put(path, json=changed, headers={"If-Match": '"1"'}).status_code == 200
    problem(service.client.put(path, json=changed, headers={"If-Match": '"1"'}), 412)


@each_resource
def test_an_upsert_keeps_the_reference_that_found_the_record(service: Crm, plural: str) -> None:
    external, other = fresh("kept"), ref()
    path = f"/v1/{plural}/by-external-id/shop/{external}"
    body = upsert_body(service, plural, external_refs=[other])
    own = {"source": "shop", "id": external}
    assert service.client.put(path, json=body).json()["external_refs"] == [own, other]
    again = service.client.put(path, json=body | {"external_refs": []})
    assert again.json()["external_refs"] == [own]


@each_resource
@pytest.mark.parametrize(
    "external", ["a b", "ä", "😀", "a/b", "100%", "a?b#c", "%00x", "..a", "A&b=c+d"]
)
def test_any_allowed_external_id_can_be_a_path(service: Crm, plural: str, external: str) -> None:
    external = fresh(external)
    path = f"/v1/{plural}/by-external-id/shop/{quote(external, safe='')}"
    created = service.client.put(path, json=upsert_body(service, plural))
    assert created.status_code == 201, created.text
    assert created.json()["external_refs"] == [{"source": "shop", "id": external}]


@each_resource
@pytest.mark.parametrize("external", ["%ff", "%ed%a0%80", "%00", "%0a", "%20x", "x" * 201])
def test_an_external_id_that_no_record_can_have_is_refused(
    service: Crm, plural: str, external: str
) -> None:
    body = upsert_body(service, plural)
    answer = service.client.put(f"/v1/{plural}/by-external-id/shop/{external}", json=body)
    assert answer.status_code in (400, 422), answer.text
    problem(answer, answer.status_code)


@each_resource
def test_if_none_match_creates_and_never_changes(service: Crm, plural: str) -> None:
    path = f"/v1/{plural}/by-external-id/shop/{ref()['id']}"
    body, only_new = upsert_body(service, plural), {"If-None-Match": "*"}
    made = service.client.put(path, json=body, headers=only_new)
    assert made.status_code == 201, made.text
    found = problem(service.client.put(path, json=body, headers=only_new), 412, "stale_version")
    assert found["existing_id"] == made.json()["id"]
    named = service.client.put(path, json=body, headers={"If-None-Match": '"1"'})
    problem(named, 400, "unreadable_request")
    assert service.client.get(f"/v1/{plural}/{made.json()['id']}").json()["version"] == 1


@each_resource
def test_an_upsert_does_not_drop_silently_what_cannot_change(service: Crm, plural: str) -> None:
    path = f"/v1/{plural}/by-external-id/shop/{ref()['id']}"
    body = upsert_body(service, plural)
    assert service.client.put(path, json=body).status_code == 201
    assert service.client.put(path, json=body).status_code == 200
    if plural == "contacts":
        other = {"kind": "organisation"}
    else:
        other = {"contact_id": service.create("contacts", kind="person", name="Kern")["id"]}
    found = problem(service.client.put(path, json=body | other), 422, "fixed_at_creation")
    assert found["errors"][0]["pointer"] == f"/body/{next(iter(other))}"
    if plural != "contacts":
        body.pop("contact_id")
        gone = body | {"contact_ref": {"source": "shop", "id": "gone"}}
        problem(service.client.put(path, json=gone), 422, "contact_missing")


@each_resource
def test_a_batch_does_each_item_for_itself(service: Crm, plural: str) -> None:
    field, placed = TEXT_FIELD[plural], place(service, plural)
    old, gone = make(service, plural, **placed), make(service, plural, **placed)
    taken = ref()
    make(service, plural, **placed, external_refs=[taken])
    new = short(service, plural, **placed)
    items: list[dict[str, Any]] = [
        {"action": "create", "data": new},
        {"action": "create", "data": new | {"external_refs": [taken]}},
        {"action": "update", "id": old["id"], "data": {field: "B"}},
        {"action": "update", "id": old["id"], "version": 1, "data": {field: "C"}},
        {"action": "update", "id": old["id"], "data": {field: "B"}},
        {"action": "upsert", "ref": ref(), "data": new},
        {"action": "upsert", "ref": taken, "mode": "create", "data": new},
        {"action": "upsert", "ref": ref(), "mode": "update", "data": new},
        {"action": "delete", "id": gone["id"]},
        {"action": "delete", "id": gone["id"]},
    ]
    _, cursor = feed(service.client)
    answer = service.client.post(f"/v1/{plural}/batch", json={"items": items})
    assert answer.status_code == 207, answer.text
    results = answer.json()["items"]
    statuses = [item["status"] for item in results]
    assert statuses == [201, 409, 200, 412, 200, 201, 409, 404, 204, 404]
    assert [item["index"] for item in results] == list(range(10))
    codes = [item["problem"] and item["problem"]["code"] for item in results]
    assert codes[1] == "external_ref_taken"
    assert results[1]["problem"]["existing_id"] is not None
    assert all((item["problem"] is None) == (item["status"] < 400) for item in results)
    told = [item["type"].split(".")[2] for item in feed(service.client, after=cursor)[0]]
    assert told == ["created", "updated", "created", "deleted"]


@each_resource
def test_an_atomic_batch_does_all_or_nothing(service: Crm, plural: str) -> None:
    placed, first = place(service, plural), ref()
    new = short(service, plural, **placed)
    items: list[dict[str, Any]] = [
        {"action": "create", "data": new | {"external_refs": [first]}},
        {"action": "delete", "id": "01977b3a-5c00-7000-8000-00000000ffff"},
    ]
    _, cursor = feed(service.client)
    answer = service.client.post(f"/v1/{plural}/batch?atomic=true", json={"items": items})
    found = problem(answer, 422, "batch_undone")
    assert [(e["pointer"], e["code"]) for e in found["errors"]] == [("/body/items/1", "not_found")]
    assert feed(service.client, after=cursor)[0] == []
    good = service.client.post(f"/v1/{plural}/batch?atomic=true", json={"items": items[:1]})
    assert [item["status"] for item in good.json()["items"]] == [201]


def test_an_atomic_batch_tells_which_field_of_which_item_is_wrong(service: Crm) -> None:
    contact = place(service, "deals")["contact_id"]
    lost = {"contact_id": contact, "stage": "new", "won_reason": "price"}
    items = [
        {"action": "create", "data": {"contact_id": contact}},
        {"action": "create", "data": lost},
    ]
    answer = service.client.post("/v1/deals/batch?atomic=true", json={"items": items})
    found = problem(answer, 422, "batch_undone")
    assert [(e["pointer"], e["code"]) for e in found["errors"]] == [
        ("/body/items/1/data/won_reason", "not_closed")
    ]


MALFORMED: list[tuple[Any, str]] = [
    (5, "/action"),
    ({}, "/action"),
    ({"action": "destroy"}, "/action"),
    ({"action": ["create"]}, "/action"),
    ({"action": "create"}, "/data"),
    ({"action": "create", "data": {"tags": 5}}, "/data/tags"),
    ({"action": "create", "data": {"unheard_of": 5}}, "/data/unheard_of"),
    ({"action": "update", "id": "no-id", "data": {}}, "/id"),
    ({"action": "update", "id": "01977b3a-5c00-7000-8000-00000000ffff", "data": []}, "/data"),
    ({"action": "upsert", "ref": {"source": "shop"}, "data": {}}, "/ref/id"),
    ({"action": "delete", "id": 10**30}, "/id"),
]


@each_resource
def test_a_malformed_item_spoils_no_other_and_tells_where_it_is_wrong(
    service: Crm, plural: str
) -> None:
    good = {"action": "create", "data": short(service, plural)}
    items = [good, *(item for item, _ in MALFORMED), good]
    answer = service.client.post(f"/v1/{plural}/batch", json={"items": items})
    assert answer.status_code == 207, answer.text
    first, *results, last = answer.json()["items"]
    assert (first["status"], last["status"]) == (201, 201)
    for (item, pointer), result in zip(MALFORMED, results, strict=True):
        assert result["status"] == 422, item
        assert pointer in [error["pointer"] for error in result["problem"]["errors"]], result


@each_resource
def test_an_atomic_batch_names_every_malformed_item_and_writes_none(
    service: Crm, plural: str
) -> None:
    good = {"action": "create", "data": short(service, plural)}
    _, cursor = feed(service.client)
    answer = service.client.post(
        f"/v1/{plural}/batch?atomic=true", json={"items": [good, *(i for i, _ in MALFORMED)]}
    )
    found = problem(answer, 422, "batch_undone")
    pointers = [error["pointer"] for error in found["errors"]]
    for index, (_, pointer) in enumerate(MALFORMED, start=1):
        assert f"/body/items/{index}{pointer}" in pointers
    assert feed(service.client, after=cursor)[0] == []


@pytest.mark.parametrize("number", [b"1e400", b"-1e400", b"1" * 400])
def test_a_number_that_no_field_can_hold_is_not_taken_for_null(service: Crm, number: bytes) -> None:
    data = b'{"contact_ref":{"source":"a","id":"b"},"kind":"survey_response","nps":' + number
    body = b'{"items":[{"action":"create","data":' + data + b"}}]}"
    answer = service.client.post(
        "/v1/interactions/batch", content=body, headers={"Content-Type": "application/json"}
    )
    if answer.status_code == 207:
        (result,) = answer.json()["items"]
        assert result["problem"]["errors"][0]["pointer"] == "/data/nps"
    else:
        problem(answer, answer.status_code)


@each_resource
def test_a_batch_takes_500_items_and_no_more(service: Crm, plural: str) -> None:
    item = {"action": "create", "data": short(service, plural)}
    full = service.client.post(f"/v1/{plural}/batch", json={"items": [item] * 500})
    assert {result["status"] for result in full.json()["items"]} == {201}
    problem(service.client.post(f"/v1/{plural}/batch", json={"items": [item] * 501}), 422)
    problem(service.client.post(f"/v1/{plural}/batch", json={"items": []}), 422)


def test_a_body_of_more_than_a_mebibyte_is_refused_before_it_is_read(service: Crm) -> None:
    problem(service.client.post("/v1/contacts", content=b" " * 1_048_577,
                                headers={"Content-Type": "application/json"}), 413, "too_large")  # fmt: skip

    def chunks() -> Any:
        for _ in range(40):
            yield b" " * 65_536

    answer = service.client.post(
        "/v1/contacts", content=chunks(), headers={"Content-Type": "application/json"}
    )
    problem(answer, 413)


@each_resource
@pytest.mark.parametrize("how", ["patch", "upsert", "batch"])
def test_nested_fields_that_are_not_sent_get_the_same_values_on_every_way(
    service: Crm, plural: str, how: str
) -> None:
    nested: dict[str, Any] = {  # type: ignore[assignment]
        "contacts": {"external_refs": [ref()]},
        "interactions": {"ratings": [{"dimension": "product", "perception": 5}]},
        "deals": {"lines": [{"name": "Oak table"}]},
    }[plural]
    kind = {"kind": "survey_response"} if plural == "interactions" else {}
    known = ref()
    made = make(service, plural, **kind, external_refs=[known])
    expected = make(service, plural, **kind, **({} if plural == "contacts" else nested))
    path = f"/v1/{plural}/{made['id']}"
    occurred = {"occurred_at": made["occurred_at"]} if plural == "interactions" else {}
    if how == "patch":
        answer = service.patch(path, nested, version=1)
        assert answer.status_code == 200, answer.text
    elif how == "upsert":
        by_ref = f"/v1/{plural}/by-external-id/shop/{known['id']}"
        assert service.client.put(by_ref, json=nested | occurred).status_code == 200
    else:
        items = [{"action": "update", "id": made["id"], "data": nested}]
        done = service.client.post(f"/v1/{plural}/batch", json={"items": items}).json()
        assert done["items"][0]["status"] == 200, done
    (name,) = nested
    if plural != "contacts":
        assert service.client.get(path).json()[name] == expected[name]


def test_everything_that_can_be_created_can_be_upserted(service: Crm) -> None:
    for plural in RESOURCES:
        body = EVERYTHING[plural] | place(service, plural)
        path = f"/v1/{plural}/by-external-id/shop/{fresh('all')}"
        made = service.client.put(path, json=body | ADMITTED.get(plural, {}))
        assert made.status_code == 201, made.text
        assert {name: made.json()[name] for name in body} == body
