"""Amounts and entries of the catalogue as the wire shows them."""

from collections.abc import Sequence
from decimal import ROUND_HALF_EVEN, Decimal
from functools import lru_cache
from itertools import accumulate, pairwise
from typing import Any

from services.analytics.catalogue.catalogue import Catalogue, Language
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


def on_top(share: float | None, amount: float | None, currency: str) -> dict[str, Any]:
    """Write what a step gives on success: off the order in percent, and an amount; null for nothing."""
    return {
        "discount_pct": None if share is None else round(100 * share, 4),
        "incentive": money(amount, currency),
    }


def add_up(values: Sequence[float], currency: str) -> list[dict[str, str]]:
    """Write the parts of an amount so that they add up to it as it is written.

    Each is the difference of two rounded running totals, hence less than a minor unit off.
    """
    totals = [Decimal(amount_text(total, currency)) for total in accumulate(values)]
    return [
        {"amount": str(total - last), "currency": currency}
        for last, total in pairwise([Decimal(0), *totals])
    ]


def choice(
    section: str, entry: str | None, catalogue: Catalogue, language: Language
) -> dict[str, str] | None:
    """Write an entry as the wire shows it: its id and its name; none for none."""
    if not entry:
        return None
    return {"id": entry, "label": catalogue.label(section, entry, language)}


def choices(
    section: str, ids: str | None, catalogue: Catalogue, language: Language
) -> list[dict[str, str] | None]:
    """Write the entries whose ids stand in a text with blanks between them."""
    return [choice(section, entry, catalogue, language) for entry in (ids or "").split()]
