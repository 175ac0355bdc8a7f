"""What the settings of both services have in common."""

from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator

LOOPBACK = ("127.0.0.1", "localhost", "::1")


def _known(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("a time zone such as Europe/Berlin is expected") from None
    return name


TimeZoneName = Annotated[str, AfterValidator(_known)]
