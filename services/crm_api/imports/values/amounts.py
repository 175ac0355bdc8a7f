"""Cells as money, and the currency that their marks tell."""

from decimal import Decimal

from services.crm_api.imports.values.numbers import (
    CURRENCY_MARKS,
    SHARED_MARKS,
    DecimalMark,
    integer,
    read_number,
)
from services.crm_api.imports.values.rejection import ValueRejected
from services.crm_api.imports.values.texts import WireValue, _json, _no_structure, clean, is_absent
from shared.money import CURRENCIES, CURRENCY_EXPONENTS, currency_exponent, from_minor, to_minor

_TOO_LARGE = 10**14
"""The shape of an amount (`Money`) has at most 14 figures before the point."""
_MOST_DECIMALS = max(CURRENCY_EXPONENTS.values())


def money(cell: str, *, decimal_mark: DecimalMark, currency: str | None) -> WireValue:
    """Return wire money; a currency beside the number must agree with the row's, if that is told.

    Raises
    ------
    ValueRejected
        No number, no or another currency, or more decimals than the currency has.
    """
    if is_absent(cell):
        return None
    if cell.lstrip().startswith("{"):
        return _money_object(cell, currency)
    value, mark = read_number(cell, decimal_mark)
    return _wire_money(value, _currency(mark, currency))


def minor_money(cell: str, *, currency: str | None) -> WireValue:
    """Return wire money from whole minor units, as machine exports write them."""
    minor = integer(cell, decimal_mark=".", largest=_TOO_LARGE * 10**_MOST_DECIMALS)
    if minor is None:
        return None
    told = _currency("", currency)
    return _wire_money(from_minor(minor, told), told)


def currency_code(cell: str) -> str | None:
    """Return the ISO 4217 code of a code or an unmistakable symbol."""
    return None if is_absent(cell) else _currency(clean(cell).casefold(), None)


def _money_object(cell: str, currency: str | None) -> WireValue:
    found = _json(cell)
    if not isinstance(found, dict) or found.keys() != {"amount", "currency"}:
        raise _no_structure('{"amount": "1234.50", "currency": "EUR"}')
    value, mark = read_number(str(found["amount"]), ".")
    return _wire_money(value, _currency(mark or str(found["currency"]).casefold(), currency))


def _currency(mark: str, told: str | None) -> str:
    """Return the currency that the sign beside a number and the row's currency agree on."""
    shown = CURRENCY_MARKS.get(mark) or (mark.upper() if mark.upper() in CURRENCIES else None)
    meant = frozenset({shown}) if shown else SHARED_MARKS.get(mark)
    if told in CURRENCIES and told is not None and (not mark or (meant and told in meant)):
        return told
    if shown and told is None:
        return shown
    if meant is None:
        code = "unknown_currency"
    else:
        code = "ambiguous_currency" if told is None else "currency_mismatch"
    english, german = _CURRENCY_FAULTS[code]
    raise ValueRejected(code, english, german, expected=told or "an ISO 4217 code such as EUR")


_CURRENCY_FAULTS = {
    "currency_mismatch": (
        "the currency beside the number is not the row's",
        "die Währung neben der Zahl ist nicht die der Zeile",
    ),
    "unknown_currency": (
        "no known currency is told for this amount",
        "für diesen Betrag ist keine bekannte Währung angegeben",
    ),
    "ambiguous_currency": (
        "this sign stands for several currencies",
        "dieses Zeichen steht für mehrere Währungen",
    ),
}


def _wire_money(value: Decimal, currency: str) -> WireValue:
    decimals = currency_exponent(currency)
    try:
        minor = to_minor(value, currency)
    except ValueError:
        raise ValueRejected(
            "too_many_decimals",
            f"{currency} has {decimals} decimals",
            f"{currency} hat {decimals} Nachkommastellen",
            expected=f"an amount with at most {decimals} decimals",
        ) from None
    if abs(value) >= _TOO_LARGE:
        raise ValueRejected(
            "number_out_of_range",
            "this amount is too large",
            "dieser Betrag ist zu groß",
            expected="an amount below 10^14",
        )
    return {"amount": format(from_minor(minor, currency), "f"), "currency": currency}
