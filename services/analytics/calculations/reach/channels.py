"""E-CHAN: which channels may be used for what, and how well each of them is answered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from services.analytics.calculations.purchases import Booleans, Floats, Integers
from services.analytics.calculations.reach.parameters import (
    BARRIERS,
    ChannelRule,
    ReachParameters,
)

Codes: TypeAlias = NDArray[np.int8]

CONSENTS: Final = ("unknown", "granted", "pending", "refused")
"""What is known of the consent to a channel for a purpose, in the order of its codes."""


def pack_barriers(barriers: Codes) -> Integers:
    """Write codes of `BARRIERS`, shape (people, channels), as one number each: a digit for a channel."""
    digits = len(BARRIERS) ** np.arange(barriers.shape[1])
    packed: Integers = barriers.astype(np.int64) @ digits
    return packed


def unpack_barriers(packed: Integers, *, channel_count: int) -> Codes:
    """Read what `pack_barriers` wrote; shape (people, channels)."""
    digits = len(BARRIERS) ** np.arange(channel_count)
    return (packed[:, None] // digits % len(BARRIERS)).astype(np.int8)


def channel_barriers(
    consent: Codes, has_address: Booleans, is_active: Booleans, *, channels: tuple[ChannelRule, ...]
) -> Codes:
    """Tell why each channel may not be used for a purpose, as codes of `BARRIERS`; 0: it may.

    Parameters
    ----------
    consent
        Codes of `CONSENTS`; shape (people, channels).
    has_address
        Whether the person can be found there; shape (people, channels).
    is_active
        Whether business with the person is possible; shape (people,).

    Notes
    -----
    Opt-in needs a consent that is granted; opt-out only that nobody refused. A refusal holds
    whatever the channel asks for. Source: domain specification 6.3.
    """
    asks_first = np.array([channel.consent == "opt_in" for channel in channels], dtype=np.bool_)
    barriers = np.zeros(consent.shape, dtype=np.int8)

    def bar(name: str, rows: Booleans) -> None:
        barriers[rows] = BARRIERS.index(name)

    bar("no_consent", asks_first & (consent == CONSENTS.index("unknown")))
    bar("consent_pending", asks_first & (consent == CONSENTS.index("pending")))
    bar("no_address", ~has_address)
    bar("refused", consent == CONSENTS.index("refused"))
    barriers[~is_active] = BARRIERS.index("not_active")
    return barriers


@dataclass(frozen=True, slots=True, eq=False)
class ChannelQuality:
    """How well channels are answered; shape (people, channels).

    `response_rate` is a probability of every channel; `quality` has no unit and is NaN where the
    channel is not allowed.
    """

    response_rate: Floats
    quality: Floats


def channel_quality(
    responses: Integers,
    touches: Integers,
    allowed: Booleans,
    preferred: Integers,
    *,
    base_response: Floats,
    parameters: ReachParameters,
) -> ChannelQuality:
    """Compare the channels of each person by how they were answered.

    Parameters
    ----------
    responses, touches
        Answers and touches of the response window; counts, shape (people, channels).
    allowed
        Whether the channel may be used; shape (people, channels).
    preferred
        Place of the preferred channel, -1 without one; shape (people,).
    base_response
        Share that is answered by anybody; probability above 0, shape (channels,).

    Notes
    -----
    ``r = (k + 10 r0) / (n + 10)``; ``q = clip((r / r0) / mean of it over the channels * (1.2 if
    preferred), 0.5, 1.5)``. The mean is taken over all channels, not over the allowed ones alone:
    else one more consent would lower the others, and could take a recommendation away. Source:
    domain specification 6.3.
    """
    prior = parameters.prior_touches
    rate = (responses + prior * base_response) / (touches + prior)
    ratio = rate / base_response
    ratio /= ratio.mean(axis=1, keepdims=True)
    rows = np.flatnonzero(preferred >= 0)
    ratio[rows, preferred[rows]] *= parameters.preferred_factor
    quality = np.clip(ratio, parameters.quality_min, parameters.quality_max)
    quality[~allowed] = np.nan
    return ChannelQuality(rate, quality)
