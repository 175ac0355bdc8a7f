"""Reasons and data gaps as English or German text; codes and numbers are found elsewhere."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date
from decimal import ROUND_HALF_EVEN, Decimal

from services.analytics.catalogue.catalogue import (
    PLACEHOLDER,
    Catalogue,
    DataGap,
    Language,
    ReasonCode,
)

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def reason_text(
    code: str,
    params: Mapping[str, object],
    *,
    catalogue: Catalogue,
    language: Language,
    section: str = "reason_codes",
) -> str:
    """Write a reason as text; a verdict, if that is the section.

    `KeyError` names a code, value or id that is not there; `ValueError` a value of a wrong kind.
    """
    reason = catalogue.entry(section, code)
    if not isinstance(reason, ReasonCode):
        raise KeyError(code)
    texts = {
        name: _value_text(params[name], kind, catalogue=catalogue, language=language)
        for name, kind in reason.params.items()
    }
    texts |= _interval_texts(reason, params, language=language)
    return _fill(reason.description(language), texts)


def _interval_texts(
    reason: ReasonCode, params: Mapping[str, object], *, language: Language
) -> dict[str, str]:
    """Write both ends of an interval with the same number of decimals: -7.0 to 13.1."""
    scales = {"number": 1, "share": 100}
    ends = {
        name: _decimal(params[name]) * scales[reason.params[name]]
        for name in ("low", "high")
        if reason.params.get(name) in scales
    }
    decimals = max(map(_decimals, ends.values()), default=0)
    return {
        name: number_text(value, decimals=decimals, language=language)
        for name, value in ends.items()
    }


def effect_text(
    gap: str, counts: Mapping[str, int], *, catalogue: Catalogue, language: Language
) -> str:
    """Write what filling a data gap changes; `KeyError` if there is no such gap, effect or count."""
    entry = catalogue.entry("data_gaps", gap)
    if not isinstance(entry, DataGap) or entry.effect_en is None or entry.effect_de is None:
        raise KeyError(gap)
    template = entry.effect_en if language == "en" else entry.effect_de
    texts = {
        name: number_text(Decimal(count), decimals=0, language=language)
        for name, count in counts.items()
    }
    return _fill(template, texts)


def _fill(template: str, texts: Mapping[str, str]) -> str:
    """Put texts in place of values, and the words that fit them."""

    def write(match: re.Match[str]) -> str:
        text = texts[match["name"]]
        if match["one"] is None:
            return text
        return match["one"] if text == "1" else match["other"]

    return PLACEHOLDER.sub(write, template)


def gap_text(gap: str, *, catalogue: Catalogue, language: Language) -> str:
    """Write a data gap as text; `KeyError` if there is no such gap."""
    return catalogue.entry("data_gaps", gap).description(language)


def number_text(value: Decimal, *, decimals: int, language: Language) -> str:
    """Write a number with grouped thousands, rounded half-even: 1,234.50 or 1.234,50."""
    rounded = value.quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_EVEN)
    text = f"{rounded if rounded else abs(rounded):,f}"
    return text.translate(str.maketrans(",.", ".,")) if language == "de" else text


def day_text(day: date, *, language: Language) -> str:
    """Write a day: 31 Dec 2025 or 31.12.2025."""
    if language == "de":
        return f"{day.day:02}.{day.month:02}.{day.year:04}"
    return f"{day.day} {_MONTHS[day.month - 1]} {day.year:04}"


def money_text(money: Mapping[str, object], *, language: Language) -> str:
    """Write money as it comes on the wire: EUR 1,234.50 or 1.234,50 EUR."""
    amount = Decimal(str(money["amount"]))
    decimals = max(0, -int(amount.as_tuple().exponent))
    text = number_text(amount, decimals=decimals, language=language)
    return f"{text} {money['currency']}" if language == "de" else f"{money['currency']} {text}"


def _value_text(value: object, kind: str, *, catalogue: Catalogue, language: Language) -> str:
    writers: Mapping[str, Callable[[], str]] = {
        "text": lambda: str(value),
        "date": lambda: day_text(date.fromisoformat(str(value)), language=language),
        "money": lambda: _money(value, language=language),
        "share": lambda: _short(_decimal(value) * 100, language=language),
        "chance": lambda: _chance(_decimal(value) * 100, language=language),
        "count": lambda: number_text(_decimal(value), decimals=0, language=language),
        "days": lambda: number_text(_decimal(value), decimals=0, language=language),
        "number": lambda: _short(_decimal(value), language=language),
        "hundredths": lambda: number_text(_decimal(value), decimals=2, language=language),
    }
    if kind in writers:
        return writers[kind]()
    return catalogue.label(kind, str(value), language)


def _money(value: object, *, language: Language) -> str:
    if not isinstance(value, Mapping):
        raise ValueError(f"money is an amount and a currency, not {value!r}")
    return money_text(value, language=language)


def _decimal(value: object) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise ValueError(f"{value!r} is no number")
    return Decimal(str(value))


def _chance(percent: Decimal, *, language: Language) -> str:
    """Write an estimated chance in percent with one decimal; none is said to be certain."""
    less, more = ("weniger als", "mehr als") if language == "de" else ("less than", "more than")
    if percent < Decimal("0.1"):
        return f"{less} {_short(Decimal('0.1'), language=language)}"
    if percent > Decimal("99.9"):
        return f"{more} {_short(Decimal('99.9'), language=language)}"
    return _short(percent, language=language)


def _short(value: Decimal, *, language: Language) -> str:
    """Write a number with one decimal, two where one would hide it, and none where it is zero."""
    return number_text(value, decimals=_decimals(value), language=language)


def _decimals(value: Decimal) -> int:
    decimals = 2 if Decimal(0) < abs(value) < Decimal("0.1") else 1
    rounded = value.quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_EVEN)
    return 0 if rounded == rounded.to_integral_value() else decimals
