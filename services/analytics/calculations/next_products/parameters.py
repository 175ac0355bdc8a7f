"""How the next product is found; the numbers that ranking takes were measured, see `bench`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class NextProductParameters:
    """How next products are ranked and which are left out (domain specification 6.6).

    Attributes
    ----------
    prior_units
        Owners that the share of all buyers counts for in an affinity; count; default 10 (6.6).
    prior_purchases
        Later purchases that the repeat rate of a product counts for in the own one; count; default
        3 (measured on Online Retail).
    prior_weight
        Weight that is added to the total of a product in the strength of a pair; units; default 1
        (measured).
    pairs_at_most
        Pairs of products that are kept, the strongest; count; default 2,000,000: at 3,600 products
        leaving out weaker ones cost nothing measurable.
    few_products, few_pairs
        Owned products up to which only the strongest pairs of each speak, and how many; count;
        defaults 10 and 256: three among so many are found, and the weak ones add up to little.
    fading_days
        Age at which an owned product counts half for what goes with it; days; default 120
        (measured).
    recent_days
        Window in which a product is bought of late; days; default 60 (measured).
    recent_prior
        Purchases expected in that window that are added to both sides of a trend; count; default 2.
    trend_power
        How much a trend counts for new products; exponent; default 0.3 (measured).
    repeat_power
        How much late purchases by all count for repeated ones; exponent; default 0.5 (measured).
    declined_days
        For how long a declined product is not offered; days; default 180 (6.6).
    dear_factor
        Price above which a product is too dear, against the upper quartile of the own orders; no
        unit; default 3 (6.6).
    obscure_below_affinity
        Affinity below which a product is not obvious; share; default 0.10 (6.6).
    need_days
        For how long a voiced need counts; days; default 365.
    level_days
        Window before the day looked from in which it is looked up what became of affinities; days;
        default 90.
    level_units, level_prior
        Customers that this is looked up of, and chances that are added to both sides; count; defaults
        20,000 and 10.
    lead_purchase_probability
        Chance that a lead buys at all; probability; default 0.05 (6.2).
    """

    prior_units: float = 10.0
    prior_purchases: float = 3.0
    prior_weight: float = 1.0
    pairs_at_most: int = 2_000_000
    few_products: int = 10
    few_pairs: int = 256
    fading_days: float = 120.0
    recent_days: int = 60
    recent_prior: float = 2.0
    trend_power: float = 0.3
    repeat_power: float = 0.5
    declined_days: int = 180
    dear_factor: float = 3.0
    obscure_below_affinity: float = 0.10
    need_days: int = 365
    level_days: int = 90
    level_units: int = 20_000
    level_prior: float = 10.0
    lead_purchase_probability: float = 0.05
