"""Cells as numbers: signs, separators, the mark of a currency beside them."""

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from services.crm_api.imports.reading.records import NumberText
from services.crm_api.imports.values.rejection import ValueRejected
from services.crm_api.imports.values.texts import clean, is_absent
from shared.money import CURRENCIES
from shared.values import LARGEST_INTEGER

DecimalMark = Literal[".", ","]
_LONGEST_NUMBER = 64
_MOST_FIGURES = 28  # what Decimal's default context keeps exactly
_SPACES = " \u00a0\u202f\u2009"
_APOSTROPHES = "'\u2019"
_AMOUNT = re.compile(
    rf"""(?P<open>\()?\s*(?P<sign>[-+\u2212]?)\s*
    (?P<prefix>(?:[^\d\s.,()+\-\u2212]{{1,5}}\.?)?)\s*(?P<inner_sign>[-+\u2212]?)\s*
    (?P<body>\d[\d.,{_APOSTROPHES}{_SPACES}]*|[.,]\d+)(?P<exponent>[eE][-+]?\d{{1,3}})?
    (?P<dash>-{{1,2}}|\u2013|\u2014)?\s*(?P<suffix>(?:[^\d\s.,()+\-\u2212]{{1,5}}\.?)?)\s*
    (?P<last_sign>[-\u2212]?)\s*(?P<close>\))?""",
    re.VERBOSE,
)
_PLAIN_NUMBER = re.compile(r"(-?)(\d+(?:[.,]\d+)?)", re.ASCII)
CURRENCY_MARKS = {
    "\u20ac": "EUR",
    "us$": "USD",
    "\u00a3": "GBP",
    "sfr": "CHF",
    "sfr.": "CHF",
    "fr.": "CHF",
    "z\u0142": "PLN",
    "k\u010d": "CZK",
    "euro": "EUR",
    "\u20b9": "INR",
    "\u20ba": "TRY",
}
SHARED_MARKS = {
    "$": frozenset({"USD", "CAD", "AUD", "NZD", "SGD", "HKD", "MXN", "ARS", "CLP", "COP", "TWD"}),
    "\u00a5": frozenset({"JPY", "CNY"}),
    "kr": frozenset({"SEK", "NOK", "DKK", "ISK"}),
    "kr.": frozenset({"SEK", "NOK", "DKK", "ISK"}),
}


@dataclass(frozen=True, slots=True)
class NumberParts:
    """A number as it is written: its sign, its figures with their separators, what is around."""

    is_negative: bool
    body: str
    exponent: int
    mark: str


def number_parts(cell: str) -> NumberParts | None:
    """Take a number apart; None if the cell is none, whatever its decimal mark may be."""
    content = clean(cell)
    if len(content) > _LONGEST_NUMBER:
        return None
    if plain := _PLAIN_NUMBER.fullmatch(content):
        return NumberParts(bool(plain[1]), plain[2], 0, "")
    found = None if "\n" in content else _AMOUNT.fullmatch(" ".join(content.split()))
    if not found or bool(found["open"]) != bool(found["close"]):
        return None
    signs = [found[name] for name in ("sign", "inner_sign", "last_sign") if found[name]]
    mark = (found["prefix"] + found["suffix"]).casefold()
    if len(signs) + bool(found["open"]) > 1 or (found["prefix"] and found["suffix"]):
        return None
    if not _is_known_mark(mark):
        return None
    body = found["body"].strip(_SPACES)
    if found["dash"]:
        if body[-1] not in ".,":
            return _with_trailing_sign(found["dash"], signs, body, mark)
        body = body[:-1]
    is_negative = bool(found["open"]) or (bool(signs) and signs[0] != "+")
    return NumberParts(is_negative, body, int((found["exponent"] or "e0")[1:]), mark)


def _is_known_mark(mark: str) -> bool:
    is_sign = mark in ("", "%") or mark in CURRENCY_MARKS or mark in SHARED_MARKS
    return is_sign or mark.upper() in CURRENCIES


def _with_trailing_sign(dash: str, signs: list[str], body: str, mark: str) -> NumberParts | None:
    """SAP writes 12.50-, German price lists 12,- (which only drops the decimals)."""
    return NumberParts(True, body, 0, mark) if dash == "-" and not signs else None


def decimal_mark_shown(body: str) -> DecimalMark | Literal["either", "neither", "none"]:
    """Say which decimal mark the figures of a number prove.

    ``1.234`` proves nothing ("either"), ``1234`` has nothing to prove ("none"), and ``1.2,3.4``
    is no number under any mark ("neither").
    """
    marks = [character for character in body if character in ".,"]
    if not marks:
        return "none"
    good: list[DecimalMark] = [mark for mark in (".", ",") if _unsigned(body, mark) is not None]
    if len(good) == 1:
        return good[0]
    return "either" if good else "neither"


def _unsigned(body: str, mark: str) -> Decimal | None:
    """Read figures whose thousands, if they are marked, are marked by one character throughout."""
    whole, _, fraction = body.partition(mark)
    if fraction and not (fraction.isascii() and fraction.isdigit()):
        return None
    if mark in body and not fraction:
        return None
    separators = {character for character in whole if not character.isdigit()}
    if len(separators) > 1 or mark in separators:
        return None
    if separators:
        groups = whole.split(separators.pop())
        if not 1 <= len(groups[0]) <= 3 or any(len(group) != 3 for group in groups[1:]):
            return None
        if groups[0].startswith("0"):
            return None
        whole = "".join(groups)
    if not (whole + fraction).isascii():
        return None
    return Decimal(f"{whole or '0'}.{fraction or '0'}")


def read_number(cell: str, decimal_mark: DecimalMark) -> tuple[Decimal, str]:
    """Return the number and the currency or percent sign beside it."""
    mark: DecimalMark = "." if isinstance(cell, NumberText) else decimal_mark
    parts = number_parts(cell)
    value = None if parts is None else _unsigned(parts.body, mark)
    example = "1,234.50" if mark == "." else "1.234,50"
    if parts is None or value is None:
        raise ValueRejected(
            "no_number",
            f"this is no number with the decimal mark {mark}",
            f"das ist keine Zahl mit dem Dezimalzeichen {mark}",
            expected=f"a number such as {example}",
        )
    is_exact = len(value.as_tuple().digits) <= _MOST_FIGURES
    if is_exact:
        value = value.scaleb(parts.exponent)
    if not is_exact or (value and not -20 <= value.adjusted() <= 18):
        raise ValueRejected(
            "number_out_of_range",
            "this number is too large or too small",
            "diese Zahl ist zu groß oder zu klein",
            expected="a number below 10^18",
        )
    return (-value if parts.is_negative and value else value), parts.mark


def _plain_number(cell: str, decimal_mark: DecimalMark) -> Decimal | None:
    if is_absent(cell):
        return None
    value, mark = read_number(cell, decimal_mark)
    if mark:
        raise ValueRejected(
            "unit_beside_number",
            "this number has a unit or a currency beside it",
            "neben dieser Zahl steht eine Einheit oder Währung",
            expected="a number alone",
        )
    return value


def integer(cell: str, *, decimal_mark: DecimalMark, largest: int = LARGEST_INTEGER) -> int | None:
    """Return a whole number; ``2.0`` is one."""
    value = _plain_number(cell, decimal_mark)
    if value is None:
        return None
    if value != value.to_integral_value() or abs(value) > largest:
        raise ValueRejected(
            "no_integer",
            "this is no whole number",
            "das ist keine ganze Zahl",
            expected="a whole number",
        )
    return int(value)


def decimal(cell: str, *, decimal_mark: DecimalMark) -> str | None:
    """Return an exact decimal as the wire spells it, without needless zeros."""
    value = _plain_number(cell, decimal_mark)
    return None if value is None else spelled(value)


def number_shown(cell: str, *, decimal_mark: DecimalMark) -> str:
    """Return how a number is read, whatever unit or currency stands beside it."""
    return spelled(read_number(cell, decimal_mark)[0])


def percentage(cell: str, *, decimal_mark: DecimalMark) -> str | None:
    """Return a percentage with or without its sign: ``12,5 %`` is 12.5."""
    content = clean(cell)
    if not content.endswith("%"):
        return decimal(cell, decimal_mark=decimal_mark)
    return decimal(content[:-1], decimal_mark=decimal_mark)


def number(cell: str, *, decimal_mark: DecimalMark) -> float | None:
    """Return a JSON number."""
    value = _plain_number(cell, decimal_mark)
    return None if value is None else float(value)


def spelled(value: Decimal) -> str:
    plain = format(value, "f")
    return (plain.rstrip("0").rstrip(".") or "0") if "." in plain else plain
