"""Writes that are sent again, one after the other and all at once."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from tests.conftest import Crm
from tests.crm_api.bodies import RESOURCES, TEXT_FIELD, feed, fresh, make, problem, ref, short
from tests.live import client

each_resource = pytest.mark.parametrize("plural", RESOURCES)
MERGE = {"Content-Type": "application/merge-patch+json"}


def twice(send: Callable[[], httpx.Response]) -> tuple[httpx.Response, httpx.Response]:
    first, second = send(), send()
    assert first.status_code == second.status_code
    assert first.content == second.content
    assert "idempotent-replayed" not in first.headers
    assert second.headers["idempotent-replayed"] == "true"
    for name in ("etag", "location", "content-type"):
        assert first.headers.get(name) == second.headers.get(name)
    return first, second


@each_resource
def test_every_kind_of_write_can_be_repeated_and_happens_once(service: Crm, plural: str) -> None:
    mine = service.client
    body, known = short(service, plural), fresh("again")
    made = make(service, plural)
    path, changed = f"/v1/{plural}/{made['id']}", {TEXT_FIELD[plural]: "B"}
    item = {"action": "create", "data": body}
    _, cursor = feed(mine)

    def key() -> dict[str, str]:
        return {"Idempotency-Key": fresh("key")}

    match, keys = {"If-Match": '"1"'}, [key() for _ in range(6)]
    twice(lambda: mine.post(f"/v1/{plural}", json=body, headers=keys[0]))
    by_ref = f"/v1/{plural}/by-external-id/shop/{known}"
    twice(lambda: mine.put(by_ref, json=body, headers=keys[1]))
    twice(lambda: mine.patch(path, json=changed, headers=keys[2] | match | MERGE))
    twice(lambda: mine.delete(path, headers=keys[3] | {"If-Match": '"2"'}))
    twice(lambda: mine.post(f"{path}/restore", headers=keys[4]))
    twice(lambda: mine.post(f"/v1/{plural}/batch", json={"items": [item, item]}, headers=keys[5]))
    told = [change["type"].split(".")[2] for change in feed(mine, after=cursor)[0]]
    assert told == ["created", "created", "updated", "deleted", "restored", "created", "created"]


@each_resource
def test_a_key_with_another_request_is_refused(service: Crm, plural: str) -> None:
    headers = {"Idempotency-Key": fresh("other")}
    body = short(service, plural)
    first = service.client.post(f"/v1/{plural}", json=body, headers=headers)
    assert first.status_code == 201
    changed = body | {TEXT_FIELD[plural]: "B"}
    found = problem(
        service.client.post(f"/v1/{plural}", json=changed, headers=headers),
        422,
        "idempotency_key_reused",
    )
    assert found["errors"][0]["pointer"] == "/headers/Idempotency-Key"
    path = f"/v1/{plural}/{first.json()['id']}"
    assert service.client.post(f"{path}/restore", headers=headers).status_code == 404
    batch = {"items": [{"action": "create", "data": body}]}
    assert (
        service.client.post(f"/v1/{plural}/batch", json=batch, headers=headers).status_code == 207
    )


def test_a_key_belongs_to_its_caller(service: Crm) -> None:
    headers = {"Idempotency-Key": fresh("mine")}
    body = {"kind": "person", "name": "Weber"}
    first = service.client.post("/v1/contacts", json=body, headers=headers)
    with service.client_with("contacts:write", "contacts:read") as other:
        second = other.post("/v1/contacts", json=body, headers=headers)
    assert first.json()["id"] != second.json()["id"]


def test_a_quoted_key_is_the_same_key(service: Crm) -> None:
    key = fresh("quoted")
    answers = [
        service.client.post(
            "/v1/contacts",
            json={"kind": "person", "name": "Weber"},
            headers={"Idempotency-Key": sent},
        )
        for sent in (key, f'"{key}"')
    ]
    assert answers[0].content == answers[1].content


@pytest.mark.parametrize(
    "key", ["", '""', '"a', 'a"b', "a b", "x" * 256, "ä".encode("latin-1"), "a\tb"]
)
def test_a_key_that_is_no_key_is_refused(service: Crm, key: str | bytes) -> None:
    headers: Any = {"Idempotency-Key": key}
    problem(
        service.client.post(
            "/v1/contacts", json={"kind": "person", "name": "Weber"}, headers=headers
        ),
        400,
    )


@each_resource
def test_a_request_that_failed_is_not_stored(service: Crm, plural: str) -> None:
    headers, taken = {"Idempotency-Key": fresh("failed")}, ref()
    holder = make(service, plural, external_refs=[taken])
    body = short(service, plural, external_refs=[taken])
    problem(service.client.post(f"/v1/{plural}", json=body, headers=headers), 409)
    service.client.delete(f"/v1/{plural}/{holder['id']}", headers={"If-Match": "*"})
    again = service.client.post(f"/v1/{plural}", json=body, headers=headers)
    assert again.status_code == 201
    assert "idempotent-replayed" not in again.headers


@each_resource
@pytest.mark.parametrize("has_reference", [False, True])
def test_eight_twins_at_once_make_one_record_and_get_one_answer(
    service: Crm, plural: str, has_reference: bool
) -> None:
    body = short(service, plural, **({"external_refs": [ref()]} if has_reference else {}))
    for _ in range(3):
        key = {"Idempotency-Key": fresh("twins")}
        if has_reference:
            body = body | {"external_refs": [ref()]}
        _, cursor = feed(service.client)
        sent = json.dumps(body)

        def send(_: int, *, sent: str = sent, key: dict[str, str] = key) -> httpx.Response:
            headers = key | {"Content-Type": "application/json"}
            with client(service.url, service.key) as one:
                return one.post(f"/v1/{plural}", content=sent, headers=headers)

        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(send, range(8)))
        assert [answer.status_code for answer in answers] == [201] * 8
        assert len({answer.content for answer in answers}) == 1
        assert sum("idempotent-replayed" in answer.headers for answer in answers) == 7
        told = feed(service.client, after=cursor)[0]
        assert [change["data"]["version"] for change in told] == [1]


@each_resource
@pytest.mark.parametrize("how", ["create", "upsert", "batch"])
def test_eight_who_want_the_same_reference_make_one_record(
    service: Crm, plural: str, how: str
) -> None:
    body = short(service, plural)
    for _ in range(3):
        wanted = ref()
        _, cursor = feed(service.client)

        def send(_: int, *, wanted: dict[str, str] = wanted) -> httpx.Response:
            with client(service.url, service.key) as one:
                if how == "create":
                    return one.post(f"/v1/{plural}", json=body | {"external_refs": [wanted]})
                if how == "upsert":
                    return one.put(f"/v1/{plural}/by-external-id/shop/{wanted['id']}", json=body)
                items = [{"action": "upsert", "ref": wanted, "data": body}]
                return one.post(f"/v1/{plural}/batch", json={"items": items})

        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(send, range(8)))
        statuses = sorted(
            answer.json()["items"][0]["status"] if how == "batch" else answer.status_code
            for answer in answers
        )
        assert statuses == ([201] + [409] * 7 if how == "create" else [200] * 7 + [201])
        told = feed(service.client, after=cursor)[0]
        assert [change["data"]["version"] for change in told] == [1]
