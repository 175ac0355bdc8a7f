"""How samples would be read under one answer to a question or another."""

from collections.abc import Callable, Iterable
from zoneinfo import ZoneInfo

from services.crm_api.imports.values import dates, numbers
from services.crm_api.imports.values.numbers import DecimalMark
from services.crm_api.imports.values.rejection import ValueRejected

Readings = tuple[tuple[str, str], ...]
"""Pairs of a sample and its reading; a dash where there is none."""
_NONE = "\u2013"


def day_readings(samples: Iterable[str], date_format: str) -> Readings:
    """Return the days that the samples would be."""
    zone = ZoneInfo("UTC")
    return _readings(samples, lambda cell: dates.day(cell, date_format=date_format, zone=zone))


def reads_some(readings: Readings) -> bool:
    """Say whether at least one of the samples has a reading."""
    return any(reading != _NONE for _, reading in readings)


def number_readings(samples: Iterable[str], decimal_mark: DecimalMark) -> Readings:
    """Return the numbers that the samples would be."""
    return _readings(samples, lambda cell: numbers.number_shown(cell, decimal_mark=decimal_mark))


def _readings(samples: Iterable[str], read: Callable[[str], str | None]) -> Readings:
    found: list[tuple[str, str]] = []
    for sample in samples:
        try:
            found.append((sample, read(sample) or ""))
        except ValueRejected:
            found.append((sample, _NONE))
    return tuple(found)
