"""The families of purchase models by name, and what is believed of each before any purchase."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from services.analytics.calculations.parameters import Family, Prior
from services.analytics.calculations.purchase_models.beta_geometric import BgNbd, MbgNbd
from services.analytics.calculations.purchase_models.histories import Histories
from services.analytics.calculations.purchase_models.model import PurchaseModel
from services.analytics.calculations.purchase_models.pareto import ParetoNbd

FAMILIES: Final[Mapping[Family, type[PurchaseModel]]] = {
    "mbg_nbd": MbgNbd,
    "bg_nbd": BgNbd,
    "pareto_nbd": ParetoNbd,
}


def prior_model(prior: Prior, family: Family) -> PurchaseModel:
    """Give the mode of the prior of a family: what holds before any purchase was seen.

    The dropout rate of the Pareto/NBD is what one purchase in ``a / (a + b)`` ends amounts to.
    Source: domain specification 2.2.
    """
    alpha = prior.r * prior.prior_interpurchase_days
    if family == "pareto_nbd":
        lifetime_days = prior.prior_interpurchase_days * (prior.a + prior.b) / prior.a
        return ParetoNbd(prior.r, alpha, prior.s, prior.s * lifetime_days)
    if family == "bg_nbd":
        return BgNbd(prior.r, alpha, prior.a, prior.b)
    return MbgNbd(prior.r, alpha, prior.a, prior.b)


def plain_start(histories: Histories, family: Family) -> PurchaseModel:
    """Give where plain maximum likelihood starts: the same place in any unit of time."""
    weight = histories.weight
    purchases = float(weight @ (histories.repeat_count + 1))
    observed = float(weight @ histories.age)
    if not observed > 0:
        observed, purchases = 1.0, 1.0
    if family == "pareto_nbd":
        return ParetoNbd(1.0, observed / purchases, 1.0, observed / histories.unit_count)
    return (MbgNbd if family == "mbg_nbd" else BgNbd)(1.0, observed / purchases, 1.0, 2.0)
