"""Amounts as the wire shows them."""

from decimal import ROUND_HALF_EVEN, Decimal
from functools import lru_cache

from shared.money import currency_exponent


@lru_cache(maxsize=20)
def _unit(currency: str) -> Decimal:
    return Decimal(1).scaleb(-currency_exponent(currency))


def amount_text(value: float, currency: str) -> str:
    """Round once, half-even, to the currency's minor unit."""
    amount = Decimal(repr(value)).quantize(_unit(currency), ROUND_HALF_EVEN)
    return str(amount or abs(amount))


def money(value: float | None, currency: str) -> dict[str, str] | None:
    """Write an amount as the wire shows it."""
    return None if value is None else {"amount": amount_text(value, currency), "currency": currency}
