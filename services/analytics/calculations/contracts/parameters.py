"""How relationships by contract are read and their survival is estimated; nothing is computed."""

from __future__ import annotations

from dataclasses import dataclass

MONTH_DAYS = 30
"""The step of the survival model: whoever is there at its beginning may have left at its end."""


@dataclass(frozen=True, slots=True)
class ContractParameters:
    """How contracts are read and what a survival model of them needs (domain specification 2.3).

    Attributes
    ----------
    default_probability
        Chance that a contract is not renewed before enough have ended; probability; default 0.05
        (2.3).
    share_from_ended
        Ended contracts from which the share of those not renewed is used; count; default 30 (2.3).
    horizon_min_days, horizon_max_days
        Limits of the time until the end of the term, for which the chance is told; days; both 30 by
        default, so that all chances are for the same time and can be ranked: over whole terms a
        contract of two years ranks above one of a month that is far likelier to end soon. 30 and
        365 tell it for the rest of each term.
    grace_days
        How long after its end a contract can be renewed, the relationship going on; days; default
        30, our choice.
    history_months
        Months of 30 days back from the day that are learned from; count; default 36, our choice:
        what held before need not hold any more.
    history_units, history_rows
        Units, and months of units, that are learned from at most; count; defaults 20,000 and
        50,000, our choice: more would cost time and hardly move a coefficient.
    survival_from_events
        Relationships that ended in that time from which survival is estimated; count; default 50,
        as for calibration (4).
    folds
        Parts of the history that are forecast each from the others, to see whether the model is
        better than one share for all; count; default 5.
    tenure_knots_months
        Where the effect of tenure may bend; months; default 1, 3, 6, 12, 24, 48.
    term_from_months
        Terms from which the risk may be lower; months; default 2, 5, 9, 18, 30: between the usual
        terms of 1, 3, 6, 12, 24 and 36.
    left_above_days
        Time left until the end of the term above which the risk may be lower; days; default 0, 60,
        150, 330.
    words_from_months, words_at_most
        Months of units from which a product or category has an effect of its own, and how many may;
        count; defaults 30 and 40, the most frequent.
    effect_deviation, word_deviation
        Spread of the prior of effects, and of those of products and categories; log hazard;
        defaults 1 and 0.5, our choice: effects beyond a factor of 7, or of 3, are rare.
    signal_deviation
        Spread of the prior of what a signal weighs around its usual weight; log hazard; default 1,
        our choice.
    """

    default_probability: float = 0.05
    share_from_ended: int = 30
    horizon_min_days: int = 30
    horizon_max_days: int = 30
    grace_days: int = 30
    history_months: int = 36
    history_units: int = 20_000
    history_rows: int = 50_000
    survival_from_events: int = 50
    folds: int = 5
    tenure_knots_months: tuple[float, ...] = (1.0, 3.0, 6.0, 12.0, 24.0, 48.0)
    term_from_months: tuple[float, ...] = (2.0, 5.0, 9.0, 18.0, 30.0)
    left_above_days: tuple[float, ...] = (0.0, 60.0, 150.0, 330.0)
    words_from_months: int = 30
    words_at_most: int = 40
    effect_deviation: float = 1.0
    word_deviation: float = 0.5
    signal_deviation: float = 1.0
