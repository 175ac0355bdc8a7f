"""The list that a campaign takes of a plan: looked through first, then written piece by piece."""

from __future__ import annotations

import asyncio
import csv
import io
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final, Self

import orjson

from services.analytics import store
from services.analytics.calculations.feedback.known import Holdout
from services.analytics.catalogue.catalogue import Catalogue, Language
from services.analytics.catalogue.options import addressable_channels, reach_parameters
from services.analytics.decisions.automatic import load_rejections
from services.analytics.experiments.loading import load_holdouts
from services.analytics.frames.clock import Clock
from services.analytics.plans import operations
from services.analytics.plans.asking import CrmNews
from services.analytics.plans.dropping import (
    Decision,
    DropReason,
    NewestSteps,
    dropped,
    why_not,
)
from services.analytics.plans.news import News
from services.analytics.plans.showing import AMOUNTS, show_line
from services.analytics.publication import Publication
from services.foundation.database import Database, Reader
from services.foundation.sheet_texts import BYTE_ORDER_MARK, harmless
from services.foundation.statements import Record

_AT_ONCE: Final = 5_000


@dataclass(frozen=True, slots=True)
class Checked:
    """Who is dropped of a plan, and how many are listed.

    Attributes
    ----------
    dropped_numbers
        Numbers of the choices that are dropped.
    counts
        How many were dropped, by reason.
    listed_count
        How many are left.
    """

    dropped_numbers: frozenset[int]
    counts: Mapping[str, int]
    listed_count: int


@dataclass(frozen=True, slots=True)
class Checks:
    """What decides who is dropped: the newest version, the CRM, experiments and decisions.

    Attributes
    ----------
    newest
        What the newest version recommends.
    news
        What came after it in the CRM.
    holdouts
        Experiments whose control groups are left alone.
    decided
        Unit and instrument of what is not to be done again.
    channels
        Ids of the addressable channels.
    """

    newest: NewestSteps
    news: News
    holdouts: Sequence[Holdout]
    decided: frozenset[Decision]
    channels: Sequence[str]


async def gather_checks(
    database: Database,
    newest: NewestSteps,
    crm: CrmNews,
    *,
    now: datetime,
    clock: Clock,
    catalogue: Catalogue,
) -> Checks:
    """Ask for all that a plan is checked against; raises what `CrmNews.changed` does."""
    return Checks(
        newest,
        await News.ask(crm, newest.cursor, clock=clock, reach=reach_parameters(catalogue)),
        await load_holdouts(database),
        frozenset(await load_rejections(database, now=now)),
        [channel.id for channel in addressable_channels(catalogue)],
    )


async def check(
    database: Database, publication: Publication, plan: Record, checks: Checks, crm: CrmNews
) -> Checked:
    """Look through all choices of a plan, so that what is dropped is known before the list begins.

    Raises
    ------
    Superseded
        The published version is not the newest any more.
    CrmNotAsked
        The CRM does not say what is known of those who changed.
    """
    numbers, counts, total = set[int](), Counter[str](), 0
    async for rows in _pieces(database, plan["id"]):
        barred = await checks.news.barred(database, publication, rows, crm)
        reasons = await asyncio.to_thread(
            dropped,
            rows,
            checks.newest,
            barred=barred,
            holdouts=checks.holdouts,
            decided=checks.decided,
        )
        reasons |= await _explained(database, publication, rows, reasons, checks)
        numbers.update(row["number"] for row in rows if row["unit_id"] in reasons)
        counts.update(reasons.values())
        total += len(rows)
    newest = await store.newest_version(database)
    publication.check(newest["number"] if newest else 0)
    # Who was erased left the plan itself.
    counts["erased"] += plan["figures"]["chosen_count"] - total
    return Checked(frozenset(numbers), dict(+counts), total - len(numbers))


async def _explained(
    reader: Reader,
    publication: Publication,
    rows: Sequence[Record],
    reasons: Mapping[str, DropReason],
    checks: Checks,
) -> dict[str, DropReason]:
    """Return why the newest version does not recommend any more what it does not."""
    unexplained = {
        row["unit_id"]: row
        for row in rows
        if reasons.get(row["unit_id"]) == "no_longer_recommended"
    }
    known = await operations.reach_of(reader, publication, list(unexplained))
    return {
        row["unit_id"]: why_not(unexplained[row["unit_id"]], row, checks.channels) for row in known
    }


async def _pieces(reader: Reader, plan_id: str) -> AsyncIterator[list[Record]]:
    last = 0
    while rows := await operations.all_choices(reader, plan_id, after=last, limit=_AT_ONCE):
        yield rows
        last = rows[-1]["number"]


@dataclass(frozen=True, slots=True)
class Form:
    """How a list is written; a spreadsheet is told its alphabet by a byte order mark."""

    is_json: bool = False
    has_mark: bool = False
    delimiter: str = ","
    decimal_sign: str = "."

    @classmethod
    def of(cls, name: str, language: Language) -> Self:
        if name != "excel_csv":
            return cls(is_json=name == "ndjson")
        delimiter, decimal_sign = (";", ",") if language == "de" else (",", ".")
        return cls(has_mark=True, delimiter=delimiter, decimal_sign=decimal_sign)


async def write_list(
    reader: Reader,
    plan_id: str,
    checked: Checked,
    *,
    form: Form,
    period: tuple[date, date],
    show: Callable[[Record], Mapping[str, Any]],
) -> AsyncIterator[bytes]:
    """Yield the list: CSV with a header, or one JSON object a line; `show` says what a choice is."""
    is_first = True
    if form.has_mark:
        yield BYTE_ORDER_MARK
    async for rows in _pieces(reader, plan_id):
        shown = [show(row) for row in rows if row["number"] not in checked.dropped_numbers]
        if form.is_json:
            yield b"".join(orjson.dumps(each) + b"\n" for each in shown)
        else:
            lines = [show_line(each, period=period) for each in shown]
            yield _csv(lines, form, has_header=is_first)
        is_first = is_first and not shown


def _csv(lines: Sequence[Mapping[str, str]], form: Form, *, has_header: bool) -> bytes:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n", delimiter=form.delimiter)
    if has_header and lines:
        writer.writerow(lines[0])
    writer.writerows(
        [
            text.replace(".", form.decimal_sign) if name in AMOUNTS else harmless(text)
            for name, text in line.items()
        ]
        for line in lines
    )
    return out.getvalue().encode()
