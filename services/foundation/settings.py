"""What the settings of both services have in common."""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Self
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, model_validator
from pydantic_settings import BaseSettings

LOOPBACK = ("127.0.0.1", "localhost", "::1")


class Unusable(ValueError):
    """What the operator gave cannot be used; the text says what, where, and how to mend it."""


def _known(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("a time zone such as Europe/Berlin is expected") from None
    return name


TimeZoneName = Annotated[str, AfterValidator(_known)]


@dataclass(frozen=True)
class TokenRules:
    """Whose access tokens are good, for whom they must be made, and where the issuer's keys are."""

    issuer: str
    audience: str
    scopes: frozenset[str]
    jwks: Path | str


class TokenSettings(BaseSettings):
    """JWT access tokens beside keys: off until issuer, audience and a place of the keys are set."""

    jwt_issuer: str = ""
    jwt_audience: str = ""
    jwt_jwks_file: Path | None = None
    jwt_jwks_url: str = ""
    jwt_allow_loopback_http: bool = False

    @model_validator(mode="after")
    def _tokens_are_whole(self) -> Self:
        places = [place for place in (self.jwt_jwks_file, self.jwt_jwks_url) if place]
        if not (self.jwt_issuer or self.jwt_audience or places):
            return self
        if not (self.jwt_issuer and self.jwt_audience and len(places) == 1):
            raise ValueError(
                "access tokens need PHASEWISE_JWT_ISSUER, PHASEWISE_JWT_AUDIENCE and either "
                "PHASEWISE_JWT_JWKS_FILE or PHASEWISE_JWT_JWKS_URL"
            )
        if self.jwt_jwks_url and not _is_safe(
            self.jwt_jwks_url, allow_loopback=self.jwt_allow_loopback_http
        ):
            raise ValueError(
                "PHASEWISE_JWT_JWKS_URL: an https URL is expected (http only to this machine, and "
                "only with PHASEWISE_JWT_ALLOW_LOOPBACK_HTTP=true)"
            )
        return self

    def token_rules(self, scopes: Collection[str]) -> TokenRules | None:
        """Return the rules for tokens that may have these scopes; None while tokens are off."""
        if not self.jwt_issuer:
            return None
        return TokenRules(
            issuer=self.jwt_issuer,
            audience=self.jwt_audience,
            scopes=frozenset(scopes),
            jwks=self.jwt_jwks_file or self.jwt_jwks_url,
        )


def _is_safe(url: str, *, allow_loopback: bool) -> bool:
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return False
    if parts.scheme == "https":
        return bool(host) and parts.username is None
    return parts.scheme == "http" and allow_loopback and host in LOOPBACK
