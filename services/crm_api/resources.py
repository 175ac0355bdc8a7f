"""How a resource is laid out between its table and its JSON: one description per feature."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from sqlalchemy import (
    Boolean,
    Column,
    ColumnElement,
    FromClause,
    Index,
    MetaData,
    Table,
    cast,
    literal_column,
    null,
    or_,
    text,
)
from sqlalchemy.sql.elements import Label

from services.foundation.columns import Document, Identifier, Instant, Whole
from services.foundation.constructs import json_money, json_record, wire_text
from services.foundation.json_constructs import json_length
from services.foundation.tables import CONSTRAINT_NAMES

metadata = MetaData(naming_convention=CONSTRAINT_NAMES)
RESOURCES: dict[str, "Resource"] = {}
"""All resources by their names; a resource enters itself."""


def record_columns() -> list[Column[Any]]:
    """Return the columns that every resource has behind its own."""
    return [
        Column("external_refs", Document, nullable=False),
        Column("version", Whole, nullable=False),
        Column("created_at", Instant, nullable=False),
        Column("updated_at", Instant, nullable=False),
        Column("deleted_at", Instant),
    ]


def identifier() -> Column[str]:
    return Column("id", Identifier, primary_key=True)


def _blank(column: Column[Any], here: ColumnElement[Any]) -> ColumnElement[Any]:
    """Return what a key sees of a column that it may not see: lists and objects are empty, not null.

    A column can say in its info how only a part of it is `masked`.
    """
    if "masked" in column.info:
        masked: ColumnElement[Any] = column.info["masked"](here)
        return masked
    if isinstance(column.type, Document):
        return cast({} if column.info.get("empty") == "{}" else [], Document())
    return null()


def _is_filled(column: Column[Any]) -> ColumnElement[bool]:
    return json_length(column) > 0 if isinstance(column.type, Document) else column.is_not(None)


def key_index(table: str) -> Index:
    """Build the index that lets one live record have a key."""
    live = text("deleted_at IS NULL")
    return Index(f"uq_{table}_key", "key", unique=True, postgresql_where=live, sqlite_where=live)


def known_index(table: str, name: str, *order: str) -> Index:
    """Build the index of a column that is mostly unknown: rows without it cost nothing."""
    known = text(f"{name} IS NOT NULL")
    columns = (name, *order, "id")
    return Index(f"ix_{table}_{name}", *columns, postgresql_where=known, sqlite_where=known)


@dataclass(frozen=True, eq=False)
class Resource:
    """A table and what of it goes over the wire.

    `money` maps a wire field to the columns of its minor units and its currency; `personal` names the
    fields that only keys with the scope `<plural>:pii` see; `hidden` columns never leave. `plural` is
    the path; `scope` is what the scopes are called, where several resources share them, and `pii` what
    the one for personal fields is called, where it is another's; `spans` maps a filter to the columns of
    a start and an end that it lies between; `presence` maps a flag of the machine export to the columns
    of which one at least has to be filled: who may not read these may know that.
    """

    name: str
    plural: str
    table: Table
    money: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    personal: frozenset[str] = frozenset()
    hidden: frozenset[str] = frozenset()
    scope: str = ""
    pii: str = ""
    spans: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    presence: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        RESOURCES[self.name] = self

    @property
    def title(self) -> str:
        """The name in sentences."""
        return self.name.replace("_", " ")

    @property
    def scopes(self) -> str:
        """What stands before the colon in the scopes for it."""
        return self.scope or self.plural

    @property
    def pii_scope(self) -> str:
        """The scope that shows the personal fields."""
        return f"{self.pii or self.scopes}:pii"

    @cached_property
    def _money_columns(self) -> frozenset[str]:
        minor = {pair[0] for pair in self.money.values()}
        # A currency column of one amount goes inside it; one that several share is shown on its own.
        alone = {currency for _, currency in self.money.values() if currency != "currency"}
        return frozenset(minor | alone)

    @cached_property
    def blank(self) -> Mapping[str, None]:
        """A row of which nothing is known."""
        return dict.fromkeys(column.name for column in self.table.columns)

    def wire_name(self, column: str) -> str:
        """Return the wire field that a column belongs to."""
        for name, (minor, currency) in self.money.items():
            if column == minor or (column == currency and column != "currency"):
                return name
        return column

    @cached_property
    def wire_names(self) -> frozenset[str]:
        """The fields of the wire."""
        names = {self.wire_name(column.name) for column in self.table.columns} - self.hidden
        return frozenset(names | ({"is_redacted"} if self.personal else set()))

    def json(
        self,
        *,
        personal: bool,
        of: FromClause | None = None,
        only: frozenset[str] | None = None,
        more: Sequence[tuple[str, ColumnElement[Any]]] = (),
    ) -> json_record:
        """Return the row as the JSON object of the wire.

        `of` is an alias of the table, `only` the fields that are wanted, `more` what else goes in.
        """
        table = self.table if of is None else of
        pairs: list[tuple[str, ColumnElement[Any]]] = []
        shown = {minor: name for name, (minor, _) in self.money.items()}
        for column in self.table.columns:
            if column.name in self.hidden:
                continue
            here = table.c[column.name]
            if column.name in shown:
                name = shown[column.name]
                pairs.append((name, json_money(here, table.c[self.money[name][1]])))
            elif column.name not in self._money_columns:
                blank = not personal and column.name in self.personal
                pairs.append((column.name, _blank(column, here) if blank else here))
        if self.personal:
            pairs.append(
                ("is_redacted", literal_column("false" if personal else "true", Boolean()))
            )
        if only is not None:
            pairs = [pair for pair in pairs if pair[0] in only]
        return json_record(*pairs, *more)

    def flat(self, *, personal: bool) -> Iterable[Label[Any]]:
        """Return the row as the flat columns of the machine export."""
        for column in self.table.columns:
            if column.name not in self.hidden:
                blank = not personal and column.name in self.personal
                part: ColumnElement[Any] = _blank(column, column) if blank else wire_text(column)
                yield part.label(column.name)
        for name, columns in self.presence.items():
            filled = or_(*(_is_filled(self.table.c[column]) for column in columns))
            yield wire_text(filled).label(name)
