"""JWT access tokens (RFC 9068, RFC 8725): whose signature counts, which claims are checked, who calls.

The service is a resource server: tokens are made elsewhere, and only their public keys are known here.
"""

import asyncio
import base64
import hashlib
import logging
import math
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import orjson
from joserfc import jws
from joserfc.errors import BadSignatureError, JoseError
from joserfc.jwk import JWKRegistry, Key, RSAKey

from services.foundation.calls import Principal
from services.foundation.problems import FieldError, Unauthenticated, Unavailable
from services.foundation.settings import TokenRules

log = logging.getLogger("phasewise")

ALGORITHMS = frozenset({"RS256", "PS256", "ES256", "EdDSA"})
TOKEN_MARK = "~"
"""Begins the `key_id` of a token's subject; no key's id holds it."""

LEEWAY_SECONDS = 30
REMEMBER_SECONDS = 300.0
_LONGEST_TOKEN = 8192
_LONGEST_SET = 256 * 1024
_SHORTEST_RSA_BITS = 2048
_LATEST = datetime(9999, 12, 31, tzinfo=UTC).timestamp()
_LONGEST_NAME = 100

_AGAIN_SECONDS = 600.0
_RETRY_SECONDS = 60.0
_FIRST_RETRY_SECONDS = 5.0
_UNKNOWN_KEY_SECONDS = 60.0
_WAIT_SECONDS = 2.0
_FETCH_SECONDS = 10.0

# What of a JWK is public, and what it may verify: by its type and curve, never by the token alone.
_MEMBERS = {"RSA": ("n", "e"), "EC": ("crv", "x", "y"), "OKP": ("crv", "x")}
_FITTING: Mapping[tuple[Any, Any], frozenset[str]] = {
    ("RSA", None): frozenset({"RS256", "PS256"}),
    ("EC", "P-256"): frozenset({"ES256"}),
    ("OKP", "Ed25519"): frozenset({"EdDSA"}),
}


class InvalidToken(Unauthenticated):
    """A token that is refused; the answer says which check failed and repeats nothing of it."""

    def __init__(self, failed: str, detail: str) -> None:
        super().__init__(detail, errors=[FieldError("/headers/Authorization", failed, detail)])


class InvalidKeySet(ValueError):
    """What should be a set of keys (RFC 7517) is none, or holds no key that can be used."""


@dataclass(frozen=True)
class _Key:
    """A public key of the issuer and the algorithms that it may be used with."""

    key: Key
    algorithms: frozenset[str]


class _Registry(jws.JWSRegistry):
    """Our algorithms and no others; the library warns at each use of EdDSA, which RFC 9068 allows."""

    max_header_length = 4096
    max_payload_length = _LONGEST_TOKEN

    def get_alg(self, name: str) -> Any:
        if name not in ALGORITHMS:
            raise JoseError("algorithm")
        return self.algorithms[name]


_REGISTRY = _Registry(algorithms=sorted(ALGORITHMS), strict_check_header=False)


def read_key_set(text: bytes) -> dict[str, _Key]:
    """Return the keys of a JWK set that can verify our algorithms, by their `kid`.

    Keys for encryption, symmetric ones, short ones and those without `kid` are passed over.

    Raises
    ------
    InvalidKeySet
        It is no set, or there is no such key in it.
    """
    try:
        listed = list(orjson.loads(text)["keys"])
    except (ValueError, TypeError, KeyError):
        raise InvalidKeySet("this is no JWK set (RFC 7517)") from None
    keys: dict[str, _Key] = {}
    for given in listed:
        # A key that is not understood does not spoil the others (RFC 7517, section 5).
        with suppress(JoseError, ValueError, TypeError, KeyError, AttributeError):
            key = _read_key(given) if _is_usable(given) else None
            if key is not None:
                keys.setdefault(given["kid"], key)
    if not keys:
        raise InvalidKeySet("no key in it has a kid and verifies RS256, PS256, ES256 or EdDSA")
    return keys


def _is_usable(given: Mapping[str, Any]) -> bool:
    operations = given.get("key_ops")
    return (
        isinstance(given.get("kid"), str)
        and given.get("use") in (None, "sig")
        and (operations is None or "verify" in operations)
    )


def _read_key(given: Mapping[str, Any]) -> _Key | None:
    kind = given.get("kty")
    algorithms = _FITTING.get((kind, given.get("crv")), frozenset())
    if given.get("alg") is not None:
        algorithms &= {given["alg"]}
    if not algorithms:
        return None
    public = {"kty": kind, **{name: given[name] for name in _MEMBERS[str(kind)]}}
    key = JWKRegistry.import_key(public)
    if isinstance(key, RSAKey) and key.raw_value.key_size < _SHORTEST_RSA_BITS:
        return None
    return _Key(key, algorithms)


def _from_file(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_LONGEST_SET)


class _KeySet:
    """The issuer's keys: cached, read anew in the background, kept while their place is away."""

    def __init__(self, read: Callable[[], Awaitable[bytes]]) -> None:
        self._read = read
        self.keys: dict[str, _Key] = {}
        self._is_newest = False
        self._reading: asyncio.Task[None] | None = None
        self._may_look_at = 0.0

    async def find(self, kid: str) -> _Key:
        """Return the key of this name; one that is not known makes us look, at most once a minute.

        Raises
        ------
        InvalidToken
            There is no such key.
        Unavailable
            The keys could not be read so far.
        """
        found = self.keys.get(kid)
        if found is not None:
            return found
        if not self._is_being_read() and time.monotonic() >= self._may_look_at:
            self._may_look_at = time.monotonic() + _UNKNOWN_KEY_SECONDS
            self._reading = asyncio.create_task(self._refresh())
        if self._reading is not None and not self._reading.done():
            await asyncio.wait({self._reading}, timeout=_WAIT_SECONDS)
        found = self.keys.get(kid)
        if found is not None:
            return found
        if not self.keys:
            raise Unavailable("The keys of the token's issuer cannot be read now. Try again soon.")
        raise InvalidToken("unknown_key", "No key of the issuer has the kid that the token names.")

    async def follow(self) -> None:
        """Read the keys now and then, for ever."""
        while True:
            if not self._is_being_read():
                self._reading = asyncio.create_task(self._refresh())
            assert self._reading is not None
            await asyncio.wait({self._reading})
            if self._is_newest:
                await asyncio.sleep(_AGAIN_SECONDS)
            else:
                await asyncio.sleep(_RETRY_SECONDS if self.keys else _FIRST_RETRY_SECONDS)

    def stop(self) -> None:
        if self._reading is not None:
            self._reading.cancel()

    def _is_being_read(self) -> bool:
        return self._reading is not None and not self._reading.done()

    async def _refresh(self) -> None:
        self._is_newest = False
        try:
            async with asyncio.timeout(_FETCH_SECONDS):
                self.keys = read_key_set(await self._read())
            self._is_newest = True
        except (OSError, httpx.HTTPError, InvalidKeySet) as error:
            # The text of an error can hold the URL, its type cannot.
            log.warning(
                "the keys of the token issuer could not be read; those from before stay",
                extra={"fields": {"error": type(error).__name__}},
            )
        except Exception:
            log.exception("the keys of the token issuer could not be read; those from before stay")


class Issuer:
    """The one issuer whose tokens are good here."""

    def __init__(self, rules: TokenRules) -> None:
        """Read a file of keys at once, so that a wrong one is seen at the start.

        Raises
        ------
        OSError, InvalidKeySet
            The file cannot be read, or holds no keys.
        """
        self._rules = rules
        self._http: httpx.AsyncClient | None = None
        self._keys = _KeySet(self._read)
        if isinstance(rules.jwks, Path):
            try:
                self._keys.keys = read_key_set(_from_file(rules.jwks))
            except InvalidKeySet as error:
                raise InvalidKeySet(f"PHASEWISE_JWT_JWKS_FILE: {error}") from None

    async def follow(self) -> None:
        """Keep the keys fresh until this is cancelled."""
        try:
            await self._keys.follow()
        finally:
            self._keys.stop()
            if self._http is not None:
                await self._http.aclose()
                self._http = None

    async def _read(self) -> bytes:
        place = self._rules.jwks
        if isinstance(place, Path):
            return await asyncio.to_thread(_from_file, place)
        if self._http is None:
            self._http = httpx.AsyncClient(timeout=_FETCH_SECONDS / 2, follow_redirects=False)
        text = bytearray()
        async with self._http.stream(
            "GET", place, headers={"Accept": "application/jwk-set+json, application/json"}
        ) as answer:
            if answer.status_code != 200:
                raise InvalidKeySet("the answer is not 200")
            async for chunk in answer.aiter_bytes():
                text += chunk
                if len(text) > _LONGEST_SET:
                    raise InvalidKeySet("the answer is too long")
        return bytes(text)

    async def verify(self, token: str, *, now: datetime) -> tuple[Principal, float]:
        """Return who calls, and for how many seconds that may be remembered.

        Raises
        ------
        InvalidToken
            A check failed; it says which.
        Unavailable
            The keys of the issuer are not known yet.
        """
        signed = _parsed(token)
        header = signed.headers()
        _check_header(header)
        key = await self._keys.find(header["kid"])
        if header["alg"] not in key.algorithms:
            raise InvalidToken("wrong_algorithm", "The token's alg does not fit the issuer's key.")
        try:
            is_signed = jws.validate_compact(signed, key.key, registry=_REGISTRY)
        except (BadSignatureError, JoseError, ValueError, TypeError):
            is_signed = False
        if not is_signed:
            raise InvalidToken("wrong_signature", "The token's signature is not the issuer's.")
        claims = _claims(signed.payload or b"")
        instant = now.timestamp()
        self._check_claims(claims, instant)
        seconds = min(REMEMBER_SECONDS, max(claims["exp"] - instant, 0.0))
        return self._principal(claims), seconds

    def _check_claims(self, claims: Mapping[str, Any], now: float) -> None:
        missing = [
            name
            for name in ("iss", "aud", "exp", "iat", "sub", "client_id", "jti")
            if claims.get(name) in (None, "", [])
        ]
        if missing:
            raise InvalidToken("missing_claim", f"The token lacks {', '.join(missing)}.")
        if claims["iss"] != self._rules.issuer:
            raise InvalidToken("wrong_issuer", "The token's iss is not the issuer trusted here.")
        audience = claims["aud"]
        if self._rules.audience not in (audience if isinstance(audience, list) else [audience]):
            raise InvalidToken("wrong_audience", "The token's aud does not name this service.")
        for name in ("sub", "client_id", "jti"):
            if not isinstance(claims[name], str):
                raise InvalidToken("malformed_claim", f"The token's {name} is no text.")
        for name in ("exp", "iat", "nbf"):
            if name in claims and not _is_instant(claims[name]):
                raise InvalidToken("malformed_claim", f"The token's {name} is no instant.")
        if now >= claims["exp"] + LEEWAY_SECONDS:
            raise InvalidToken("expired", "The token's exp is past.")
        for name in ("iat", "nbf"):
            if claims.get(name, 0) > now + LEEWAY_SECONDS:
                raise InvalidToken("not_yet_valid", f"The token's {name} is in the future.")

    def _principal(self, claims: Mapping[str, Any]) -> Principal:
        granted = claims.get("scope", "")
        if not isinstance(granted, str):
            raise InvalidToken("malformed_claim", "The token's scope is no text.")
        subject = claims["sub"]
        return Principal(
            key_id=_subject_id(self._rules.issuer, subject),
            name=subject[:_LONGEST_NAME],
            scopes=self._rules.scopes.intersection(granted.split(" ")),
            expires_at=datetime.fromtimestamp(min(claims["exp"], _LATEST), UTC),
        )


def _subject_id(issuer: str, subject: str) -> str:
    """Return eight characters that stand for a subject wherever a key's id does."""
    text = orjson.dumps([issuer, subject])
    digest = hashlib.sha256(text).digest()
    return TOKEN_MARK + base64.urlsafe_b64encode(digest).decode()[:7]


def _parsed(token: str) -> jws.CompactSignature:
    if len(token) <= _LONGEST_TOKEN and token.isascii():
        try:
            signed = jws.extract_compact(token.encode(), None, _REGISTRY)
            if isinstance(signed.headers(), dict):
                return signed
        except (JoseError, ValueError, TypeError, AttributeError, RecursionError):
            pass
    raise InvalidToken("malformed_token", "This is no signed JWT.")


def _check_header(header: Mapping[str, Any]) -> None:
    if not isinstance(header["alg"], str) or header["alg"] not in ALGORITHMS:
        listed = ", ".join(sorted(ALGORITHMS))
        raise InvalidToken("wrong_algorithm", f"The token's alg is none of {listed}.")
    if "crit" in header:
        raise InvalidToken(
            "unknown_extension", "The token's header demands what is not known here."
        )
    kind = header.get("typ")
    if not isinstance(kind, str) or kind.lower().removeprefix("application/") != "at+jwt":
        raise InvalidToken(
            "wrong_type", "The token's typ is not at+jwt: an access token is needed."
        )
    if not isinstance(header.get("kid"), str):
        raise InvalidToken("unknown_key", "The token's header names no kid.")


def _claims(payload: bytes) -> dict[str, Any]:
    try:
        claims = orjson.loads(payload)
    except ValueError:
        claims = None
    if not isinstance(claims, dict):
        raise InvalidToken("malformed_token", "The token's claims are no JSON object.")
    return claims


def _is_instant(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
