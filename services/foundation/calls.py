"""What an endpoint is given of its request: who calls, when, with which headers, and the database."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.types import Scope

from services.foundation.database import Database, Transaction
from services.foundation.problems import StaleVersion, Unreadable, VersionRequired
from shared.values import Language

LANGUAGES, LONGEST_LANGUAGES = r"^[A-Za-z0-9*,;=._ -]*$", 500
_TAG = r'(W/)?"[!#-~]{0,64}"'
TAGS, LONGEST_TAGS = rf"^(\*|{_TAG}( ?, ?{_TAG})*)$", 500
"""What If-None-Match takes: entity tags, weak ones as well, or `*`."""


@dataclass(frozen=True)
class Principal:
    """Who calls: a key, or the subject of a token, and what it may do.

    No quota is the common one, no expiry is none.
    """

    key_id: str
    name: str
    scopes: frozenset[str]
    requests_per_minute: int | None = None
    expires_at: datetime | None = None


@dataclass(frozen=True)
class Stamp:
    """Who does it, when, and in which request: what every write leaves behind.

    `scopes` is what he may do; what goes on by itself has none.
    """

    now: datetime
    key_id: str
    request_id: str
    scopes: frozenset[str] = frozenset()


class Call(Request):
    """One request as endpoints see it; a Starlette request, so that FastAPI passes it through."""

    principal: Principal
    transaction: Transaction
    prepared: Any = None

    @property
    def database(self) -> Database:
        return self.scope["app"].state.database  # type: ignore[no-any-return]

    @property
    def now(self) -> datetime:
        return self.scope["app"].state.clock()  # type: ignore[no-any-return]

    @property
    def request_id(self) -> str:
        return str(self.scope["request_id"])

    @property
    def stamp(self) -> Stamp:
        principal = self.principal
        return Stamp(self.now, principal.key_id, self.request_id, principal.scopes)

    def may(self, scope: str) -> bool:
        return scope in self.principal.scopes

    def header(self, name: bytes) -> str | None:
        return header_of(self.scope, name)

    def check_language(self) -> None:
        """Do nothing if Accept-Language can be read.

        Raises
        ------
        Unreadable
            The header holds letters that no list of languages has.
        """
        header = self.header(b"accept-language") or ""
        if len(header) > LONGEST_LANGUAGES or not re.fullmatch(LANGUAGES, header):
            raise Unreadable("Accept-Language takes languages, for instance de, en;q=0.5.")

    @property
    def language(self) -> Language:
        """`de` or `en`, from Accept-Language by its order of preference."""
        return preferred_language(self.header(b"accept-language") or "")

    def following(self, cursor: str | None) -> tuple[str | None, dict[str, str]]:
        """Return the path of the next page and the header that names it; nothing behind the last one."""
        if cursor is None:
            return None, {}
        asked = [pair for pair in self.query_params.multi_items() if pair[0] != "cursor"]
        path = f"{self.url.path}?{urlencode([*asked, ('cursor', cursor)])}"
        return path, {"Link": f'<{path}>; rel="next"'}

    def expected_version(self) -> int | None:
        """Return the version that If-Match names, or None for `*`.

        Raises
        ------
        VersionRequired
            There is no If-Match.
        StaleVersion
            The entity tag cannot be one of ours.
        """
        header = self.header(b"if-match")
        if header is None:
            raise VersionRequired()
        return _version(header)

    def optional_version(self) -> int | None:
        header = self.header(b"if-match")
        return None if header is None else _version(header)

    def holds(self, version: int) -> bool:
        """Tell whether If-None-Match names this version: the caller has it already.

        Raises
        ------
        Unreadable
            It holds no entity tags.
        """
        header = self.header(b"if-none-match")
        if header is None:
            return False
        tags = header.strip(" \t")
        if len(tags) > LONGEST_TAGS or not re.fullmatch(TAGS, tags):
            raise Unreadable('If-None-Match takes entity tags in quotes, for instance "3", or *.')
        return tags == "*" or f'"{version}"' in tags

    def creates_only(self) -> bool:
        """Tell whether If-None-Match asks a write to find nothing there.

        Raises
        ------
        Unreadable
            It names anything but `*`, which only a read can honour.
        """
        header = self.header(b"if-none-match")
        if header is not None and header.strip() != "*":
            raise Unreadable("If-None-Match takes * on this path: create it, do not change it.")
        return header is not None


def header_of(scope: Scope, name: bytes) -> str | None:
    """Return the first header of a request that has this name, in small letters."""
    for key, value in scope["headers"]:
        if key == name:
            return str(value.decode("latin-1"))
    return None


def preferred_language(header: str) -> Language:
    """Return the first of our languages by the order of preference of an Accept-Language."""
    best = 0.0
    language: Language = "en"
    for part in header.split(",")[:20]:
        tag, _, quality = part.strip().partition(";q=")
        try:
            weight = float(quality) if quality else 1.0
        except ValueError:
            continue
        if weight > best and tag[:2].lower() in ("de", "en"):
            best, language = weight, "de" if tag[:2].lower() == "de" else "en"
    return language


def _version(header: str) -> int | None:
    tag = header.strip(" \t")
    if tag == "*":
        return None
    if not (tag.startswith('"') and tag.endswith('"') and len(tag) > 2) or "," in tag:
        raise Unreadable('If-Match takes one entity tag in quotes, for instance "3", or *.')
    if not (tag[1:-1].isascii() and tag[1:-1].isdigit() and len(tag) < 20):
        raise StaleVersion()
    return int(tag[1:-1])


def etag(version: int) -> Mapping[str, str]:
    return {"ETag": f'"{version}"'}


def wire_headers(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    return [
        (name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()
    ]


Headers = list[tuple[bytes, bytes]]
Message = Mapping[str, Any]
