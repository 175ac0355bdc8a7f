"""The numbers the stacked model can be told, with unit, default and source; nothing is read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from services.analytics.calculations.signals.combination import DEFAULT_WEIGHTS

if TYPE_CHECKING:
    from services.analytics.calculations.parameters import Family


@dataclass(frozen=True, slots=True)
class ChurnParameters:
    """How purchases are learned from a base's own past.

    The defaults without a source are ours: few and round, the same for every base. They were set by
    what they did to four real logs and eleven simulated worlds together, never to one of them.

    Attributes
    ----------
    horizon_days
        Days that decisions look ahead; learned beside every customer's own horizon; default 180
        (domain specification 2.3).
    origin_count
        Days of the past that are learned from; default 6.
    nearest_share, farthest_share
        Where they lie: at least and at most this share of the history back; share; defaults 1/4 and
        2/3, so that something came before and after each.
    farthest_horizons
        The same in horizons, which limits how old the past may be; no unit; default 2.75.
    held_out_count
        Newest origins that are forecast from the older ones to choose and to judge; default 2.
    penalties
        Weights of the ridge penalty to choose from, by standard deviation of a feature; customers;
        default 5 to 1,280, each four times the one before.
    signal_effects
        Log-odds that the full strength of a signal adds to churn, before any data; by signal id;
        defaults those of the catalogue (4, ``churn_signals``).
    signal_effect_deviation
        How far an effect may be from that; log-odds; default 0.5 (4, calibration).
    memory_gaps
        Typical gaps after which a purchase counts for 1/e among the recent ones; default 2.
    level_deviation
        How far a purchase model is usually off in total, in one direction, on the logarithm;
        default 0.2.
    level_half_life
        After which share of the days between newest and oldest origin a level counts half; share;
        default 1/5.
    level_variation, level_variation_weight
        How much that differs from one origin to another before any data, on the logarithm, and how
        many origins this counts for; defaults 0.2 and 2.
    season_days
        After which seasons return; days; default 365.25.
    season_share
        Share of the history that may lie after an origin of a year ago; default 3/4.
    season_reach
        How far back the oldest origin has to lie, for seasons to be told; years; default 0.9.
    season_width
        How quickly one season turns into another; no unit; default 0.7: after two months levels go
        together by about 0.4.
    season_noise
        Part of the variation of levels that no season explains; share; default 0.25.
    tail_share
        Share of the values at each end beyond which a feature is taken as at the edge; share;
        default 0.005.
    rows_needed, events_needed
        Customers at the older origins, and those of them that bought (and that did not), below
        which nothing is learned; count; defaults 300 and 50 (4, calibration).
    gain_needed
        Standard errors by which the stacked forecast has to be better on the held-out origins;
        default 1.
    rivals
        Purchase models it has to beat there, beside the running one.
    sample_size
        Customers that are learned from, about; the caller takes them by a hash of their ids; default
        20,000, where an effect of a tenth of a standard deviation shows.
    """

    horizon_days: int = 180
    origin_count: int = 6
    nearest_share: float = 1 / 4
    farthest_share: float = 2 / 3
    farthest_horizons: float = 2.75
    held_out_count: int = 2
    penalties: tuple[float, ...] = (5.0, 20.0, 80.0, 320.0, 1280.0)
    signal_effects: tuple[tuple[str, float], ...] = tuple(DEFAULT_WEIGHTS.items())
    signal_effect_deviation: float = 0.5
    memory_gaps: float = 2.0
    level_deviation: float = 0.2
    level_half_life: float = 1 / 5
    level_variation: float = 0.2
    level_variation_weight: float = 2.0
    season_days: float = 365.25
    season_share: float = 3 / 4
    season_reach: float = 0.9
    season_width: float = 0.7
    season_noise: float = 0.25
    tail_share: float = 0.005
    rows_needed: int = 300
    events_needed: int = 50
    gain_needed: float = 1.0
    rivals: tuple[Family, ...] = ("bg_nbd", "pareto_nbd")
    sample_size: int = 20_000
