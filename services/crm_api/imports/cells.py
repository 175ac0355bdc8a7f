"""The cells of a file turned into checked field values, each distinct cell once."""

from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from functools import lru_cache, partial
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from pydantic import create_model

from services.crm_api.feature import Feature
from services.crm_api.imports.gathering import ADDRESS
from services.crm_api.imports.plan import PlannedColumn, base
from services.crm_api.imports.schemas import ImportSettings
from services.crm_api.imports.settings import cell_reading, fixed_value
from services.crm_api.imports.values import fields, texts
from shared.money import to_minor
from shared.values import Money, Shape

MEMO_ENTRIES = 20_000
_MAIN = frozenset(("email", "phone", *ADDRESS))
_SELDOM_TWICE = frozenset(("text", "lines", "structure", "list", "objects"))
REFERENCES = ("id", "external_id", "contact_id", "contact_external_id", "parent_external_id")
"""Targets of columns that name records; whether one of ours is meant, the database tells."""


@lru_cache(maxsize=MEMO_ENTRIES)
def _minor(amount: str, currency: str) -> int:
    return to_minor(Decimal(amount), currency)


class KnownAmount(Money):
    """Money that was checked once for all rows with the same cell; it reads as its JSON does."""

    def minor(self) -> int:
        return _minor(self.amount, self.currency)

    def __getitem__(self, name: str) -> Any:
        return getattr(self, name)


class CellReader(NamedTuple):
    """How one column is read: where it is, which field it fills, and what it has read before."""

    at: int
    path: tuple[str, ...]
    column: str
    field: str
    read: Callable[[str], Any]
    wire: Callable[[str], Any]
    memo: dict[str, Any] | None


class FieldReaders:
    """The readers of all columns for rows of the same currencies, and the values that every row has."""

    def __init__(
        self,
        feature: Feature,
        settings: ImportSettings,
        columns: list[PlannedColumn],
        currencies: Mapping[str, str],
    ) -> None:
        """Take what the columns are, and the currencies that the targets for them tell."""
        plural = feature.resource.plural
        zone = ZoneInfo(settings.time_zone)
        self.cells: list[CellReader] = []
        for column in columns:
            field = column.field or ""
            kind = column.how
            if field == "" or kind == "currency":
                continue
            currency = currencies.get(fields.currency_field(plural, base(field)))
            by = cell_reading(column, settings, zone, currency or settings.currency)
            wire: Callable[[str], Any] = partial(fields.converted, column.read_as, by=by)
            if kind == "text":
                wire = texts.text
            self.cells.append(
                CellReader(
                    at=column.at,
                    path=column.path,
                    column=column.name,
                    field=base(field),
                    read=_checked(feature, base(field), wire),
                    wire=wire,
                    memo=None if kind in _SELDOM_TWICE or field in ("email", "phone") else {},
                )
            )
        self.fixed_wire: dict[str, Any] = {}
        self.fixed: dict[str, Any] = {}
        for field, told in settings.defaults.items():
            if fields.RESOURCES[plural][field] == "currency":
                continue
            currency = currencies.get(fields.currency_field(plural, base(field)))
            value = fixed_value(plural, field, told, settings, currency or settings.currency)
            self.fixed_wire[base(field)] = value
            self.fixed[base(field)] = _checked(feature, base(field), _constant(value))(told)


def _constant(value: Any) -> Callable[[str], Any]:
    return lambda _: value


_PLAIN = (str, int, float, bool, date)


def _checked(feature: Feature, name: str, wire: Callable[[str], Any]) -> Callable[[str], Any]:
    """Return a function that converts a cell and has the shape of the API check the value.

    The shapes of the API check every field for itself, so a field may be checked alone.
    """
    if name in REFERENCES or name == "is_deleted" or "." in name:
        return wire  # what is put together is checked then
    check = checked_field(feature, "closed_at" if name == "closing_date" else name)

    def read(cell: str) -> Any:
        value = wire(cell)
        if value is None or value == []:
            return None
        return value if type(value) is list and name in _MAIN else check(value)

    return read


def checked_field(feature: Feature, name: str) -> Callable[[Any], Any]:
    """Return a function that gives the shape of a field to its value."""
    info = feature.upsert.model_fields[name]
    alone: Any = create_model(f"Only_{name}", __base__=Shape, **{name: (info.annotation, info)})  # type: ignore[call-overload]
    # The validator itself, without the model around it: half of the time of a row goes by here.
    checked = alone.__pydantic_validator__.validate_python
    is_money = name in feature.resource.money

    def check(value: Any) -> Any:
        if is_money:
            return KnownAmount.model_validate(value)
        whole = checked({name: value})
        found = getattr(whole, name)
        return found if isinstance(found, _PLAIN) else whole.model_dump()[name]

    return check
