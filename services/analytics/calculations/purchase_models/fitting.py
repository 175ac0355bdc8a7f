"""Estimates the purchase model of a base; one estimator for any amount of data and any family."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from services.analytics.calculations.parameters import Family, Prior, RhythmParameters
from services.analytics.calculations.purchase_models.families import (
    FAMILIES,
    plain_start,
    prior_model,
)
from services.analytics.calculations.purchase_models.histories import Histories, group_histories
from services.analytics.calculations.purchase_models.maximization import maximize
from services.analytics.calculations.purchase_models.model import PurchaseModel
from services.analytics.calculations.purchases import Booleans, Integers

Basis: TypeAlias = Literal["prior", "blended", "fitted"]

_PLAIN_LOG_BOUND = 10.0


@dataclass(frozen=True, slots=True)
class PurchaseFit:
    """An estimated purchase model and how far it can be trusted.

    Attributes
    ----------
    family
        Of the model.
    model
        The estimate.
    log_likelihood
        Of the data under it, without the prior; 0 without data.
    is_converged
        Whether the search ended at a maximum.
    customer_count, repeat_buyer_count
        Units with a purchase, and with a second one.
    basis
        ``prior``, ``blended`` or ``fitted``, by the number of repeat buyers.
    log_covariance
        Of the logarithms of the parameters, in the order of the model's fields: the inverse of the
        observed information (with that of the prior). NaN is unknown: a parameter at its bound, or
        no sharp maximum.
    """

    family: Family
    model: PurchaseModel
    log_likelihood: float
    is_converged: bool
    customer_count: int
    repeat_buyer_count: int
    basis: Basis
    log_covariance: tuple[tuple[float, ...], ...]

    @property
    def standard_errors(self) -> dict[str, float]:
        """The standard error of each parameter, NaN where unknown (delta method)."""
        spread = np.sqrt(np.diag(np.array(self.log_covariance)))
        values = np.exp(self.model.logs) * spread
        names = [field.name for field in fields(self.model)]
        return dict(zip(names, values.tolist(), strict=True))


def fit_purchase_model(
    repeat_count: ArrayLike,
    recency_days: ArrayLike,
    age_days: ArrayLike,
    *,
    prior: Prior | None,
    parameters: RhythmParameters,
) -> PurchaseFit:
    """Estimate the purchase model of units with a purchase; see `fit_histories`.

    Parameters
    ----------
    repeat_count, recency_days, age_days
        ``x``, ``t_x`` and ``T`` (days) of the units with a purchase; shape (units,).
    prior, parameters
        As in `fit_histories`.
    """
    histories = group_histories(repeat_count, recency_days, age_days)
    return fit_histories(histories, prior=prior, parameters=parameters)


def fit_histories(
    histories: Histories, *, prior: Prior | None, parameters: RhythmParameters
) -> PurchaseFit:
    r"""Estimate a purchase model: the prior without data, the data once there are many.

    Parameters
    ----------
    histories
        Of the whole base, in the time unit of the prior.
    prior
        Mode, spread and bounds of the prior; None for plain maximum likelihood, which reproduces
        published estimates and needs enough data.
    parameters
        Which family, and the numbers of repeat buyers that make the basis.

    Notes
    -----
    Maximizes :math:`\ell(\theta) - \tfrac12 \sum (\ln\theta - \ln\theta_0)^2 / \sigma^2`. Source:
    domain specification 2.2.
    """
    family = parameters.family
    kind = FAMILIES[family]
    start = plain_start(histories, family) if prior is None else prior_model(prior, family)
    found = maximize(
        kind.log_likelihood,
        histories,
        center=start.logs,
        log_bound=_PLAIN_LOG_BOUND if prior is None else prior.log_bound,
        log_standard_deviation=np.inf if prior is None else prior.log_standard_deviation,
    )
    repeat_buyers = int(histories.repeat_buyer_count)
    basis: Basis = "fitted"
    if repeat_buyers < parameters.blended_from_repeat_buyers:
        basis = "prior"
    elif repeat_buyers < parameters.fitted_from_repeat_buyers:
        basis = "blended"
    return PurchaseFit(
        family,
        kind.from_logs(found.logs) if len(histories.weight) else start,
        found.log_likelihood,
        found.is_converged,
        int(histories.unit_count),
        repeat_buyers,
        basis,
        tuple(tuple(row) for row in found.log_covariance.tolist()),
    )


def read_purchase_fit(document: Mapping[str, Any]) -> PurchaseFit:
    """Make a fit from what ``dataclasses.asdict`` made of it, also after a way through JSON."""
    covariance = tuple(
        tuple(np.nan if value is None else float(value) for value in row)
        for row in document["log_covariance"]
    )
    model = FAMILIES[document["family"]](**document["model"])
    return PurchaseFit(**{**document, "model": model, "log_covariance": covariance})


def confidence_of(
    purchase_count: Integers, *, basis: Basis, parameters: RhythmParameters
) -> tuple[Booleans, Booleans]:
    """Tell whose scores are of high and of low confidence; the others are medium.

    High: a fitted basis and at least three purchases. Low: at most one purchase, or nothing but
    the prior. Source: domain specification 2.2.
    """
    high = (purchase_count >= parameters.confident_from_purchases) & (basis == "fitted")
    low = (purchase_count <= 1) | (basis == "prior")
    return high, low
