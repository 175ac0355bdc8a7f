"""When an event is tried again, how long a target rests, and when it is given up (Standard Webhooks 1.0.0)."""

import random
from datetime import datetime, timedelta

from services.crm_api.webhooks.sending import Outcome

DELAYS = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    *(timedelta(hours=hours) for hours in (2, 5, 10, 14, 20, 24)),
)
"""Between an attempt and the next; the first is made at once."""
MOST_ATTEMPTS = len(DELAYS) + 1
FAILING_FOR = timedelta(hours=72)
FAILING_COUNT = 10
_JITTER = 0.1
_LONGEST_REST = timedelta(minutes=1)


def next_attempt_at(made: int, outcome: Outcome, *, now: datetime) -> datetime | None:
    """Return when the attempt after the `made` ones is due; None if there is none."""
    if outcome.error is None or made >= MOST_ATTEMPTS:
        return None
    # Spread a little, so that what failed together does not come back together.
    delay = DELAYS[made - 1] * random.uniform(1, 1 + _JITTER)
    return now + max(delay, outcome.retry_after or timedelta())


def resting_until(failures: int, outcome: Outcome, *, now: datetime) -> datetime:
    """Return until when a target rests after so many failures in a row: 1, 2, 4, … 60 seconds.

    It is told by the target itself if it answers with Retry-After, an hour at most.
    """
    rest = min(timedelta(seconds=2 ** min(failures - 1, 6)), _LONGEST_REST)
    return now + max(rest, outcome.retry_after or timedelta())


def is_hopeless(failures: int, failing_since: datetime | None, *, now: datetime) -> bool:
    """Say whether a target failed for so long that it is to be left alone."""
    return (
        failing_since is not None
        and failures >= FAILING_COUNT
        and now - failing_since >= FAILING_FOR
    )
