"""Every number the calculations can be told, with unit, default and source; nothing is read."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from services.analytics.calculations.churn.parameters import ChurnParameters
from services.analytics.calculations.contracts.parameters import ContractParameters
from services.analytics.calculations.next_products.parameters import NextProductParameters
from services.analytics.calculations.occasions.parameters import OccasionParameters
from services.analytics.calculations.signals.combination import CombinationParameters
from services.analytics.calculations.signals.parameters import SignalParameters
from services.analytics.calculations.standing.parameters import StandingParameters
from services.analytics.calculations.termination import TerminationParameters

DAYS_PER_MONTH = 365 / 12

Family: TypeAlias = Literal["mbg_nbd", "bg_nbd", "pareto_nbd"]


@dataclass(frozen=True, slots=True)
class Prior:
    """What is believed before any purchase was seen (domain specification 2.2).

    Attributes
    ----------
    prior_interpurchase_days
        Days between two purchases; default 90 (2.2, 11).
    r
        Prior mode of ``r``; no unit; default 2 (2.2).
    a, b
        Prior modes of ``a`` and ``b``; no unit; defaults 0.8 and 3.2, one in five drops out (2.2).
    s
        Prior mode of the shape of dropout rates in the Pareto/NBD; no unit; default 1.25, which
        spreads them as widely as ``a`` and ``b`` do; its rate follows from these.
    log_standard_deviation
        Spread of the prior on the logarithm of every parameter; no unit; default 1 (2.2).
    log_bound
        How far the logarithm of a parameter may move from its prior mode; no unit; default 5 (2.2).
    """

    prior_interpurchase_days: float = 90.0
    r: float = 2.0
    a: float = 0.8
    b: float = 3.2
    s: float = 1.25
    log_standard_deviation: float = 1.0
    log_bound: float = 5.0


@dataclass(frozen=True, slots=True)
class RhythmParameters:
    """How a purchase rhythm is read (domain specification 2.1, 2.2, 2.3).

    Attributes
    ----------
    family
        Which purchase model: ``mbg_nbd``, ``bg_nbd`` or ``pareto_nbd``; default ``mbg_nbd`` (2.1).
    horizon_interpurchase_times
        Expected gaps in a churn horizon; no unit; default 3 (2.1).
    horizon_min_days, horizon_max_days
        Limits of the churn horizon; days; defaults 30 and 365 (2.1).
    contract_churn_probability
        Baseline churn under an active contract, or the share of contracts not renewed once 30 have
        ended; probability; default 0.05 (2.3).
    blended_from_repeat_buyers, fitted_from_repeat_buyers
        Repeat buyers from which the basis is ``blended`` and ``fitted``; count; defaults 30 and 200
        (2.2).
    confident_from_purchases
        Purchases from which a score on a fitted basis is of high confidence; count; default 3
        (2.2).
    """

    family: Family = "mbg_nbd"
    horizon_interpurchase_times: float = 3.0
    horizon_min_days: float = 30.0
    horizon_max_days: float = 365.0
    contract_churn_probability: float = 0.05
    blended_from_repeat_buyers: int = 30
    fitted_from_repeat_buyers: int = 200
    confident_from_purchases: int = 3


@dataclass(frozen=True, slots=True)
class SpendParameters:
    """What margins must be like for a gamma-gamma model of them.

    Attributes
    ----------
    from_repeat_buyers
        Units with two purchases from which it is estimated; count; default 50, as credibility (3.2).
    rejected_share_max
        Share of units that may have brought nothing or less; share; default 0.02, our choice: the
        model knows positive margins only.
    correlation_max
        How far number and mean of purchases may go together, both in logarithms; no unit; default
        0.3, our choice: the model takes them as independent.
    """

    from_repeat_buyers: int = 50
    rejected_share_max: float = 0.02
    correlation_max: float = 0.3


@dataclass(frozen=True, slots=True)
class ValueParameters:
    """How customer value is computed (domain specification 3.1, 3.2).

    Attributes
    ----------
    default_margin
        Share of the list amount taken as margin where the cost is unknown; share; default 0.35
        (3.1).
    contribution_window_days
        Window of the recent contribution; days, the day of the calculation included; default 730
        (3.1).
    margin_model
        How a unit's margin per purchase is estimated: ``credibility``, or ``gamma_gamma`` where the
        margins allow it; default ``credibility`` (3.2).
    base_purchase_contribution
        ``mu0`` before any data; base currency per purchase; default 25 (3.2).
    lowest_percentile, highest_percentile
        Where single margins are capped; percent; defaults 1 and 99 (3.2).
    given_back_max
        By what capped values are multiplied at most to keep their total; no unit; default 1.1
        (ours).
    credibility_min, credibility_max
        Limits of the credibility ``k``; purchases; defaults 0.5 and 20 (3.2).
    credibility_default
        ``k`` before there are enough repeat buyers; purchases; default 2 (3.2).
    credibility_from_repeat_buyers
        Units with two purchases from which ``k`` is estimated; count; default 50 (3.2).
    discount_rate
        Yearly discount rate; share per year; default 0.10 (3.2, 11).
    decision_months, tier_months
        Horizons of the lifetime values; months of 365/12 days; defaults 12 and 36, i.e. 365 and
        1,095 days (3.2).
    first_year_days
        What counts as the first year of a customer; days; default 365 (3.2).
    base_new_value
        Mean first-year contribution of a new customer before any data; base currency; default 100
        (3.2).
    new_value_weight
        Customers the base mean counts for in the value of a source; count; default 20 (3.2).
    """

    default_margin: float = 0.35
    contribution_window_days: int = 730
    margin_model: Literal["credibility", "gamma_gamma"] = "credibility"
    base_purchase_contribution: float = 25.0
    lowest_percentile: float = 1.0
    highest_percentile: float = 99.0
    given_back_max: float = 1.1
    credibility_min: float = 0.5
    credibility_max: float = 20.0
    credibility_default: float = 2.0
    credibility_from_repeat_buyers: int = 50
    discount_rate: float = 0.10
    decision_months: int = 12
    tier_months: int = 36
    first_year_days: int = 365
    base_new_value: float = 100.0
    new_value_weight: float = 20.0


@dataclass(frozen=True, slots=True)
class PhaseThresholds:
    """Where one lifecycle state ends and the next begins (domain specification 2.3, 11).

    Attributes
    ----------
    lapsed_below_vitality, at_risk_below_vitality
        Vitality below which a unit has lapsed or is at risk; share; defaults 0.40 and 0.75.
    at_risk_from_churn_probability
        Churn probability from which a unit is at risk; probability; default 0.50.
    at_risk_above_reference
        The same, as a distance above the churn probability right after a purchase; probability;
        default 0.15.
    developing_from_purchases, retained_from_purchases
        Purchases from which a unit in rhythm is developing or retained; count; defaults 2 and 4.
    leaving_from_strength
        Strength of a leaving signal from which a unit at risk is to be won back; share; default
        0.5.
    """

    lapsed_below_vitality: float = 0.40
    at_risk_below_vitality: float = 0.75
    at_risk_from_churn_probability: float = 0.50
    at_risk_above_reference: float = 0.15
    developing_from_purchases: int = 2
    retained_from_purchases: int = 4
    leaving_from_strength: float = 0.5


@dataclass(frozen=True, slots=True)
class Parameters:
    """All parameters of one calculation; the defaults are those of the domain specification."""

    prior: Prior = field(default_factory=Prior)
    rhythm: RhythmParameters = field(default_factory=RhythmParameters)
    value: ValueParameters = field(default_factory=ValueParameters)
    spend: SpendParameters = field(default_factory=SpendParameters)
    phases: PhaseThresholds = field(default_factory=PhaseThresholds)
    signals: SignalParameters = field(default_factory=SignalParameters)
    combination: CombinationParameters = field(default_factory=CombinationParameters)
    churn: ChurnParameters = field(default_factory=ChurnParameters)
    contracts: ContractParameters = field(default_factory=ContractParameters)
    next_products: NextProductParameters = field(default_factory=NextProductParameters)
    standing: StandingParameters = field(default_factory=StandingParameters)
    termination: TerminationParameters = field(default_factory=TerminationParameters)
    occasions: OccasionParameters = field(default_factory=OccasionParameters)
    smallest_amount: float = 0.01
    """Of base currency: less than this cannot be told from nothing."""
