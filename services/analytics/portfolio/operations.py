"""Shows the portfolio of a version in a language."""

from typing import Any

from services.analytics.calculations.standing.ranks import QUADRANTS
from services.analytics.calculations.standing.summary import PORTFOLIO_SUMS, TIERS_OF
from services.analytics.catalogue.catalogue import Catalogue, Language
from services.analytics.cells import Cell, show_cell, stored_standing
from services.analytics.publication import Publication


def show(
    publication: Publication, *, basis: str, catalogue: Catalogue, language: Language
) -> dict[str, Any]:
    """Return quadrants and tiers as the wire shows them."""
    stored, currency = (
        stored_standing(publication, "portfolio").get(basis, {}),
        publication.currency,
    )

    def sums(cell: Cell | None) -> dict[str, Any]:
        return show_cell(cell, currency=currency, sums=PORTFOLIO_SUMS, others=("value_share",))

    def quadrant(name: str) -> dict[str, Any]:
        entry = catalogue.entry("value_quadrants", name)
        cell: Cell = stored.get("quadrants", {}).get(name, {})
        tiers = cell.get("tiers", {})
        return {
            "quadrant": name,
            "label": entry.name(language),
            "description": entry.description(language),
            **sums(cell),
            "tiers": [{"tier": tier, **sums(tiers.get(tier))} for tier in TIERS_OF[name]],
        }

    return {
        **publication.about(),
        "basis": basis,
        "total": sums(stored.get("total")),
        "quadrants": [quadrant(name) for name in QUADRANTS],
    }
