"""Shows the RFM segments of a version in a language."""

from typing import Any

from services.analytics.calculations.standing.ranks import RFM_SEGMENTS
from services.analytics.calculations.standing.summary import RFM_SUMS, SCORES
from services.analytics.catalogue.catalogue import Catalogue, Language
from services.analytics.cells import Cell, show_cell, stored_standing
from services.analytics.publication import Publication


def show(publication: Publication, *, catalogue: Catalogue, language: Language) -> dict[str, Any]:
    """Return the segments and the matrix of scores as the wire shows them."""
    stored, currency = stored_standing(publication, "rfm"), publication.currency
    segments, matrix = stored.get("segments", {}), stored.get("matrix")

    def sums(cell: Cell | None) -> dict[str, Any]:
        return show_cell(cell, currency=currency, sums=RFM_SUMS, others=("mean_churn_probability",))

    entries = [catalogue.entry("rfm_segments", segment) for segment in RFM_SEGMENTS]
    scores = range(1, SCORES + 1)
    return {
        **publication.about(),
        "total": sums(stored.get("total")),
        "segments": [
            {
                "segment": entry.id,
                "label": entry.name(language),
                "description": entry.description(language),
                **sums(segments.get(entry.id)),
            }
            for entry in entries
        ],
        "matrix": [
            {"recency": recency, "frequency": frequency}
            | show_cell(matrix and matrix[recency - 1][frequency - 1], currency=currency)
            for recency in scores
            for frequency in scores
        ],
    }
