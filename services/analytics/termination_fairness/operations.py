"""Reads the fairness report of a quarter from the version that was published last in it."""

from collections.abc import Mapping
from datetime import date
from typing import Any, Final

from sqlalchemy import bindparam, select

from services.analytics.catalogue.catalogue import Language
from services.analytics.publication import Publication
from services.analytics.tables import versions
from services.analytics.termination_fairness.counting import DIMENSIONS, quarter_name
from services.foundation.columns import Day
from services.foundation.database import Database
from services.foundation.problems import NotFound
from services.foundation.statements import Statement

_LAST = Statement(
    select(versions)
    .where(
        versions.c.as_of >= bindparam("since", type_=Day),
        versions.c.as_of < bindparam("before", type_=Day),
    )
    .order_by(versions.c.number.desc())
    .limit(1)
)
NOTES: Final[Mapping[Language, str]] = {
    "en": "A share says how many customers of a group had an open termination case in the quarter. A ratio "
    "below 0.8 proves no discrimination, but a person has to find out why: look at the signals, at who "
    "opened the cases, and at letters that were perhaps not understood.",
    "de": "Ein Anteil sagt, wie viele Kunden einer Gruppe im Quartal einen offenen Beendigungsfall hatten. "
    "Ein Verhältnis unter 0,8 beweist keine Diskriminierung, doch ein Mensch muss klären, woran es liegt: "
    "an den Signalen, an denen, die Fälle eröffnen, oder an Schreiben, die vielleicht nicht verstanden "
    "wurden.",
}


class QuarterMissing(NotFound):
    code, title = "quarter_missing", "No version of this quarter is kept."


async def find_publication(
    database: Database, newest: Publication, quarter: str | None
) -> Publication:
    """Return the last version of a quarter.

    Raises
    ------
    QuarterMissing
        There is none.
    """
    if quarter is None or quarter == quarter_name(newest.version["as_of"]):
        return newest
    year, number = int(quarter[:4]), int(quarter[-1])
    if year < 1970:
        raise QuarterMissing(f"No version of {quarter} is kept.")
    since = date(year, 3 * number - 2, 1)
    before = date(year + number // 4, 3 * number % 12 + 1, 1) if year < 9999 else date.max
    version = await database.first(_LAST, {"since": since, "before": before})
    if version is None:
        raise QuarterMissing(f"No version of {quarter} is kept.")
    return Publication(version, None)


def show(publication: Publication, *, forgotten: int, language: Language) -> dict[str, Any]:
    """Return the report of a version."""
    stored = publication.version["termination_fairness"] or {}
    found = stored.get("dimensions", {})
    dimensions = [
        {
            "dimension": name,
            **{key: value for key, value in found[name].items() if key != "groups"},
            "groups": [{"group": group, **cell} for group, cell in found[name]["groups"].items()],
        }
        for name in DIMENSIONS
        if name in found
    ]
    return {
        **publication.about(),
        "quarter": quarter_name(publication.version["as_of"]),
        "has_warning": any(each["has_warning"] for each in dimensions),
        "dimensions": dimensions,
        "forgotten_case_count": forgotten,
        "note": NOTES[language],
    }
