"""One record's life: created, read, changed, trashed, restored, the same for each resource."""

from typing import Any

import pytest

from tests.conftest import Crm
from tests.crm_api.bodies import (
    ADMITTED,
    EVERYTHING,
    RESOURCES,
    SINGULAR,
    TEXT_FIELD,
    all_pages,
    feed,
    make,
    place,
    problem,
    ref,
    short,
)

MERGE = "application/merge-patch+json"
each_resource = pytest.mark.parametrize("plural", RESOURCES)


@each_resource
def test_what_was_entered_is_read_back_with_every_field(service: Crm, plural: str) -> None:
    entered = EVERYTHING[plural] | place(service, plural) | {"external_refs": [ref(), ref()]}
    answer = service.client.post(f"/v1/{plural}", json=entered | ADMITTED.get(plural, {}))
    assert answer.status_code == 201, answer.text
    assert answer.headers["etag"] == '"1"'
    path = answer.headers["location"]
    read = service.client.get(path)
    assert read.json() == answer.json()
    assert {name: read.json()[name] for name in entered} == entered
    assert path == f"/v1/{plural}/{read.json()['id']}"
    assert read.headers["cache-control"] == "no-store"


@each_resource
def test_every_field_of_the_document_is_in_every_answer_null_when_unknown(
    service: Crm, plural: str
) -> None:
    schemas = service.client.get("/openapi.json").json()["components"]["schemas"]
    documented = set(schemas[SINGULAR[plural].title()]["properties"])
    made = make(service, plural)
    assert set(made) == documented
    (listed,) = service.client.get(f"/v1/{plural}", params={"id": made["id"]}).json()["items"]
    assert listed == made
    assert made[TEXT_FIELD[plural]] is None
    assert made["external_refs"] == []


@each_resource
@pytest.mark.parametrize(
    "field", ["id", "version", "created_at", "updated_at", "deleted_at", "secret"]
)
def test_a_caller_cannot_set_what_the_service_keeps(service: Crm, plural: str, field: str) -> None:
    body = short(service, plural) | {field: "2025-01-01T00:00:00Z"}
    found = problem(service.client.post(f"/v1/{plural}", json=body), 422)
    assert found["errors"][0]["pointer"] == f"/body/{field}"


@each_resource
def test_a_change_needs_the_version_it_was_made_from(service: Crm, plural: str) -> None:
    made, field = make(service, plural), TEXT_FIELD[plural]
    path = f"/v1/{plural}/{made['id']}"
    bare = service.client.patch(path, json={field: "A"}, headers={"Content-Type": MERGE})
    problem(bare, 428, "version_required")
    problem(service.patch(path, {field: "A"}, version=7), 412, "stale_version")
    answer = service.patch(path, {field: "A"}, version=1)
    assert (answer.status_code, answer.headers["etag"]) == (200, '"2"')
    assert answer.json() == service.client.get(path).json()
    problem(service.patch(path, {field: "B"}, version=1), 412, "stale_version")
    assert service.patch(path, {field: "B"}, version="*").json()["version"] == 3
    for stale in ('"abc"', 'W/"3"', "3"):
        headers = {"Content-Type": MERGE, "If-Match": stale}
        refused = service.client.patch(path, json={field: "C"}, headers=headers)
        assert refused.status_code in (400, 412), stale


@each_resource
def test_a_reader_who_has_the_newest_version_is_told_so(service: Crm, plural: str) -> None:
    path = f"/v1/{plural}/{make(service, plural)['id']}"
    same = service.client.get(path, headers={"If-None-Match": '"1"'})
    assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", '"1"')
    assert service.client.get(path, headers={"If-None-Match": '"2"'}).status_code == 200
    for same_in_other_words in ("*", 'W/"1"', '"7", "1"'):
        headers = {"If-None-Match": same_in_other_words}
        assert service.client.get(path, headers=headers).status_code == 304


@each_resource
def test_merge_patch_sets_sent_fields_clears_nulls_and_leaves_the_rest(
    service: Crm, plural: str
) -> None:
    entered = EVERYTHING[plural] | place(service, plural) | {"external_refs": [ref()]}
    made = service.create(plural, **entered)
    path, field = f"/v1/{plural}/{made['id']}", TEXT_FIELD[plural]
    refs = [ref()]
    answer = service.patch(path, {field: None, "external_refs": refs}, version=1)
    assert answer.status_code == 200, answer.text
    changed = {name for name, value in answer.json().items() if value != made[name]}
    assert changed <= {field, "external_refs", "version", "updated_at", "display_name"}
    assert answer.json()[field] is None
    assert answer.json()["external_refs"] == refs


@each_resource
def test_a_patch_of_another_media_type_is_refused(service: Crm, plural: str) -> None:
    made = make(service, plural)
    headers = {"If-Match": '"1"'}
    path = f"/v1/{plural}/{made['id']}"
    problem(service.client.patch(path, json={}, headers=headers), 415, "unsupported_media_type")
    problem(service.client.post(f"/v1/{plural}", content=b"a=1"), 415)


@each_resource
def test_a_write_that_changes_nothing_writes_nothing(service: Crm, plural: str) -> None:
    entered = EVERYTHING[plural] | place(service, plural) | {"external_refs": [ref()]}
    made = service.create(plural, **entered)
    _, cursor = feed(service.client)
    patchable = dict(entered)
    for fixed in ("kind", "contact_id", "opened_at", "stage_history"):
        patchable.pop(fixed, None)
    answer = service.patch(f"/v1/{plural}/{made['id']}", patchable, version=1)
    assert answer.status_code == 200, answer.text
    assert answer.json() == made
    source, external = entered["external_refs"][0].values()
    same = service.client.put(f"/v1/{plural}/by-external-id/{source}/{external}", json=patchable)
    assert same.json() == made
    assert feed(service.client, after=cursor)[0] == []


@each_resource
def test_the_trash_hides_a_record_until_it_is_restored(service: Crm, plural: str) -> None:
    made = make(service, plural)
    path = f"/v1/{plural}/{made['id']}"
    problem(service.client.delete(path), 428)
    problem(service.client.delete(path, headers={"If-Match": '"9"'}), 412)
    gone = service.client.delete(path, headers={"If-Match": '"1"'})
    assert (gone.status_code, gone.content) == (204, b"")
    problem(service.client.get(path), 404, "not_found")
    problem(service.patch(path, {}, version="*"), 404)
    problem(service.client.delete(path, headers={"If-Match": "*"}), 404)
    assert all_pages(service.client, f"/v1/{plural}?id={made['id']}") == []
    exported = service.client.get(f"/v1/exports/{plural}", params={"id": made["id"]})
    assert exported.content == b""
    back = service.client.post(f"{path}/restore")
    assert (back.status_code, back.headers["etag"]) == (200, '"3"')
    kept = {"version", "updated_at"}
    assert {k: v for k, v in back.json().items() if k not in kept} == {
        k: v for k, v in made.items() if k not in kept
    }
    problem(service.client.post(f"{path}/restore"), 404)


@each_resource
def test_the_feed_tells_each_write_with_version_and_field_names(service: Crm, plural: str) -> None:
    placed = place(service, plural)
    _, cursor = feed(service.client)
    made = service.create(plural, **short(service, plural, **placed, **{TEXT_FIELD[plural]: "A"}))
    path = f"/v1/{plural}/{made['id']}"
    patched = service.client.patch(
        path,
        json={TEXT_FIELD[plural]: "B"},
        headers={"If-Match": "*", "Content-Type": MERGE},
    )
    service.client.delete(path, headers={"If-Match": "*"})
    service.client.post(f"{path}/restore")
    items, _ = feed(service.client, after=cursor)
    name = SINGULAR[plural]
    told = [(item["type"], item["subject"], item["data"]["version"]) for item in items]
    assert told == [
        (f"crm.{name}.{action}.v1", f"{plural}/{made['id']}", version)
        for version, action in enumerate(("created", "updated", "deleted", "restored"), start=1)
    ]
    assert items[1]["data"] == {
        "version": 2,
        "changed": [TEXT_FIELD[plural]],
        "request_id": patched.headers["x-request-id"],
    }
    assert len({item["id"] for item in items}) == 4


@each_resource
def test_an_external_reference_belongs_to_one_live_record(service: Crm, plural: str) -> None:
    shared = ref()
    first = make(service, plural, external_refs=[shared])
    other = make(service, plural)
    taken = problem(
        service.client.post(f"/v1/{plural}", json=short(service, plural, external_refs=[shared])),
        409,
    )
    assert (taken["code"], taken["existing_id"]) == ("external_ref_taken", first["id"])
    refused = service.patch(f"/v1/{plural}/{other['id']}", {"external_refs": [shared]}, version=1)
    problem(refused, 409, "external_ref_taken")
    service.client.delete(f"/v1/{plural}/{first['id']}", headers={"If-Match": "*"})
    second = make(service, plural, external_refs=[shared])
    blocked = problem(service.client.post(f"/v1/{plural}/{first['id']}/restore"), 409)
    assert blocked["existing_id"] == second["id"]
    service.patch(f"/v1/{plural}/{second['id']}", {"external_refs": []}, version="*")
    assert service.client.post(f"/v1/{plural}/{first['id']}/restore").status_code == 200


def test_two_resources_may_have_the_same_external_reference(service: Crm) -> None:
    shared = ref()
    for plural in RESOURCES:
        make(service, plural, external_refs=[shared])


@each_resource
def test_a_reference_that_is_named_twice_counts_once(service: Crm, plural: str) -> None:
    shared = ref()
    made = make(service, plural, external_refs=[shared, shared])
    by_ref = f"/v1/{plural}/by-external-id/shop/{shared['id']}"
    again: dict[str, Any] = (
        {"occurred_at": "2025-02-03T10:00:00Z"} if plural == "interactions" else {}
    )
    assert service.client.put(by_ref, json=again).json()["id"] == made["id"]


@each_resource
def test_an_unknown_id_is_not_found_and_a_malformed_one_is_invalid(
    service: Crm, plural: str
) -> None:
    unknown = f"/v1/{plural}/01977b3a-5c00-7000-8000-00000000ffff"
    problem(service.client.get(unknown), 404, "not_found")
    for malformed in ("1", "x" * 300, "01977B3A-5C00-7000-8000-00000000FFFF", "%00"):
        problem(service.client.get(f"/v1/{plural}/{malformed}"), 422, "invalid_request")


def test_paths_and_methods_outside_the_document_answer_problems(service: Crm) -> None:
    problem(service.client.get("/v1/nothing"), 404)
    problem(service.client.get("/v1/contacts/"), 404)
    refused = service.client.put("/v1/contacts")
    problem(refused, 405)
    assert refused.headers["allow"] == "GET, POST"


def test_every_answer_names_its_request_and_hides_the_server(service: Crm) -> None:
    """By an id of ours: who sends one id with several requests must not make them one."""
    seen = set()
    for path in ("/v1/contacts", "/v1/nothing", "/livez"):
        headers = service.client.get(path, headers={"X-Request-Id": "mine-1"}).headers
        seen.add(headers["x-request-id"])
        assert headers["x-content-type-options"] == "nosniff"
        assert "server" not in headers
    assert {len(each) for each in seen} == {36}
    assert len(seen) == 3


def test_a_foreign_host_name_is_refused(service: Crm) -> None:
    problem(service.client.get("/v1/contacts", headers={"Host": "evil.example.org"}), 400)
