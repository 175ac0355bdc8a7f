"""Cells as days and instants, by a format that is given."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from typing import Literal
from zoneinfo import ZoneInfo

from services.crm_api.imports.values.rejection import ValueRejected
from services.crm_api.imports.values.texts import clean, is_absent
from shared.values import wire_instant

_TIME = (
    r"(?:(?:[T ,]|,?\s+)\s*(?P<hour>\d{1,2}):(?P<minute>\d{2})"
    r"(?::(?P<second>\d{2})(?:[.,](?P<fraction>\d{1,9}))?)?(?:\s?(?P<half>[AaPp])\.?[Mm]\.?)?"
    r"(?:\s?Uhr)?\s*(?P<zone>[Zz]|UTC|GMT|[+-](?:0\d|1[0-4])(?::?[0-5]\d)?)?)?"
)
_SEPARATED = re.compile(
    r"(?P<first>\d{1,4})(?P<separator>[-./])(?P<middle>\d{1,2})(?P=separator)(?P<last>\d{2,4})"
    + _TIME,
    re.ASCII,
)
_COMPACT = re.compile(
    r"(?P<first>\d{4})(?P<middle>\d{2})(?P<last>\d{2})"
    r"(?:T?(?P<hour>\d{2})(?P<minute>\d{2})(?P<second>\d{2})?)?(?P<zone>[Zz])?",
    re.ASCII,
)
_LONGEST_DATE = 48
_FORMAT = re.compile(
    r"(?P<order>YYYY(?P<a>[-./])MM(?P=a)DD|YYYYMMDD|D(?P<b>[-./])M(?P=b)|M(?P<c>[-./])D(?P=c))"
    r"(?P<year>YYYY|YY@\d{4})?"
)


@dataclass(frozen=True, slots=True)
class DateParts:
    """A date as it is written: three numbers in the order of the text, and the time beside."""

    first: str
    middle: str
    last: str
    separator: str
    time: timedelta | None
    zone: tzinfo | None

    @property
    def is_iso(self) -> bool:
        """Whether only one reading exists, that of ISO 8601."""
        return self.separator == "-" and len(self.first) == 4


@dataclass(frozen=True, slots=True)
class DateFormat:
    """The order of a date's parts; with two figures for the year, the first of its 100 years."""

    order: Literal["ymd", "dmy", "mdy"]
    separator: str
    first_year: int | None = None


@lru_cache(maxsize=64)
def parsed_format(spelling: str) -> DateFormat:
    """Read the name of a format: ``D.M.YYYY``, ``M/D/YYYY``, ``YYYYMMDD``, ``D.M.YY@1950``, ``epoch_ms`` …

    ``YY@1950`` reads two figures as a year of 1950 to 2049. Doubled and German letters (``TT``,
    ``JJJJ``) are understood.

    Raises
    ------
    ValueError
        The name is none of a format.
    """
    if spelling == EPOCH:
        return DateFormat("ymd", EPOCH)
    name = spelling.strip().upper().replace("T", "D").replace("J", "Y")
    if not name.startswith("Y"):
        name = name.replace("DD", "D").replace("MM", "M")
    found = _FORMAT.fullmatch(name)
    is_year_first = name.startswith("Y")
    if not found or is_year_first == bool(found["year"]):
        raise ValueError(f"{spelling} is no date format")
    separator = found["a"] or found["b"] or found["c"] or ""
    if is_year_first:
        return DateFormat("ymd", separator)
    first_year = int(found["year"][3:]) if "@" in found["year"] else None
    return DateFormat("dmy" if name.startswith("D") else "mdy", separator, first_year)


def date_parts(cell: str) -> DateParts | None:
    """Take a date apart; None if the cell is none, whatever its format may be."""
    content = clean(cell)
    if not content[:1].isdigit() or not 6 <= len(content) <= _LONGEST_DATE:
        return None
    found = _COMPACT.fullmatch(content) or _SEPARATED.fullmatch(content)
    if found is None:
        return None
    parts = found.groupdict()
    time = _time(parts)
    if parts["hour"] and time is None:
        return None
    zone = _offset(parts["zone"]) if parts["zone"] else None
    separator = parts.get("separator") or ""
    return DateParts(parts["first"], parts["middle"], parts["last"], separator, time, zone)


def _time(parts: Mapping[str, str | None]) -> timedelta | None:
    if not parts["hour"]:
        return None
    hour, minute = int(parts["hour"]), int(parts["minute"] or 0)
    second, half = int(parts["second"] or 0), (parts.get("half") or "").lower()
    if half:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if half == "p" else 0)
    if hour > 23 or minute > 59 or second > 59:
        return None
    microsecond = int((parts.get("fraction") or "0").ljust(6, "0")[:6])
    return timedelta(hours=hour, minutes=minute, seconds=second, microseconds=microsecond)


def _offset(spelling: str) -> tzinfo:
    if spelling[0] not in "+-":
        return UTC
    figures = spelling[1:].replace(":", "").ljust(4, "0")
    size = timedelta(hours=int(figures[:2]), minutes=int(figures[2:]))
    return timezone(-size if spelling[0] == "-" else size)


EPOCH = "epoch_ms"
"""The format of instants that machines write as milliseconds since 1970."""
_EPOCH = re.compile(r"1\d{12}", re.ASCII)


def is_epoch(cell: str) -> bool:
    """Say whether a cell may be milliseconds since 1970, of a day from 2001 to 2033."""
    return _EPOCH.fullmatch(clean(cell)) is not None


def _epoch(cell: str) -> datetime:
    if not is_epoch(cell):
        raise ValueRejected(
            "no_date",
            "these are no milliseconds since 1970",
            "das sind keine Millisekunden seit 1970",
            expected=EPOCH,
        )
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=int(clean(cell)))


def calendar_day(parts: DateParts, by: DateFormat) -> date | None:
    """Return the day that the parts name under a format, None if they name none."""
    if parts.is_iso:
        by = DateFormat("ymd", "-")
    if parts.separator != by.separator:
        return None
    figures = dict(zip(by.order, (parts.first, parts.middle, parts.last), strict=True))
    year = figures["y"]
    if len(year) != (4 if by.first_year is None else 2):
        return None
    if len(figures["d"]) > 2 or len(figures["m"]) > 2:
        return None
    number_of_year = int(year)
    if by.first_year is not None:
        number_of_year = by.first_year + (number_of_year - by.first_year) % 100
    try:
        return date(number_of_year, int(figures["m"]), int(figures["d"]))
    except ValueError:
        return None


def _dated(cell: str, spelling: str) -> tuple[date, DateParts]:
    parts = date_parts(cell)
    found = calendar_day(parts, parsed_format(spelling)) if parts else None
    if parts is None or found is None:
        raise ValueRejected(
            "no_date",
            f"this is no date of the form {spelling}",
            f"das ist kein Datum der Form {spelling}",
            expected=spelling,
        )
    return found, parts


_YEARLESS = re.compile(r"--(?:0[1-9]|1[0-2])-?(?:0[1-9]|[12]\d|3[01])", re.ASCII)


def is_yearless(cell: str) -> bool:
    """Say whether a cell is a day without its year (RFC 6350), which is none of a calendar."""
    return _YEARLESS.fullmatch(clean(cell)) is not None


def day(cell: str, *, date_format: str, zone: ZoneInfo) -> str | None:
    """Return the calendar day; an instant with an offset is on the day it has in `zone`.

    None for an empty cell and for a day without its year.
    """
    if is_absent(cell) or is_yearless(cell):
        return None
    if date_format == EPOCH:
        return day_of(_epoch(cell), zone).isoformat()
    found, parts = _dated(cell, date_format)
    if parts.zone is not None and parts.time is not None:
        found = day_of(_absolute(found, parts.time, parts.zone), zone)
    return found.isoformat()


def day_of(at: datetime, zone: ZoneInfo) -> date:
    """Return the day that an instant is on in `zone`.

    Raises
    ------
    ValueRejected
        There it is in the year 0 or 10000.
    """
    try:
        return at.astimezone(zone).date()
    except OverflowError:
        raise _out_of_range() from None


def instant(cell: str, *, date_format: str, zone: ZoneInfo) -> str | None:
    """Return the instant as the wire spells it; a time without an offset is read in `zone`.

    A day without a time is its first instant in `zone`. A time that the clocks skipped in spring
    or showed twice in autumn is refused: which instant is meant cannot be known.
    """
    if is_absent(cell):
        return None
    if date_format == EPOCH:
        return wire_instant(_epoch(cell))
    found, parts = _dated(cell, date_format)
    try:
        if parts.zone is not None:
            return wire_instant(_absolute(found, parts.time or timedelta(), parts.zone))
        return wire_instant(_in_zone(found, parts.time, zone))
    except OverflowError:
        raise _out_of_range() from None


def _in_zone(found: date, time: timedelta | None, zone: ZoneInfo) -> datetime:
    earlier = _absolute(found, time or timedelta(), zone)
    later = earlier.replace(fold=1)
    difference = (earlier.utcoffset() or timedelta()) - (later.utcoffset() or timedelta())
    if not difference:
        return earlier
    if time is None:
        return _first_instant(earlier, later)
    if difference > timedelta():
        raise ValueRejected(
            "local_time_twice",
            f"the clocks of {zone.key} showed this time twice",
            f"die Uhren von {zone.key} zeigten diese Zeit zweimal",
            expected="a time with an offset, such as +01:00",
        )
    raise ValueRejected(
        "local_time_skipped",
        f"the clocks of {zone.key} skipped this time",
        f"die Uhren von {zone.key} haben diese Zeit übersprungen",
        expected="a time that the clocks showed",
    )


def _out_of_range() -> ValueRejected:
    return ValueRejected(
        "date_out_of_range",
        "this lies outside the years 0001 to 9999",
        "das liegt außerhalb der Jahre 0001 bis 9999",
        expected="a year between 0001 and 9999",
    )


def _first_instant(earlier: datetime, later: datetime) -> datetime:
    """Return the first of two midnights, or the instant at which a skipped one was jumped over."""
    if earlier.astimezone(UTC) < later.astimezone(UTC):
        return earlier
    zone, today = earlier.tzinfo, earlier.date()
    low, high = later.astimezone(UTC), earlier.astimezone(UTC)
    while high - low > timedelta(seconds=1):
        middle = (low + (high - low) / 2).replace(microsecond=0)
        low, high = (low, middle) if middle.astimezone(zone).date() >= today else (middle, high)
    return high


def _absolute(found: date, time: timedelta, zone: tzinfo) -> datetime:
    return datetime(found.year, found.month, found.day, tzinfo=zone) + time
