"""Says which products come next for a customer, and why."""

from collections.abc import Mapping, Sequence
from typing import Any

from services.analytics.calculations.next_products.choosing import OBVIOUS, REPEAT, UPGRADE
from services.analytics.calculations.next_products.parameters import NextProductParameters
from services.analytics.calculations.next_products.scoring import COUNT
from services.analytics.catalogue.catalogue import Catalogue, Language
from services.analytics.texts import reason_text
from services.analytics.wire import money

Row = Mapping[str, Any]
_OBSCURE_BELOW = NextProductParameters().obscure_below_affinity


def show_next_products(
    row: Row,
    names: Sequence[Row],
    *,
    currency: str,
    catalogue: Catalogue,
    language: Language,
) -> list[dict[str, Any]]:
    """Return the next products of a customer, the best first."""
    return [
        _show(row, f"product{rank}", names, currency, catalogue, language)
        for rank in range(1, COUNT + 1)
        if row.get(f"product{rank}") is not None
    ]


def _show(
    row: Row,
    at: str,
    names: Sequence[Row],
    currency: str,
    catalogue: Catalogue,
    language: Language,
) -> dict[str, Any]:
    flags, affinity = int(row[f"{at}_flags"]), row[f"{at}_affinity"]
    product, owned = _named(names, row[at]), _named(names, row[f"{at}_owned"])
    code, params = "R_NBO_POPULAR", {"p": affinity, "product": product["name"]}
    if flags & REPEAT:
        code = "R_NBO_REPEAT"
    elif owned is not None:
        code, params = "R_NBO", {**params, "owned": owned["name"]}
    text = reason_text(code, params, catalogue=catalogue, language=language)
    return {
        "product": product,
        "kind": {"R_NBO_REPEAT": "repeat", "R_NBO": "new"}.get(code, "popular"),
        "is_obvious": _is_obvious(flags, affinity),
        "is_upgrade": bool(flags & UPGRADE),
        "affinity": affinity,
        "purchase_probability": row[f"{at}_probability"],
        "price": money(row[f"{at}_price"], currency),
        "margin": money(row[f"{at}_margin"], currency),
        "owned": owned,
        "reason": {"code": code, "params": params, "contribution": None, "text": text},
    }


def _is_obvious(flags: int, affinity: float) -> bool | None:
    """Tell a complement, or what was bought before, from what few buy; domain specification 6.6."""
    if flags & (OBVIOUS | REPEAT):
        return True
    return False if affinity < _OBSCURE_BELOW else None


def _named(names: Sequence[Row], place: float | None) -> Any:
    if place is None:
        return None
    found = names[int(place)]
    return {name: found[name] for name in ("id", "key", "name")}
