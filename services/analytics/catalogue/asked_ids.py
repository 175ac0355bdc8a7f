"""Checks that filters name entries of the catalogue, or what records hold of an earlier one."""

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Final

from sqlalchemy import Table, bindparam, select

from services.analytics.catalogue.catalogue import Catalogue
from services.foundation.database import Reader
from services.foundation.problems import Invalid, invalid
from services.foundation.statements import Statement

SECTIONS: Final[Mapping[str, str]] = {
    "goal": "goals",
    "strategy": "strategies",
    "strategy_id": "strategies",
    "instrument": "instruments",
    "instrument_id": "instruments",
    "channel": "channels",
    "event": "marketing_events",
}
"""Filters that name an entry of the catalogue, and its section."""
Asked = Mapping[str, Sequence[str]]
"""What is asked for, by the name of the filter."""


def check_ids(asked: Asked, catalogue: Catalogue) -> None:
    """Check that filters name what there is.

    Raises
    ------
    Invalid
        The catalogue has no such entry.
    """
    for name, place in _unknown(asked, catalogue):
        raise _refused(name, place, catalogue)


async def check_ids_of_records(
    reader: Reader, asked: Asked, catalogue: Catalogue, *, records: Table
) -> None:
    """Check that filters name what there is, or what there was: records outlive an entry of one's own.

    Raises
    ------
    Invalid
        The catalogue has no such entry, and no record names it.
    """
    for name, place in _unknown(asked, catalogue):
        if await reader.first(_naming(records, name), {"entry_id": asked[name][place]}) is None:
            raise _refused(name, place, catalogue)


def _unknown(asked: Asked, catalogue: Catalogue) -> Iterator[tuple[str, int]]:
    for name, ids in asked.items():
        known = catalogue.shown_sections[SECTIONS[name]]
        yield from ((name, place) for place, wanted in enumerate(ids) if wanted not in known)


def _refused(name: str, place: int, catalogue: Catalogue) -> Invalid:
    known = ", ".join(catalogue.shown_sections[SECTIONS[name]])
    message = f"The catalogue has no such entry; it has: {known}."
    return invalid(f"/query/{name}/{place}", "unknown_id", message)


@cache
def _naming(records: Table, name: str) -> Statement:
    column = records.columns[name]
    named = column == bindparam("entry_id", type_=column.type)
    return Statement(select(column).where(named).limit(1))
