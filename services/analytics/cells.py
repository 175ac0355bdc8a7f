"""Groups of customers as the wire shows them; `calculations.standing.summary` makes them."""

from collections.abc import Iterable, Mapping
from typing import Any

from services.analytics.customers.amounts import money
from services.analytics.publication import Publication

Cell = Mapping[str, Any]


def stored_standing(publication: Publication, part: str) -> Mapping[str, Any]:
    """Return a part of what is stored of standing; nothing if the version is older than that."""
    standing: Mapping[str, Any] = publication.version["standing"] or {}
    found: Mapping[str, Any] = standing.get(part, {})
    return found


def show_cell(
    cell: Cell | None, *, currency: str, sums: Iterable[str] = (), others: Iterable[str] = ()
) -> dict[str, Any]:
    """Return a group with its sums as money; of one that nothing is stored of nothing is known."""
    known: Cell = cell or {}
    return {
        "customer_count": known.get("customer_count"),
        "is_hidden": known.get("is_hidden", False),
        "share": known.get("share"),
        **{name: money(known.get(name), currency) for name in sums},
        **{name: known.get(name) for name in others},
    }
