"""Business days: when a day ends, and on which one an instant lies."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from services.analytics.frames.arrays import Floats, Integers

_DAY_MICROSECONDS = 86_400_000_000
_EPOCH = date(1970, 1, 1)
_FIRST_DAY, _LAST_DAY = ((date(year, 1, 1) - _EPOCH).days for year in (1900, 2200))


def day_number(day: date) -> int:
    """Count the days since 1970-01-01."""
    return (day - _EPOCH).days


@dataclass(frozen=True, slots=True)
class Clock:
    """Turns instants (microseconds since 1970 in UTC) into business days."""

    as_of: date
    zone: ZoneInfo

    @property
    def end(self) -> int:
        """The start of the business day after `as_of`: what is earlier counts."""
        return self._start(day_number(self.as_of) + 1)

    def start_of_window(self, days: int) -> int:
        """The start of the first of so many business days of which `as_of` is the last."""
        return self._start(day_number(self.as_of) + 1 - days)

    def start_after(self, instant: int) -> int:
        """The start of the business day after the one of an instant."""
        return self._start(int(self.days(np.array([instant]))[0]) + 1)

    def _start(self, day: int) -> int:
        midnight = datetime.combine(_EPOCH + timedelta(days=day), datetime.min.time(), self.zone)
        return int(midnight.timestamp()) * 1_000_000

    def days(self, instants: Integers) -> Integers:
        """Return the business day of each instant; days outside 1900 to 2199 count as the nearest.

        The starts of all days between the first and the last are looked up by place, so that
        changes of the clock cost nothing.
        """
        if not len(instants):
            return np.zeros(0, dtype=np.int64)
        guess = np.clip(instants // _DAY_MICROSECONDS, _FIRST_DAY, _LAST_DAY)
        first = int(guess.min())
        starts = np.array([self._start(day) for day in range(first, int(guess.max()) + 2)])
        place = guess - first
        day = guess + (instants >= starts[place + 1]) - (instants < starts[place])
        return np.clip(day, _FIRST_DAY, _LAST_DAY)

    def days_passed(self, instants: Integers) -> Floats:
        """Return the business day of each instant; NaN where it had not come by the end of the day."""
        days = np.full(len(instants), np.nan)
        has_passed = instants < self.end
        days[has_passed] = self.days(instants[has_passed])
        return days
