"""The rule about time that deals and interactions share: what has happened cannot lie ahead."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from services.foundation.problems import FieldError, Invalid

_CLOCK_DIFFERENCE = timedelta(minutes=5)


class InTheFuture(Invalid):
    code, title = "in_the_future", "Something that has happened cannot lie in the future."


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
            message = "This lies in the future; record it once it has happened."
            raise InTheFuture(
                message, errors=[FieldError(f"/body/{name}", "in_the_future", message)]
            )
