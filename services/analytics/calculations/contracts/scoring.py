"""How likely each unit with a running contract does not renew, and what makes it more or less so."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd

from services.analytics.calculations.contracts.covariates import (
    DAYS_PER_MONTH,
    Covariates,
    covariates_on,
    read_products,
)
from services.analytics.calculations.contracts.model import ContractModel
from services.analytics.calculations.contracts.parameters import MONTH_DAYS, ContractParameters
from services.analytics.calculations.contracts.relationships import read_relationships
from services.analytics.calculations.contracts.survival import (
    GROUPS,
    Survival,
    effects_at_start,
    ending_effect,
    hazard_of,
    tenure_effect,
)
from services.analytics.calculations.events import Events
from services.analytics.calculations.purchases import Floats

CONTRACT_COLUMNS: Final = (
    "contract_end_probability",
    "contract_horizon_days",
    "contract_tenure_months",
    "contract_term_months",
    "contract_left_days",
    "contract_monthly_amount",
    *(f"contract_part_{group}" for group in GROUPS),
    "contract_product",
    "contract_basis",
)
CONTRACT_BASES: Final = ("default", "share", "survival")


def score_contracts(
    events: Events, *, as_of_day: int, model: ContractModel, parameters: ContractParameters
) -> pd.DataFrame:
    """Tell of each unit with a running contract how likely it does not renew.

    Parameters
    ----------
    events
        ``contracts`` and ``contract_products``; what came later than the day counts as not
        happened.
    as_of_day
        The day looked from, days since 1970-01-01.
    model
        What was estimated of the base.

    Returns
    -------
    pandas.DataFrame
        Indexed by ``unit``, only those with a contract that runs at the end of the day:
        ``contract_end_probability`` (of no renewal within the horizon), ``contract_horizon_days``
        (until the end of the term within the limits of the parameters),
        ``contract_tenure_months``, ``contract_term_months``, ``contract_left_days``,
        ``contract_monthly_amount`` (base currency, NaN unknown);
        ``contract_part_<group>``, the probability less what it would be were tenure, term, time
        left, amount or products of usual effect, NaN without a survival model;
        ``contract_product``, the product or category of most effect (``product:`` or ``category:``
        and its key), missing without one; ``contract_basis``, that of the model.

    Notes
    -----
    ``1 - exp(-sum(exposure_m * hazard_m))`` over months of 30 days, the last of which ends with the
    horizon. Without a survival model all have the share of contracts not renewed, or the default.
    Source: domain specification 2.3.
    """
    relationships = read_relationships(
        events.contracts, as_of_day=as_of_day, grace_days=parameters.grace_days
    )
    relationships = relationships.take(relationships.last_day > as_of_day)
    told = events.contract_products if model.survival else events.contract_products.iloc[:0]
    products = read_products(told, relationships, as_of_day=as_of_day)
    day = np.full(len(relationships.unit), as_of_day)
    running, covariates = covariates_on(relationships, products, day)
    left = covariates.end_day - as_of_day
    horizon = np.clip(left, parameters.horizon_min_days, parameters.horizon_max_days)
    parts = dict.fromkeys(GROUPS, np.full(len(running), np.nan))
    word = np.full(len(running), -1)
    probability = np.full(len(running), model.probability)
    if model.survival is not None:
        probability, parts = ending_probability(
            covariates, left, horizon, survival=model.survival, parameters=parameters
        )
        word = _strongest_word(covariates, model.survival)
    return pd.DataFrame(
        {
            "contract_end_probability": probability,
            "contract_horizon_days": horizon,
            "contract_tenure_months": covariates.tenure_months,
            "contract_term_months": covariates.term_months,
            "contract_left_days": left,
            "contract_monthly_amount": covariates.monthly_amount,
            **{f"contract_part_{group}": parts[group] for group in GROUPS},
            "contract_product": pd.Categorical.from_codes(
                word, categories=pd.Index(covariates.words.words, dtype="str")
            ),
            "contract_basis": pd.Categorical.from_codes(
                np.full(len(running), CONTRACT_BASES.index(model.basis)),
                categories=pd.Index(CONTRACT_BASES),
            ),
        },
        index=pd.Index(relationships.unit[running], name="unit"),
        copy=False,
    )


def ending_probability(
    covariates: Covariates,
    left_days: Floats,
    horizon_days: Floats,
    *,
    survival: Survival,
    parameters: ContractParameters,
) -> tuple[Floats, dict[str, Floats]]:
    """Return the chance that relationships end within a horizon, and what each group adds to it.

    Parameters
    ----------
    covariates
        Known on the day.
    left_days, horizon_days
        From the day to the end of the term, and of the horizon; days, shape (rows,).

    Returns
    -------
    numpy.ndarray
        Probability, 0 to 1; shape (rows,).
    dict
        By group: the probability less what it would be with the usual effect; same shape.
    """
    at_start = effects_at_start(covariates, survival, parameters)
    level = survival.intercept + sum(at_start.values())
    hazard, without_tenure, without_ending = np.zeros((3, len(covariates)))
    for turn in range(int(np.ceil(horizon_days.max(initial=0.0) / MONTH_DAYS))):
        until = horizon_days - turn * MONTH_DAYS
        since = np.maximum(until - MONTH_DAYS, 0.0)
        exposure = np.maximum(until - since, 0.0) / DAYS_PER_MONTH
        tenure = tenure_effect(
            covariates.tenure_months + since / DAYS_PER_MONTH, survival, parameters
        )
        ending = ending_effect(left_days - until, survival, parameters)
        hazard += exposure * hazard_of(level + tenure + ending)
        without_tenure += exposure * hazard_of(level + survival.usual["tenure"] + ending)
        without_ending += exposure * hazard_of(level + tenure + survival.usual["ending"])
    probability = -np.expm1(-hazard)
    without = {"tenure": without_tenure, "ending": without_ending} | {
        name: hazard * np.exp(survival.usual[name] - effect) for name, effect in at_start.items()
    }
    parts = {name: probability + np.expm1(-without[name]) for name in GROUPS}
    return probability, parts


def _strongest_word(covariates: Covariates, survival: Survival) -> Floats:
    """Return the place of the word of most effect of each row; of several the first, -1 if none."""
    words = covariates.words
    effect = np.abs([survival.words.get(word, 0.0) for word in words.words])[words.code]
    found = np.full(len(covariates), -1)
    order = np.lexsort((-words.code, effect))
    order = order[effect[order] > 0]
    found[words.row[order]] = words.code[order]
    return found
