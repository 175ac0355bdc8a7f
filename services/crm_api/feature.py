"""What a resource needs to be created, read, changed, trashed, upserted, batched, listed and imported."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from services.crm_api.records import Written
from services.crm_api.resources import Resource
from services.crm_api.schemas import AggregateQuery, ListPage, ListQuery
from services.foundation.calls import Call, Stamp
from services.foundation.database import Reader, Transaction
from services.foundation.problems import Answer
from services.foundation.statements import Record
from shared.values import Shape


class Create(Protocol):
    def __call__(
        self, transaction: Transaction, *, given: Mapping[str, Any], stamp: Stamp, personal: bool
    ) -> Awaitable[Written]: ...


class Change(Protocol):
    def __call__(
        self,
        transaction: Transaction,
        record_id: str,
        /,
        *,
        given: Mapping[str, Any],
        version: int | None,
        stamp: Stamp,
        personal: bool,
    ) -> Awaitable[Written]: ...


class OnTrash(Protocol):
    """What else has to happen, or to be checked, when a record goes to the trash or comes back."""

    def __call__(
        self, transaction: Transaction, current: Record, /, *, stamp: Stamp
    ) -> Awaitable[None]: ...


class OnReturn(Protocol):
    """What else has to happen, or to be checked, when an undo gives a record former values back.

    It sees the row as it is and as it will be.
    """

    def __call__(
        self, transaction: Transaction, current: Record, after: Record, /, *, stamp: Stamp
    ) -> Awaitable[None]: ...


class Search(Protocol):
    """Answers a list that is asked with `q`."""

    def __call__(self, call: Call, query: Any, /) -> Awaitable[Answer]: ...


BY_RESOURCE: dict[str, "Feature"] = {}
"""All features by the names of their resources; a feature enters itself."""


@dataclass(frozen=True)
class Feature:
    """A resource with its shapes and its rules; `fixed` fields are set at the creation and never change.

    `more_examples` are further ones of a creation, by name.

    `instead` finds the record that answers for one that is not there any more; `on_deletion` tells
    in a sentence what becomes of what points to a record that is thrown away.
    """

    resource: Resource
    new: type[Shape]
    patch: type[Shape]
    upsert: type[Shape]
    shown: type[Shape]
    page: type[ListPage]
    query: type[ListQuery]
    create: Create
    change: Change
    example: Mapping[str, Any]
    example_patch: Mapping[str, Any]
    more_examples: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    fixed: tuple[str, ...] = ()
    on_trash: OnTrash | None = None
    on_restore: OnTrash | None = None
    on_return: OnReturn | None = None
    on_deletion: str = ""
    search: Search | None = None
    instead: Callable[[Reader, str], Awaitable[str | None]] | None = None
    aggregate: type[AggregateQuery] | None = None
    groupable: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        BY_RESOURCE[self.resource.name] = self
