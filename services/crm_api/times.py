"""What is the same about time everywhere: what has happened is not ahead, an end is behind its start."""

from collections.abc import Container, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from services.foundation.calls import Call
from services.foundation.problems import FieldError, Invalid

_CLOCK_DIFFERENCE = timedelta(minutes=5)
_LONGEST_AHEAD = timedelta(days=1)
"""By which calendars that are ahead of UTC may differ from it, and a little more."""


class InTheFuture(Invalid):
    code, title = "in_the_future", "Something that has happened cannot lie in the future."


class EndsBeforeStart(Invalid):
    code, title = "ends_before_start", "An end cannot lie before its start."


def business_time_zone(call: Call) -> str:
    """Return the name of the time zone that says what day an instant is, unless a request names one."""
    return str(call.scope["app"].state.time_zone)


def check_order(
    values: Mapping[str, Any], start: str, end: str, *, sent: Container[str] | None = None
) -> None:
    """Refuse a span that ends before it starts; one that lacks an end or a start is open.

    Raises
    ------
    EndsBeforeStart
        It does; the problem names the end, or the start if that alone is among what was `sent`.
    """
    first, last = values.get(start), values.get(end)
    if first is not None and last is not None and last < first:
        message = f"{end} lies before {start}."
        name = end if sent is None or end in sent else start
        raise EndsBeforeStart(
            message, errors=[FieldError(f"/body/{name}", "ends_before_start", message)]
        )


def check_past(values: Mapping[str, Any], names: Iterable[str], *, now: datetime) -> None:
    """Refuse instants later than now, allowing five minutes for clocks that differ.

    Raises
    ------
    InTheFuture
        One of the named values lies ahead; the problem names the field.
    """
    for name in names:
        value = values.get(name)
        if value is not None and value > now + _CLOCK_DIFFERENCE:
            raise _ahead(
                name,
                "This lies more than five minutes in the future, which are allowed for clocks that "
                "differ; record it once it has happened.",
            )


def check_past_day(values: Mapping[str, Any], name: str, *, now: datetime) -> None:
    """Refuse a day later than today, wherever on earth it is today.

    Raises
    ------
    InTheFuture
        It is; the problem names the field.
    """
    value = values.get(name)
    if value is not None and value > (now + _LONGEST_AHEAD).date():
        raise _ahead(name, "This day is still to come; a day that has come somewhere is expected.")


def _ahead(name: str, message: str) -> InTheFuture:
    fault = FieldError(f"/body/{name}", "in_the_future", message)
    return InTheFuture(message, errors=[fault])
