"""The list that a campaign takes of a plan: looked through first, then written piece by piece."""

from __future__ import annotations

import asyncio
import csv
import io
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import orjson

from services.analytics.plans import operations
from services.analytics.plans.dropping import NewestSteps, dropped
from services.analytics.plans.showing import show_line
from services.foundation.database import Reader
from services.foundation.sheet_texts import harmless
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


async def check(reader: Reader, plan_id: str, newest: NewestSteps) -> Checked:
    """Look through all choices of a plan, so that what is dropped is known before the list begins."""
    numbers, counts, total = set[int](), Counter[str](), 0
    async for rows in _pieces(reader, plan_id):
        reasons = await asyncio.to_thread(dropped, rows, newest)
        numbers.update(row["number"] for row in rows if row["unit_id"] in reasons)
        counts.update(reasons.values())
        total += len(rows)
    return Checked(frozenset(numbers), dict(counts), total - len(numbers))


async def _pieces(reader: Reader, plan_id: str) -> AsyncIterator[list[Record]]:
    last = 0
    while rows := await operations.all_choices(reader, plan_id, after=last, limit=_AT_ONCE):
        yield rows
        last = rows[-1]["number"]


async def write_list(
    reader: Reader,
    plan_id: str,
    checked: Checked,
    *,
    form: str,
    period: tuple[date, date],
    show: Callable[[Record], Mapping[str, Any]],
) -> AsyncIterator[bytes]:
    """Yield the list: CSV with a header, or one JSON object a line; `show` says what a choice is."""
    is_first = True
    async for rows in _pieces(reader, plan_id):
        shown = [show(row) for row in rows if row["number"] not in checked.dropped_numbers]
        if form == "ndjson":
            yield b"".join(orjson.dumps(each) + b"\n" for each in shown)
        else:
            yield _csv([show_line(each, period=period) for each in shown], has_header=is_first)
        is_first = is_first and not shown


def _csv(lines: Sequence[Mapping[str, str]], *, has_header: bool) -> bytes:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    if has_header and lines:
        writer.writerow(lines[0])
    writer.writerows([harmless(text) for text in line.values()] for line in lines)
    return out.getvalue().encode()
