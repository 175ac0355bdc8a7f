"""The shape of a reason, and how the columns of one unit are read; no reason is found here."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from numbers import Real
from typing import TypeAlias

from shared.money import currency_exponent

Money: TypeAlias = dict[str, str]
Value: TypeAlias = str | int | float | Money
Row: TypeAlias = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason.

    Attributes
    ----------
    code
        Id of the catalogue's `reason_codes`.
    params
        Numbers and ids for its text: shares 0 to 1, money as on the wire.
    contribution
        What it adds, in the unit of the explained score (probability, or base currency); none for
        a reason that adds nothing by itself.
    """

    code: str
    params: dict[str, Value]
    contribution: float | None = None


@dataclass(frozen=True, slots=True)
class Explanation:
    """The reasons for one score, the first to be read first, and what it left out of account."""

    reasons: tuple[Reason, ...]
    data_gaps: tuple[str, ...] = ()


def money_in(currency: str) -> Callable[[float], Money]:
    """Return what writes an amount as on the wire, rounded half-even to the minor unit.

    Raises
    ------
    ValueError
        The currency is unknown.
    """
    unit = Decimal(1).scaleb(-currency_exponent(currency))

    def money(amount: float) -> Money:
        rounded = Decimal(repr(float(amount))).quantize(unit, ROUND_HALF_EVEN)
        return {"amount": str(rounded if rounded else abs(rounded)), "currency": currency}

    return money


def number(row: Row, name: str) -> float | None:
    """Read a number, none where it is unknown."""
    value = row.get(name)
    if not isinstance(value, Real) or math.isnan(value):
        return None
    return float(value)


def word(row: Row, name: str) -> str | None:
    """Read a word, none where there is none."""
    value = row.get(name)
    return value if isinstance(value, str) and value else None


def flag(row: Row, name: str) -> bool:
    """Tell whether something is known to be so."""
    value = row.get(name)
    return value is not None and bool(value == 1)


def rounded(value: float) -> float:
    """Keep four decimals, enough for every share and number in a text."""
    return round(value, 4)
