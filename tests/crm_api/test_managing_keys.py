"""Keys over HTTP: shown once, handing on no more than their maker has, rotated, limited, revoked."""

import asyncio
import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from services.crm_api.scopes import SCOPES
from services.foundation import migrating
from services.foundation.connecting import connect
from services.foundation.statements import Statement
from services.foundation.tables import idempotency_records, keys
from shared.values import wire_instant
from tests.conftest import BOTH, Crm, MakeCrm, Templates, store_key
from tests.crm_api.bodies import all_pages, fresh, problem
from tests.live import client

MERGE = "application/merge-patch+json"
ALL = (Statement(select(keys)), Statement(select(idempotency_records)))
both = pytest.mark.parametrize("kind", BOTH)


def make(crm: Crm, by: httpx.Client | None = None, **fields: Any) -> dict[str, Any]:
    body = {"name": "Shop", "scopes": ["contacts:read"], **fields}
    answer = (by or crm.client).post("/v1/keys", json=body)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


def patch(
    crm: Crm, id: str, fields: dict[str, Any], *, version: int | str, by: httpx.Client | None = None
) -> httpx.Response:
    match = "*" if version == "*" else f'"{version}"'
    headers = {"Content-Type": MERGE, "If-Match": match}
    return (by or crm.client).patch(f"/v1/keys/{id}", json=fields, headers=headers)


def rotate(crm: Crm, id: str, seconds: int) -> str:
    answer = crm.client.post(f"/v1/keys/{id}/rotate", json={"grace_seconds": seconds})
    assert answer.status_code == 200, answer.text
    assert answer.json()["id"] == id
    return str(answer.json()["key"])


def status(crm: Crm, key: str, path: str = "/v1/contacts?limit=1") -> int:
    with client(crm.url, key) as one:
        return one.get(path).status_code


def soon(holds: Callable[[], bool], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def stored(crm: Crm) -> str:
    """Return all that is stored about keys and repeated requests, as one text."""

    async def read() -> str:
        database = connect(crm.settings.database_url)
        await database.open()
        try:
            return json.dumps([await database.all(each) for each in ALL], default=str)
        finally:
            await database.close()

    return asyncio.run(read())


def own_id(crm: Crm) -> str:
    return crm.key.split("_")[2]


def test_a_made_key_does_what_it_may_and_is_shown_this_once(service: Crm) -> None:
    end = wire_instant(datetime.now(UTC) + timedelta(days=1))
    answer = service.client.post(
        "/v1/keys",
        json={"name": "Till", "scopes": ["deals:read", "deals:read"], "expires_at": end},
    )
    assert answer.status_code == 201
    made = answer.json()
    assert answer.headers["location"] == f"/v1/keys/{made['id']}"
    assert answer.headers["cache-control"] == "no-store"
    assert made["scopes"] == ["deals:read"]
    assert (made["expires_at"], made["created_by"]) == (end, own_id(service))
    assert made["key"].split("_")[2] == made["id"]
    assert status(service, made["key"], "/v1/deals") == 200
    assert status(service, made["key"], "/v1/contacts") == 403
    secret = made["key"].split("_")[3]
    for path in (f"/v1/keys/{made['id']}", "/v1/keys?limit=200"):
        shown = service.client.get(path)
        assert made["id"] in shown.text and secret not in shown.text
        assert "key" not in shown.json() and "hash" not in shown.text
    assert made["id"] in stored(service) and secret not in stored(service)


def test_a_creation_that_is_sent_again_makes_no_second_key_and_its_answer_was_not_kept(
    service: Crm,
) -> None:
    headers = {"Idempotency-Key": fresh("key")}
    body = {"name": fresh("Once"), "scopes": ["contacts:read"]}
    first = service.client.post("/v1/keys", json=body, headers=headers)
    again = service.client.post("/v1/keys", json=body, headers=headers)
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.headers["idempotent-replayed"] == "true"
    assert again.json() == first.json() | {"key": None}
    listed = all_pages(service.client, "/v1/keys?limit=200")
    assert [each["name"] for each in listed].count(body["name"]) == 1
    path = f"/v1/keys/{first.json()['id']}/rotate"
    headers = {"Idempotency-Key": fresh("key")}
    turned = [
        service.client.post(path, json={"grace_seconds": 60}, headers=headers) for _ in range(2)
    ]
    assert turned[1].json() == turned[0].json() | {"key": None}
    assert status(service, turned[0].json()["key"]) == 200
    for answer in (first, turned[0]):
        assert answer.json()["key"].split("_")[3] not in stored(service)


def test_a_key_gives_on_only_what_it_has_itself(service: Crm) -> None:
    with service.client_with("keys:manage", "contacts:read") as mine:
        made = make(service, mine)
        wide = {"name": "x", "scopes": ["contacts:read", "deals:write", "contacts:pii"]}
        refused = problem(mine.post("/v1/keys", json=wide), 403, "scope_not_held")
        assert {each["message"] for each in refused["errors"]} == {"deals:write", "contacts:pii"}
        assert "contacts:pii, deals:write" in refused["detail"]
        more = {"scopes": ["contacts:read", "deals:read"]}
        refused = problem(patch(service, made["id"], more, version=1, by=mine), 403)
        assert "deals:read" in refused["detail"]

        other = make(service, scopes=["deals:write", "contacts:read"])
        path = f"/v1/keys/{other['id']}"
        # With its next secret it would be ours, and a longer life or a larger quota is a gift, too.
        problem(mine.post(f"{path}/rotate", json={"grace_seconds": 0}), 403, "scope_not_held")
        gifts = ({"expires_at": "2099-01-01T00:00:00Z"}, {"requests_per_minute": 9})
        # Narrowed, it could be rotated; renamed, it would be taken for another.
        for fields in (*gifts, {"scopes": ["contacts:read"]}, {"name": "n"}):
            refused = problem(
                patch(service, other["id"], fields, version=1, by=mine), 403, "scope_not_held"
            )
            assert refused["errors"] == [
                {"pointer": "/path/id", "code": "scope_not_held", "message": "deals:write"}
            ]
        assert service.client.get(path).json()["version"] == 1
        assert status(service, other["key"]) == 200


def test_a_larger_key_is_revoked_by_whoever_manages_keys(service: Crm) -> None:
    larger = make(service, scopes=["deals:write", "contacts:read"])
    with service.client_with("keys:manage") as mine:
        assert mine.delete(f"/v1/keys/{larger['id']}").status_code == 204
    soon(lambda: status(service, larger["key"]) == 401, 7)


def test_nobody_shuts_himself_out(service: Crm) -> None:
    with service.client_with("keys:manage", "contacts:read") as mine:
        id = mine.headers["authorization"].split("_")[2]
        problem(mine.delete(f"/v1/keys/{id}"), 409, "own_key")
        less = {"scopes": ["contacts:read"]}
        problem(patch(service, id, less, version=1, by=mine), 409, "own_key")
        assert mine.get(f"/v1/keys/{id}").json()["revoked_at"] is None
        assert patch(service, id, {"name": "still"}, version=1, by=mine).status_code == 200


def test_a_patch_changes_what_it_names_from_the_version_that_was_read(service: Crm) -> None:
    made = make(service, requests_per_minute=7, expires_at="2099-01-01T00:00:00Z")
    first = patch(service, made["id"], {"name": "Web", "expires_at": None}, version=1)
    assert first.status_code == 200
    wanted = {k: v for k, v in made.items() if k != "key"}
    assert first.json() == wanted | {"name": "Web", "expires_at": None, "version": 2}
    assert first.headers["etag"] == '"2"'
    problem(patch(service, made["id"], {"name": "Old"}, version=1), 412, "stale_version")
    same = patch(service, made["id"], {"name": "Web", "requests_per_minute": 7}, version=2)
    assert same.json()["version"] == 2
    path = f"/v1/keys/{made['id']}"
    bare = service.client.patch(path, json={"name": "x"}, headers={"Content-Type": MERGE})
    problem(bare, 428, "version_required")
    assert service.client.get(path).json() == first.json()


def test_of_many_patches_of_one_version_one_wins(service: Crm) -> None:
    id = make(service)["id"]
    with ThreadPoolExecutor(8) as pool:
        answers = list(
            pool.map(lambda n: patch(service, id, {"name": f"n{n}"}, version=1), range(8))
        )
    assert sorted(each.status_code for each in answers) == [200] + [412] * 7
    assert service.client.get(f"/v1/keys/{id}").json()["version"] == 2


BAD: tuple[dict[str, Any], ...] = (
    {"scopes": []},
    {"scopes": ["everything"]},
    {"scopes": None},
    {"name": ""},
    {"name": None},
    {"name": "x" * 101},
    {"expires_at": "2020-01-01T00:00:00Z"},
    {"expires_at": "2099-01-01"},
    {"requests_per_minute": 0},
    {"requests_per_minute": 1_000_001},
    {"id": "abcdefgh"},
    {"created_by": "abcdefgh"},
    {"secret_hash": "0" * 64},
    {"revoked_at": None},
)


@pytest.mark.parametrize("fields", BAD, ids=str)
def test_what_a_key_cannot_be_is_refused(service: Crm, fields: dict[str, Any]) -> None:
    good = {"name": "Shop", "scopes": ["contacts:read"]}
    problem(service.client.post("/v1/keys", json=good | fields), 422, "invalid_request")
    made = make(service)
    problem(patch(service, made["id"], fields, version=1), 422, "invalid_request")


@pytest.mark.parametrize("seconds", [-1, 604_801, "60", None])
def test_a_grace_is_at_most_seven_days(service: Crm, seconds: Any) -> None:
    path = f"/v1/keys/{make(service)['id']}/rotate"
    problem(service.client.post(path, json={"grace_seconds": seconds}), 422)
    problem(service.client.post(path, json={}), 422)
    assert rotate(service, path.split("/")[3], 604_800)


def test_a_key_that_is_not_there_is_not_found(service: Crm) -> None:
    path = "/v1/keys/abcdefgh"
    problem(service.client.get(path), 404)
    problem(service.client.delete(path), 404)
    problem(service.client.post(f"{path}/rotate", json={"grace_seconds": 0}), 404)
    problem(patch(service, "abcdefgh", {"name": "x"}, version="*"), 404)
    for strange in ("~abcdefg", "abcdefghi", "a b", "%00"):
        problem(service.client.get(f"/v1/keys/{strange}"), 422)


def test_a_revoked_key_is_refused_within_seconds_and_stays_so(service: Crm) -> None:
    made = make(service)
    old = rotate(service, made["id"], 3600)
    assert status(service, made["key"]) == status(service, old) == 200
    path = f"/v1/keys/{made['id']}"
    assert service.client.delete(path).status_code == 204
    soon(lambda: status(service, made["key"]) == status(service, old) == 401, 7)
    revoked = service.client.get(path).json()
    assert revoked["revoked_at"] is not None and revoked["previous_secret_until"] is None
    assert service.client.delete(path).status_code == 204
    problem(patch(service, made["id"], {"name": "x"}, version="*"), 409, "key_is_over")
    problem(service.client.post(f"{path}/rotate", json={"grace_seconds": 0}), 409, "key_is_over")
    assert service.client.get(path).json() == revoked


def test_a_rotation_without_grace_ends_the_secrets_before_it(service: Crm) -> None:
    first = make(service)
    second = rotate(service, first["id"], 3600)
    third = rotate(service, first["id"], 0)
    assert [status(service, key) for key in (first["key"], second, third)] == [401, 401, 200]
    shown = service.client.get(f"/v1/keys/{first['id']}").json()
    assert (shown["previous_secret_until"], shown["version"]) == (None, 3)


@both
def test_secrets_from_before_a_rotation_are_good_until_the_grace_ends(
    make_crm: MakeCrm, kind: str
) -> None:
    now = [datetime.now(UTC)]
    crm = make_crm(kind, clock=lambda: now[0])
    first = make(crm)
    second = rotate(crm, first["id"], 3600)
    # As after a lost answer: the secret that is in use goes on.
    third = rotate(crm, first["id"], 7200)
    shown = crm.client.get(f"/v1/keys/{first['id']}").json()
    assert shown["previous_secret_until"] == wire_instant(now[0] + timedelta(hours=2))
    now[0] += timedelta(minutes=59)
    assert [status(crm, key) for key in (first["key"], second, third)] == [200, 200, 200]
    now[0] += timedelta(minutes=2)
    # A checked secret is remembered for seconds.
    soon(lambda: status(crm, first["key"]) == 401, 7)
    assert [status(crm, key) for key in (second, third)] == [200, 200]
    now[0] += timedelta(hours=1)
    soon(lambda: status(crm, second) == 401, 7)
    assert status(crm, third) == 200
    assert crm.client.get(f"/v1/keys/{first['id']}").json()["previous_secret_until"] is None


def test_an_expired_key_is_rotated_only_after_it_was_prolonged(make_crm: MakeCrm) -> None:
    now = [datetime.now(UTC)]
    crm = make_crm("sqlite", clock=lambda: now[0])
    made = make(crm, expires_at=wire_instant(now[0] + timedelta(hours=1)))
    now[0] += timedelta(hours=2)
    assert status(crm, made["key"]) == 401
    path = f"/v1/keys/{made['id']}/rotate"
    problem(crm.client.post(path, json={"grace_seconds": 0}), 409, "key_is_over")
    assert patch(crm, made["id"], {"expires_at": None}, version=1).status_code == 200
    assert status(crm, made["key"]) == 200
    assert status(crm, rotate(crm, made["id"], 0)) == 200


def test_a_key_has_the_quota_that_it_was_given(service: Crm) -> None:
    made = make(service, requests_per_minute=3)
    with client(service.url, made["key"]) as one:
        # The minute may turn between two requests; then it is full once more.
        answers = [one.get("/v1/contacts?limit=1") for _ in range(8)]
        forbidden = one.get("/v1/deals")
    assert answers[0].headers["ratelimit"].startswith('"default";r=2;t=')
    assert [each.status_code for each in answers[:3]] == [200] * 3
    refused = next(each for each in answers if each.status_code == 429)
    problem(refused, 429, "quota_exceeded")
    assert "3 requests" in refused.json()["detail"]
    assert forbidden.status_code in (429, 403)
    for each in (*answers, forbidden):
        assert each.headers["ratelimit-policy"] == '"default";q=3;w=60'
    other = service.client.get("/v1/contacts?limit=1")
    assert other.headers["ratelimit-policy"] == '"default";q=10000000;w=60'
    assert patch(service, made["id"], {"requests_per_minute": None}, version=1).status_code == 200

    def is_free() -> bool:
        with client(service.url, made["key"]) as one:
            policy: str = one.get("/v1/contacts").headers["ratelimit-policy"]
            return policy == other.headers["ratelimit-policy"]

    soon(is_free, 7)


def test_asking_for_what_is_forbidden_uses_up_the_quota(service: Crm) -> None:
    made = make(service, requests_per_minute=2)
    with client(service.url, made["key"]) as one:
        assert 429 in [one.get("/v1/deals").status_code for _ in range(6)]


@both
def test_the_last_use_is_written_at_most_once_a_minute_and_when_the_service_stops(
    make_crm: MakeCrm, kind: str
) -> None:
    crm = make_crm(kind)
    made = make(crm)
    path = f"/v1/keys/{made['id']}"
    assert made["last_used_at"] is None
    before = datetime.now(UTC)
    assert status(crm, made["key"]) == 200
    soon(lambda: crm.client.get(path).json()["last_used_at"] is not None, 5)
    first = crm.client.get(path).json()
    assert before <= datetime.fromisoformat(first["last_used_at"]) <= datetime.now(UTC)
    time.sleep(0.01)
    assert status(crm, made["key"]) == 200
    later = datetime.now(UTC)
    time.sleep(2.5)
    assert crm.client.get(path).json() == first
    crm.restart()
    last = crm.client.get(path).json()
    assert first["last_used_at"] < last["last_used_at"] <= wire_instant(later)
    assert last["version"] == 1


@both
def test_the_list_holds_every_key_once_the_newest_first(make_crm: MakeCrm, kind: str) -> None:
    crm = make_crm(kind)
    made = [make(crm, name=f"n{number}")["id"] for number in range(5)]
    assert crm.client.delete(f"/v1/keys/{made[2]}").status_code == 204
    listed = [each["id"] for each in all_pages(crm.client, "/v1/keys?limit=2")]
    assert listed == [*reversed(made), own_id(crm)]
    first = crm.client.get("/v1/keys?limit=2")
    assert first.headers["link"] == f'<{first.json()["next"]}>; rel="next"'
    assert "next" not in crm.client.get("/v1/keys?limit=6").json()
    problem(crm.client.get("/v1/keys?cursor=WyI5YzI4Il0"), 422)
    problem(crm.client.get("/v1/keys?name=n1"), 422)


@both
def test_the_documented_bodies_are_accepted(make_crm: MakeCrm, kind: str) -> None:
    crm = make_crm(kind)
    paths = crm.client.get("/openapi.json").json()["paths"]

    def example(path: str, method: str) -> Any:
        (content,) = paths[path][method]["requestBody"]["content"].values()
        return content["examples"]["typical"]["value"]

    made = crm.client.post("/v1/keys", json=example("/v1/keys", "post"))
    assert made.status_code == 201, made.text
    id = made.json()["id"]
    assert patch(crm, id, example("/v1/keys/{id}", "patch"), version=1).json()["version"] == 2
    body = example("/v1/keys/{id}/rotate", "post")
    assert crm.client.post(f"/v1/keys/{id}/rotate", json=body).status_code == 200


@both
@pytest.mark.parametrize("service_name", ["crm_api", "analytics"])
def test_keys_outlive_a_step_of_the_schema_down_and_up(
    templates: Templates, tmp_path: Path, kind: str, service_name: str
) -> None:
    earlier = {"crm_api": "2026_11_23_first", "analytics": "2026_11_24_known_amounts"}
    url = templates.fresh(service_name, kind, tmp_path)
    key = store_key(url, scopes=SCOPES, name="kept")
    migrating.downgrade(service_name, url, earlier[service_name])
    migrating.upgrade(service_name, url)

    async def read() -> list[Any]:
        database = connect(url)
        await database.open()
        try:
            return await database.all(ALL[0])
        finally:
            await database.close()

    (row,) = asyncio.run(read())
    assert (row["id"], row["name"]) == (key.split("_")[2], "kept")
    assert (row["previous_secrets"], row["version"], row["last_used_at"]) == ([], 1, None)


def test_every_key_reads_what_it_may_do_itself(service: Crm) -> None:
    made = make(
        service,
        name="Shop",
        scopes=["deals:read", "contacts:read"],
        expires_at="2099-12-31T23:00:00Z",
        requests_per_minute=77,
    )
    with client(service.url, made["key"]) as one:
        answer = one.get("/v1/keys/self")
        problem(one.get(f"/v1/keys/{made['id']}"), 403, "scope_missing")
    assert answer.json() == {
        "id": made["id"],
        "name": "Shop",
        "is_token": False,
        "scopes": ["contacts:read", "deals:read"],
        "expires_at": made["expires_at"],
        "requests_per_minute": 77,
    }
    own = service.client.get("/v1/keys/self").json()
    assert own["scopes"] == sorted(SCOPES)
    assert own["expires_at"] is None
    assert own["requests_per_minute"] == service.settings.crm_requests_per_minute
