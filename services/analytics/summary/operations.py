"""Shows the sums of a version in a language; `calculations.totals` makes them."""

from collections.abc import Mapping
from typing import Any

from services.analytics.calculations.quality import gap_counts
from services.analytics.catalogue.catalogue import Catalogue, Language
from services.analytics.customers.amounts import money
from services.analytics.customers.showing import state_label
from services.analytics.publication import Publication
from shared.money import from_minor

SUMMED = ("historic_value", "clv_365", "clv_1095", "value_at_risk")


def show(publication: Publication, *, catalogue: Catalogue, language: Language) -> dict[str, Any]:
    """Return the summary of a version as the wire shows it."""
    version, currency = publication.version, publication.currency
    stored = version["summary"]

    def amounts(sums: Mapping[str, Any]) -> dict[str, Any]:
        shown = {**sums, **{name: money(sums[name], currency) for name in SUMMED}}
        shown["other_currencies"] = [
            {
                "deal_count": each["deal_count"],
                "amount": {
                    "amount": str(from_minor(int(each["amount_minor"]), each["currency"])),
                    "currency": each["currency"],
                },
            }
            for each in sums.get("other_currencies", ())
        ]
        return shown

    return {
        **publication.about(),
        "total": amounts(stored["total"]),
        "phases": [
            {"phase": phase, "label": catalogue.entry("phases", phase).name(language)}
            | amounts(sums)
            for phase, sums in stored["phases"].items()
        ],
        "states": [
            {"state": state, "label": state_label(state, catalogue, language)} | amounts(sums)
            for state, sums in stored["states"].items()
        ],
        "model": version["model"],
        "data_gaps": [
            {"code": code, "count": count}
            for code, count in gap_counts(version["data_gaps"]).items()
            if count
        ],
    }
