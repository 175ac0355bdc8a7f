"""The shapes of keys: what is asked for, what is shown; the key itself is shown once."""

from typing import Annotated, Any, Literal

from pydantic import Field

from services.crm_api.schemas import ListPage, Partial
from services.crm_api.scopes import SCOPES
from services.foundation.queries import Page
from shared.values import Flag, Instant, Shape, Version, text, whole

LONGEST_GRACE_SECONDS = 7 * 24 * 3600
MOST_REQUESTS = 1_000_000

Scope: Any = Literal[SCOPES]
GivenScopes = Annotated[
    list[Scope],
    Field(min_length=1, max_length=len(SCOPES), examples=[["contacts:read", "contacts:write"]]),
]
ShownScopes = Annotated[
    list[
        Annotated[
            str,
            Field(max_length=64, pattern=r"^[a-z_]+:[a-z_]+$", examples=["contacts:read"]),
        ]
    ],
    Field(max_length=200),
]
Name = text(100, shortest=1, example="Shop")
Quota = whole(1, MOST_REQUESTS, example=600)
KeyName = Annotated[str, Field(max_length=8, pattern=r"^[A-Za-z0-9]{1,8}$", examples=["q7Rk2mZx"])]


class NewKey(Shape):
    """A key to be made."""

    name: Name = Field(description="Who uses it, and for what.")
    scopes: GivenScopes = Field(description="What it may do: nothing that the caller may not.")
    expires_at: Instant | None = Field(
        default=None, description="When it ends by itself; null never."
    )
    requests_per_minute: Quota | None = Field(
        default=None, description="Its quota; null is the quota that every key has."
    )


class KeyPatch(Partial):
    """What is to be different of a key (JSON merge patch)."""

    name: Name = Field(default="", description="Who uses it, and for what.")
    scopes: GivenScopes = Field(
        default=[], description="What it may do: nothing that the caller may not."
    )
    expires_at: Instant | None = Field(
        default=None, description="When it ends by itself; null never."
    )
    requests_per_minute: Quota | None = Field(
        default=None, description="Its quota; null is the quota that every key has."
    )


class Rotation(Shape):
    """How a key gets a new secret."""

    grace_seconds: whole(0, LONGEST_GRACE_SECONDS, example=86400) = Field(
        description="For so long the secrets from before are good, too; 0 ends them within "
        "five seconds."
    )


class Key(Shape):
    """A key without its secret, which is kept nowhere."""

    id: KeyName = Field(description="The part of the key that may be known.")
    name: text(100, example="Shop") = Field(description="Who uses it, and for what.")
    scopes: ShownScopes = Field(description="What it may do.")
    expires_at: Instant | None = Field(description="When it ends by itself; null never.")
    requests_per_minute: Quota | None = Field(
        description="Its quota; null is the quota that every key has."
    )
    last_used_at: Instant | None = Field(
        description="When a request came with it, up to a minute ago; null never."
    )
    previous_secret_until: Instant | None = Field(
        description="Until when a secret from before a rotation is good; null if none is."
    )
    created_by: (
        Annotated[str, Field(max_length=8, pattern=r"^[A-Za-z0-9~_-]{1,8}$", examples=["q7Rk2mZx"])]
        | None
    ) = Field(
        description="The key that made it, or with `~` the user of a token; null on the command line."
    )
    created_at: Instant = Field(description="When it was made.")
    revoked_at: Instant | None = Field(description="When it was revoked; null if it was not.")
    version: Version = Field(
        description="Grows by one with every change, not with use; the ETag holds it."
    )


class OwnKey(Shape):
    """What the key or token of a request may do."""

    id: Annotated[
        str, Field(max_length=8, pattern=r"^[A-Za-z0-9~_-]{1,8}$", examples=["q7Rk2mZx"])
    ] = Field(description="The id of the key; with `~` of the user of a token.")
    name: text(100, example="Shop") = Field(
        description="Who uses the key, and for what; the subject of a token."
    )
    is_token: Flag = Field(description="True for a token of an identity provider, else false.")
    scopes: ShownScopes = Field(description="What it may do.")
    expires_at: Instant | None = Field(description="When it ends; null never.")
    requests_per_minute: whole(1, 1_000_000_000, example=600) = Field(
        description="Its quota; what is left of it is in the header `RateLimit` of every answer."
    )


class MadeKey(Key):
    """A key with its secret, shown this once."""

    key: (
        Annotated[
            str,
            Field(
                max_length=200,
                pattern=r"^crm_[a-z]+_[A-Za-z0-9]{1,8}_[A-Za-z0-9]{43}_[0-9a-f]{8}$",
                examples=["crm_live_q7Rk2mZx_" + "A" * 43 + "_0a1b2c3d"],
            ),
        ]
        | None
    ) = Field(
        description="What is sent as `Authorization: Bearer <key>`. It is stored nowhere, so null if "
        "the request came again with the same Idempotency-Key: then rotate the key."
    )


class KeyPage(ListPage):
    """A page of keys, the newest first."""

    items: Annotated[list[Key], Field(max_length=200)] = Field(description="What is on this page.")


class ListKeys(Page):
    """How the list of keys is paged."""
