"""Shows the loyalty ladder of a version in a language."""

from typing import Any

from services.analytics.calculations.standing.ladder import RUNGS
from services.analytics.catalogue.catalogue import Catalogue, Language
from services.analytics.cells import Cell, show_cell, stored_standing
from services.analytics.publication import Publication


def show(publication: Publication, *, catalogue: Catalogue, language: Language) -> dict[str, Any]:
    """Return the rungs as the wire shows them."""
    stored = stored_standing(publication, "loyalty_ladder")
    rungs = stored.get("rungs", {})

    def sums(cell: Cell | None) -> dict[str, Any]:
        return show_cell(cell, currency=publication.currency, others=("mean_ambassador_score",))

    entries = [catalogue.entry("loyalty_ladder", rung) for rung in RUNGS]
    return {
        **publication.about(),
        "total": sums(stored.get("total")),
        "rungs": [
            {
                "rung": entry.id,
                "label": entry.name(language),
                "description": entry.description(language),
                **sums(rungs.get(entry.id)),
            }
            for entry in entries
        ],
    }
