"""C-INACT: silence against the own rhythm."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from services.analytics.calculations.purchases import Floats


@dataclass(frozen=True, slots=True)
class InactivityParameters:
    """When silence begins to tell.

    Attributes
    ----------
    from_gap_rank
        Share of own gaps shorter than the present one up to which there is no signal; share;
        default 0.5 (domain specification 4).
    """

    from_gap_rank: float = 0.5


def inactivity(gap_rank: Floats, *, parameters: InactivityParameters) -> Floats:
    """Return the strength of the silence; shape of the input.

    Parameters
    ----------
    gap_rank
        Share of the unit's own gaps shorter than the present one; share, NaN without a purchase.

    Notes
    -----
    ``clip((gap_rank - 0.5) / 0.5)``. Source: domain specification 4.
    """
    start = parameters.from_gap_rank
    strength: Floats = np.clip((gap_rank - start) / (1 - start), 0.0, 1.0)
    return strength
