"""When records make an event."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

GROWTH: Final = ("household_growth", "site_opening")
"""Life events by which a household or a firm grows; every other one changes the stage of life."""


@dataclass(frozen=True, slots=True)
class OccasionParameters:
    """When records make an event (catalogue, `marketing_events`; domain specification 6.7).

    Attributes
    ----------
    spend_level
        Revenue from which on spending earns a reward; base currency; default 1000 (catalogue, event
        `spend_threshold`, which leaves the level to the company).
    spend_window_days
        Window of that revenue, the day itself included; days; default 365 (the same).
    season_starts
        Month and day on which the seasons begin; default those of meteorology (catalogue, event
        `season_start`).
    rhythm_gap_rank
        Gap rank from which on silence breaks the own rhythm; probability; default 0.9 (catalogue,
        event `rhythm_break`).
    contract_ends_within_days
        Time before the end of a contract from which on it ends soon; days; default 90 (catalogue,
        event `contract_expiring`).
    """

    spend_level: float = 1000.0
    spend_window_days: int = 365
    season_starts: tuple[tuple[int, int], ...] = ((3, 1), (6, 1), (9, 1), (12, 1))
    rhythm_gap_rank: float = 0.9
    contract_ends_within_days: int = 90
