"""JWT access tokens: the issuer's are let in with their scopes, every other is refused with its reason."""

import base64
import hashlib
import hmac
import json
import logging
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from joserfc.jwk import OctKey, RSAKey
from pydantic import ValidationError

from services.analytics.app import create_app as create_analytics
from services.analytics.settings import Settings as AnalyticsSettings
from services.crm_api.app import create_app
from services.crm_api.settings import Settings
from services.foundation.application import utc_now
from services.foundation.tokens import InvalidKeySet
from shared.values import wire_instant
from tests.conftest import BOTH, Crm, MakeCrm, Templates
from tests.crm_api.bodies import fresh, problem
from tests.live import LiveServer, client
from tests.tokens import (
    ALGORITHMS,
    AUDIENCE,
    ISSUER,
    JwksServer,
    claims,
    key_set,
    signed,
    signing_key,
    token,
)

PUBLISHED = ("rsa-1", "ec-1", "ed-1")
TRUST: dict[str, Any] = {"jwt_issuer": ISSUER, "jwt_audience": AUDIENCE}


@pytest.fixture(scope="module")
def jwks_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("issuer") / "jwks.json"
    path.write_text(json.dumps(key_set(*PUBLISHED)))
    return path


@pytest.fixture(scope="module", params=BOTH)
def trusting(
    request: pytest.FixtureRequest,
    templates: Templates,
    tmp_path_factory: pytest.TempPathFactory,
    jwks_file: Path,
) -> Iterator[Crm]:
    """A CRM that trusts an issuer."""
    folder = tmp_path_factory.mktemp("trusting")
    settings = Settings(
        data_dir=folder,
        crm_database_url=templates.fresh("crm_api", request.param, folder),
        crm_requests_per_minute=1_000_000,
        log_requests=False,
        jwt_jwks_file=jwks_file,
        **TRUST,
    )
    crm = Crm(settings, utc_now)
    yield crm
    crm.stop()


def ask(crm: Crm, bearer: str, path: str = "/v1/contacts?limit=1") -> httpx.Response:
    with client(crm.url, bearer) as one:
        return one.get(path)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_token_of_the_issuer_may_do_what_its_scopes_say(trusting: Crm, algorithm: str) -> None:
    mine = token(algorithm, scope="contacts:read contacts:write openid")
    with client(trusting.url, mine) as one:
        made = one.post("/v1/contacts", json={"kind": "person", "name": "Weber"})
        assert made.status_code == 201
        assert made.json()["is_redacted"] is True
        assert one.get(f"/v1/contacts/{made.json()['id']}").status_code == 200
        problem(one.get("/v1/deals"), 403, "scope_missing")
        assert one.get("/v1/contacts").headers["ratelimit"].startswith('"default";r=')
    problem(ask(trusting, token(algorithm, scope=None)), 403, "scope_missing")


def test_keys_are_good_beside_tokens(trusting: Crm) -> None:
    assert trusting.client.get("/v1/contacts?limit=1").status_code == 200


@pytest.mark.parametrize(
    "changed",
    [
        {"header": {"typ": "application/at+jwt"}},
        {"header": {"typ": "AT+JWT"}},
        {"header": {"x5t": "abc", "something": "else"}},
        {"aud": ["https://other.example.org", AUDIENCE]},
        {"exp": int(time.time()) - 20},
        {"exp": time.time() + 3600.5},
        {"iat": int(time.time()) + 20},
        {"nbf": int(time.time()) + 20},
        {"sub": "Jörg 'Weber' <x>"},
    ],
    ids=lambda claims: "-".join(sorted(claims)),
)
def test_what_the_standard_allows_is_allowed(trusting: Crm, changed: dict[str, Any]) -> None:
    if "exp" in changed and changed["exp"] < time.time():
        changed = {"exp": int(time.time()) - 20}
    answer = ask(trusting, token(**changed))
    assert answer.status_code == 200, answer.text


NOW = int(time.time())
PAST = NOW - 10_000
REFUSED: list[tuple[str, Callable[[], str]]] = [
    ("malformed_token", lambda: "a.b.c"),
    ("malformed_token", lambda: ".."),
    ("malformed_token", lambda: token()[:-3] + "é"),
    ("malformed_token", lambda: token(sub="x" * 9000)),
    ("malformed_token", lambda: "W10." + token().split(".", 1)[1]),
    ("malformed_token", lambda: segment(["alg"]) + "." + token().split(".", 1)[1]),
    ("malformed_token", lambda: of_payload(b"[1]")),
    ("malformed_token", lambda: of_payload(b"\xff")),
    ("malformed_token", lambda: of_payload(b'{"exp": NaN}')),
    ("wrong_algorithm", lambda: unsigned("none")),
    ("wrong_algorithm", lambda: unsigned("NONE")),
    ("wrong_algorithm", lambda: unsigned(["ES256"])),
    ("wrong_algorithm", lambda: hmac_signed("HS256", "rsa-1")),
    ("wrong_algorithm", lambda: hmac_signed("HS512", "ec-1")),
    ("wrong_algorithm", lambda: token("ES256", kid="ec-1", header={"kid": "rsa-1"})),
    ("wrong_algorithm", lambda: hmac_signed("RS256", "ec-1")),
    ("wrong_signature", lambda: hmac_signed("RS256", "rsa-1")),
    ("wrong_signature", lambda: unsigned("ES256")),
    ("wrong_signature", lambda: token("RS256", kid="rsa-9", header={"kid": "rsa-1"})),
    ("wrong_signature", lambda: token("ES256", kid="ec-9", header={"kid": "ec-1"})),
    ("wrong_signature", lambda: token("EdDSA", kid="ed-9", header={"kid": "ed-1"})),
    ("wrong_signature", lambda: token("PS256", header={"alg": "RS256"})),
    ("wrong_signature", lambda: with_other_claims(token(), sub="admin")),
    ("wrong_type", lambda: token(header={"typ": "JWT"})),
    ("wrong_type", lambda: token(header={"typ": None})),
    ("wrong_type", lambda: token(header={"typ": "id+jwt"})),
    ("wrong_type", lambda: token(header={"typ": 1})),
    ("unknown_extension", lambda: token(header={"crit": ["exp"]})),
    ("unknown_key", lambda: token(kid="ec-9")),
    ("unknown_key", lambda: token(header={"kid": None})),
    ("unknown_key", lambda: token(header={"kid": 7})),
    ("expired", lambda: token(exp=PAST)),
    ("expired", lambda: token(exp=int(time.time()) - 31)),
    ("expired", lambda: token(exp=-(10**30))),
    ("not_yet_valid", lambda: token(iat=int(time.time()) + 60)),
    ("not_yet_valid", lambda: token(nbf=int(time.time()) + 60)),
    ("wrong_audience", lambda: token(aud="https://other.example.org")),
    ("wrong_audience", lambda: token(aud=["a", "b"])),
    ("wrong_audience", lambda: token(aud=AUDIENCE + "/more")),
    ("wrong_audience", lambda: token(aud={AUDIENCE: 1})),
    ("wrong_issuer", lambda: token(iss="https://evil.example.org/")),
    ("wrong_issuer", lambda: token(iss=ISSUER.rstrip("/"))),
    ("malformed_claim", lambda: token(exp="2099-01-01")),
    ("malformed_claim", lambda: token(exp=True)),
    ("malformed_claim", lambda: token(iat=[1])),
    ("malformed_claim", lambda: token(sub=7)),
    ("malformed_claim", lambda: token(client_id={"a": 1})),
    ("malformed_claim", lambda: token(jti=7)),
    ("malformed_claim", lambda: token(scope=["contacts:read"])),
    *(
        ("missing_claim", lambda name=name: token(**without(name)))
        for name in ("iss", "aud", "exp", "iat", "sub", "client_id", "jti")
    ),
    ("missing_claim", lambda: token(sub="")),
]


def without(name: str) -> dict[str, Any]:
    return {name: None}


def segment(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def of_payload(payload: bytes) -> str:
    header = {"alg": "ES256", "typ": "at+jwt", "kid": "ec-1"}
    return signed(header, payload, signing_key("ec-1"), "ES256")


def unsigned(algorithm: Any) -> str:
    header = {"alg": algorithm, "typ": "at+jwt", "kid": "ec-1"}
    return f"{segment(header)}.{segment(claims())}."


def hmac_signed(algorithm: str, kid: str) -> str:
    """Sign as HS256 with a public key as the secret, which a careless library takes."""
    public: Any = signing_key(kid)
    secret = public.as_pem(private=False)
    start = f"{segment({'alg': algorithm, 'typ': 'at+jwt', 'kid': kid})}.{segment(claims())}"
    digest = hmac.new(secret, start.encode(), hashlib.sha256).digest()
    return f"{start}.{base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}"


def with_other_claims(good: str, **changed: Any) -> str:
    head, _, signature = good.split(".")
    return f"{head}.{segment(claims(**changed))}.{signature}"


@pytest.mark.parametrize(
    ("failed", "make"),
    REFUSED,
    ids=[f"{failed}-{number}" for number, (failed, _) in enumerate(REFUSED)],
)
def test_a_token_that_fails_a_check_is_refused_with_its_name_and_nothing_of_the_token(
    trusting: Crm, failed: str, make: Callable[[], str]
) -> None:
    bad = make()
    headers: Any = {"Authorization": f"Bearer {bad}".encode()}
    with client(trusting.url, None) as stranger:
        for _ in range(2):
            answer = stranger.get("/v1/contacts", headers=headers)
            found = problem(answer, 401, "unauthenticated")
            assert [error["code"] for error in found["errors"]] == [failed], found
    assert 'error="invalid_token"' in answer.headers["www-authenticate"]
    for part in bad.split("."):
        assert len(part) < 5 or part not in answer.text
    for told in ("evil", "anna", "2099-01-01"):
        assert told not in answer.text


def test_a_token_is_let_in_no_longer_than_it_lives(make_crm: MakeCrm, jwks_file: Path) -> None:
    crm = make_crm("sqlite", jwt_jwks_file=jwks_file, **TRUST)
    # It ends within the leeway, which is the time it may be late, not time for which it is remembered.
    mine = token(exp=int(time.time()) - 28)
    assert ask(crm, mine).status_code == 200
    deadline = time.monotonic() + 6
    while (answer := ask(crm, mine)).status_code == 200:
        assert time.monotonic() < deadline
        time.sleep(0.2)
    assert problem(answer, 401)["errors"][0]["code"] == "expired"


@pytest.mark.parametrize("kind", BOTH)
def test_a_user_writes_under_an_id_of_his_own_that_no_key_has(
    make_crm: MakeCrm, jwks_file: Path, kind: str
) -> None:
    crm = make_crm(kind, jwt_jwks_file=jwks_file, **TRUST)
    headers = {"Idempotency-Key": fresh("twice")}
    body = {"kind": "person", "name": "Weber"}
    scope = "contacts:read contacts:write keys:manage"

    def write(**changed: Any) -> str:
        with client(crm.url, token(scope=scope, **changed)) as one:
            answer = one.post("/v1/contacts", json=body, headers=headers)
            assert answer.status_code == 201, answer.text
            return str(answer.json()["id"])

    # One user, two tokens: the same caller; another user is another, and so is a key.
    assert write() == write(client_id="app")
    assert write(sub="max") != write()
    made = crm.client.post("/v1/contacts", json=body, headers=headers)
    assert made.json()["id"] not in (write(), write(sub="max"))
    with client(crm.url, token(scope=scope)) as one:
        end = wire_instant(utc_now() + timedelta(days=365))
        sent = {"name": "x", "scopes": ["contacts:read"], "expires_at": end}
        key = one.post("/v1/keys", json=sent).json()
        assert key["created_by"].startswith("~") and len(key["created_by"]) == 8
        more = one.post("/v1/keys", json={**sent, "scopes": ["deals:read"]})
        problem(more, 403, "scope_not_held")
        problem(one.get(f"/v1/keys/{key['created_by']}"), 422)
    assert ask(crm, key["key"]).status_code == 200


def test_what_a_user_makes_with_a_token_ends_within_a_year(trusting: Crm) -> None:
    body = {"name": "x", "scopes": ["contacts:read"]}
    within, beyond = (wire_instant(utc_now() + timedelta(days=days)) for days in (360, 370))
    endless = trusting.client.post("/v1/keys", json=body).json()
    path = f"/v1/keys/{endless['id']}"
    with client(trusting.url, token(scope="contacts:read keys:manage")) as user:
        for end in (None, beyond):
            refused = problem(user.post("/v1/keys", json={**body, "expires_at": end}), 422)
            assert refused["errors"][0]["code"] == "outlives_maker"
        made = user.post("/v1/keys", json={**body, "expires_at": within})
        assert made.status_code == 201, made.text
        headers = {"If-Match": "*", "Content-Type": "application/merge-patch+json"}
        mine = f"/v1/keys/{made.json()['id']}"
        problem(user.patch(mine, json={"expires_at": None}, headers=headers), 422)
        problem(user.post(f"{path}/rotate", json={"grace_seconds": 0}), 422)
        assert user.patch(path, json={"expires_at": within}, headers=headers).status_code == 200
        assert user.post(f"{path}/rotate", json={"grace_seconds": 0}).status_code == 200


def test_a_service_that_trusts_nobody_takes_no_token(service: Crm) -> None:
    problem(ask(service, token()), 401, "unauthenticated")


def test_analytics_takes_tokens_as_well(
    templates: Templates, tmp_path: Path, jwks_file: Path
) -> None:
    settings = AnalyticsSettings(
        data_dir=tmp_path,
        analytics_database_url=templates.fresh("analytics", "sqlite", tmp_path),
        log_requests=False,
        jwt_jwks_file=jwks_file,
        **TRUST,
    )
    with LiveServer(create_analytics(settings, schedules=False)) as live:
        path = "/v1/refreshes"
        for scope, good in (("analytics:read", True), ("contacts:read", False)):
            with client(live.url, token(scope=scope)) as one:
                assert (one.get(path).status_code == 403) is not good
        with client(live.url, token(aud="x")) as one:
            problem(one.get(path), 401)


def remote(make_crm: MakeCrm, jwks: JwksServer, kind: str = "sqlite") -> Crm:
    return make_crm(kind, jwt_jwks_url=jwks.url, jwt_allow_loopback_http=True, **TRUST)


@pytest.mark.parametrize("kind", BOTH)
def test_a_new_key_of_the_issuer_is_fetched_when_it_is_first_seen_and_then_at_most_once_a_minute(
    make_crm: MakeCrm, kind: str
) -> None:
    with JwksServer(key_set("ec-1")) as jwks:
        crm = remote(make_crm, jwks, kind)
        assert ask(crm, token()).status_code == 200
        assert jwks.count == 1
        jwks.keys = key_set("ec-1", "ec-2")
        assert ask(crm, token(kid="ec-2")).status_code == 200
        assert jwks.count == 2
        for number in range(5):
            problem(ask(crm, token(header={"kid": f"made-up-{number}"})), 401)
        assert jwks.count == 2


def test_the_keys_stay_good_while_their_place_is_away(make_crm: MakeCrm) -> None:
    with JwksServer(key_set("ec-1")) as jwks:
        crm = remote(make_crm, jwks)
        assert ask(crm, token()).status_code == 200
        jwks.stop()
        problem(ask(crm, token(kid="ec-2")), 401)
        assert ask(crm, token(sub="other")).status_code == 200


@pytest.mark.parametrize(
    ("status", "keys"),
    [(500, key_set("ec-9")), (302, key_set("ec-9")), (200, {}), (200, {"keys": []}), (200, [])],
    ids=["500", "302", "no set", "empty", "list"],
)
def test_a_bad_answer_of_the_place_of_keys_changes_nothing(
    make_crm: MakeCrm, status: int, keys: Any
) -> None:
    with JwksServer(key_set("ec-1")) as jwks:
        crm = remote(make_crm, jwks)
        assert ask(crm, token()).status_code == 200
        jwks.status, jwks.keys = status, keys
        problem(ask(crm, token(kid="ec-9")), 401)
        assert jwks.count == 2
        assert ask(crm, token(sub="other")).status_code == 200


def test_without_any_key_yet_a_token_is_told_to_come_back_and_keys_work(make_crm: MakeCrm) -> None:
    with JwksServer(key_set("ec-1"), status=503) as jwks:
        crm = remote(make_crm, jwks)
        refused = ask(crm, token())
        problem(refused, 503, "unavailable")
        assert int(refused.headers["retry-after"]) >= 1
        assert crm.client.get("/v1/contacts").status_code == 200
        jwks.status = 200
        deadline = time.monotonic() + 15
        while ask(crm, token()).status_code != 200:
            assert time.monotonic() < deadline
            time.sleep(0.2)


def test_a_slow_place_of_keys_holds_no_request_for_long(make_crm: MakeCrm) -> None:
    with JwksServer(key_set("ec-1"), delay_seconds=4) as jwks:
        started = time.monotonic()
        crm = remote(make_crm, jwks)
        assert crm.client.get("/v1/contacts").status_code == 200
        problem(ask(crm, token()), 503)
        assert time.monotonic() - started < 3.8
        while ask(crm, token()).status_code != 200:
            assert time.monotonic() - started < 10
        jwks.delay_seconds = 5
        before = time.monotonic()
        problem(ask(crm, token(kid="ec-9")), 401)
        assert time.monotonic() - before < 3.5
        assert ask(crm, token(sub="other")).status_code == 200


def test_an_answer_of_any_length_is_read_up_to_a_limit(make_crm: MakeCrm) -> None:
    with JwksServer(key_set("ec-1", padding="x" * 300_000)) as jwks:
        crm = remote(make_crm, jwks)
        problem(ask(crm, token()), 503)


@pytest.mark.parametrize(
    "given",
    [
        {"jwt_issuer": ISSUER},
        {"jwt_audience": AUDIENCE},
        {"jwt_jwks_file": "jwks.json"},
        {**TRUST},
        {**TRUST, "jwt_jwks_file": "jwks.json", "jwt_jwks_url": "https://a.example.org"},
        {**TRUST, "jwt_jwks_url": "http://login.example.org/jwks"},
        {**TRUST, "jwt_jwks_url": "http://127.0.0.1/jwks"},
        {**TRUST, "jwt_jwks_url": "http://10.0.0.1/", "jwt_allow_loopback_http": True},
        {**TRUST, "jwt_jwks_url": "http://localhost.evil.org/", "jwt_allow_loopback_http": True},
        {**TRUST, "jwt_jwks_url": "file:///etc/passwd"},
        {**TRUST, "jwt_jwks_url": "https://"},
        {**TRUST, "jwt_jwks_url": "https://user:secret@login.example.org/"},
    ],
    ids=str,
)
def test_settings_that_trust_by_half_or_unsafely_are_refused(given: dict[str, Any]) -> None:
    for settings in (Settings, AnalyticsSettings):
        with pytest.raises(ValidationError, match="PHASEWISE_JWT"):
            settings(**given)


def weak() -> dict[str, Any]:
    return {**RSAKey.generate_key(1024).as_dict(private=False), "kid": "rsa-1"}


@pytest.mark.parametrize(
    "keys",
    [
        b"",
        b"[]",
        b'{"keys": 7}',
        b'{"keys": [7, null, {}]}',
        json.dumps({"keys": [OctKey.generate_key(256).as_dict(private=True) | {"kid": "a"}]}),
        json.dumps({"keys": [weak()]}),
        json.dumps({"keys": [key_set("ec-1")["keys"][0] | {"use": "enc"}]}),
        json.dumps({"keys": [key_set("ec-1")["keys"][0] | {"alg": "ES384"}]}),
        json.dumps({"keys": [key_set("ec-1")["keys"][0] | {"alg": ["ES256"]}]}),
        json.dumps({"keys": [key_set("ec-1")["keys"][0] | {"kid": None}]}),
        json.dumps({"keys": [key_set("ec-1")["keys"][0] | {"x": "AAAA"}]}),
    ],
    ids=range(11),
)
def test_a_file_without_a_usable_key_does_not_start_the_service(
    tmp_path: Path, keys: bytes | str
) -> None:
    path = tmp_path / "jwks.json"
    path.write_bytes(keys if isinstance(keys, bytes) else keys.encode())
    url = "sqlite:///never-opened.sqlite3"
    with pytest.raises(InvalidKeySet):
        create_app(Settings(crm_database_url=url, jwt_jwks_file=path, **TRUST))


def test_a_key_that_is_not_understood_does_not_spoil_the_others(
    make_crm: MakeCrm, tmp_path: Path
) -> None:
    path = tmp_path / "jwks.json"
    mixed = [
        {"kty": "AKP", "kid": "x"},
        weak(),
        {"kty": ["EC"], "kid": "y"},
        *key_set("ec-1")["keys"],
    ]
    path.write_text(json.dumps({"keys": mixed}))
    crm = make_crm("sqlite", jwt_jwks_file=path, **TRUST)
    assert ask(crm, token()).status_code == 200
    problem(ask(crm, token("RS256")), 401)


def test_a_file_that_was_replaced_is_read_when_a_new_key_is_seen(
    make_crm: MakeCrm, tmp_path: Path
) -> None:
    path = tmp_path / "jwks.json"
    path.write_text(json.dumps(key_set("ec-1")))
    crm = make_crm("sqlite", jwt_jwks_file=path, **TRUST)
    assert ask(crm, token()).status_code == 200
    path.write_text(json.dumps(key_set("ec-2")))
    assert ask(crm, token(kid="ec-2")).status_code == 200
    problem(ask(crm, token(sub="other")), 401)


def test_the_log_holds_nothing_of_a_token(
    make_crm: MakeCrm, jwks_file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    crm = make_crm("sqlite", jwt_jwks_file=jwks_file, **TRUST)
    crm.settings = crm.settings.model_copy(update={"log_requests": True})
    crm.restart()
    caplog.set_level(logging.DEBUG)
    mine = token(sub="canary-7f3a")
    assert ask(crm, mine).status_code == 200
    problem(ask(crm, token(sub="canary-7f3a", exp=PAST)), 401)
    told = "\n".join(f"{each.getMessage()} {each.__dict__}" for each in caplog.records)
    assert [each for each in caplog.records if each.getMessage() == "request"]
    assert "canary-7f3a" not in told and mine.split(".")[1] not in told


@pytest.mark.parametrize(
    ("exp", "shown"),
    [
        (4_000_000_000, "2096-10-02T07:06:40.000000Z"),
        (10**15, "9999-12-31T00:00:00.000000Z"),
    ],
)
def test_a_token_reads_what_it_may_do_itself(trusting: Crm, exp: int, shown: str) -> None:
    mine = token(sub="anna", scope="contacts:read openid", exp=exp)
    own = ask(trusting, mine, "/v1/keys/self").json()
    assert own["id"].startswith("~")
    assert (own["name"], own["is_token"], own["scopes"]) == ("anna", True, ["contacts:read"])
    assert own["expires_at"] == shown
