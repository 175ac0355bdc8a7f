"""What a step is expected to bring: its value with its parts, over the best way to take it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from services.analytics.calculations.next_products.choosing import OBVIOUS, UPGRADE
from services.analytics.calculations.purchases import Booleans, Floats
from services.analytics.calculations.recommendations.candidates import (
    Candidate,
    StrategyOptions,
    StrategyParameters,
)
from services.analytics.calculations.recommendations.facts import (
    Codes,
    Facts,
    Product,
)
from services.analytics.calculations.signals.satisfaction import DIMENSIONS

Rows: TypeAlias = NDArray[np.intp]
NO_CHANNEL, NO_PRODUCT = -1, -1

_UPGRADES = frozenset({"upgrade_incentive", "upsell_offer"})
_COMPLEMENTS = frozenset({"complementary_goods"})
_OWN_SERVICES = frozenset({"service_paid", "service_hybrid"})


@dataclass(frozen=True, slots=True, eq=False)
class Gain:
    """What a candidate is expected to bring, with its parts; base currency, shape (units,).

    Attributes
    ----------
    value
        More than doing nothing; NaN unknown.
    effect_probability
        Rise of the chance of success.
    incentive_cost, risk_cost
        Expected cost of the incentive and of bad word of mouth.
    """

    value: Floats
    effect_probability: Floats
    incentive_cost: Floats
    risk_cost: Floats


@dataclass(frozen=True, slots=True)
class Option:
    """A candidate by its number among all, and what limits it.

    Attributes
    ----------
    motive
        The motive that it is limited to.
    event
        Place of the event that alone makes it a candidate.
    after_contact
        Whether it waits for a contact that was positive or neutral.
    """

    number: int
    candidate: Candidate
    motive: str | None = None
    event: int | None = None
    after_contact: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Way:
    """The best way to take a step for each unit; shape (units,).

    Attributes
    ----------
    value
        Expected value; base currency, NaN where it cannot be valued.
    channel, product
        Places of channel and product (1 to 3); -1 for none.
    """

    value: Floats
    channel: Codes
    product: Codes

    def improved_by(self, value: Floats) -> Booleans:
        """Tell where another way brings more, or something where none did."""
        return (value > self.value) | (np.isnan(self.value) & ~np.isnan(value))


def expected_value(
    stake: ArrayLike,
    base_probability: ArrayLike,
    *,
    effect_probability: Floats | float,
    contact_cost: Floats | float,
    incentive: ArrayLike = 0.0,
    risk_rate: float = 0.0,
    fit: ArrayLike = 1.0,
) -> Gain:
    r"""Value a step by what it brings more than doing nothing.

    Parameters
    ----------
    stake
        ``V``: value of success; base currency; shape (units,).
    base_probability
        ``p_base``: chance of success without us; shape (units,).
    effect_probability
        ``delta``: mean rise of that chance.
    contact_cost
        Base currency per contact.
    incentive
        Paid to everyone who buys; base currency.
    risk_rate
        Share of the value put at risk.
    fit
        How well the step fits the unit; no unit.

    Notes
    -----
    :math:`EV = \delta_{eff} V - cost - incentive (p_{base} + \delta_{eff}) - risk\,V` with
    :math:`\delta_{eff} = \min(\delta\,fit, 1 - p_{base})`. Source: domain specification 6.2.
    """
    value = np.asarray(stake, dtype=np.float64)
    base = np.asarray(base_probability, dtype=np.float64)
    effect = np.minimum(np.multiply(effect_probability, fit), 1 - base)
    incentive_cost = np.multiply(incentive, base + effect)
    risk_cost = risk_rate * value
    gain = effect * value - contact_cost - incentive_cost - risk_cost
    return Gain(gain, effect, incentive_cost, risk_cost)


def best_way(
    option: Option, facts: Facts, *, options: StrategyOptions, parameters: StrategyParameters
) -> Way:
    """Find channel and product of most expected value for every unit.

    Where no channel may be used, the cheapest is taken and the channel is -1: what it would bring
    is told of a step that is ruled out.
    """
    candidate = option.candidate
    fit = match_of(candidate, facts, options=options, parameters=parameters)
    best = Way(np.full(len(facts), np.nan), _codes(facts, NO_CHANNEL), _codes(facts, NO_PRODUCT))
    qualities = facts.quality[candidate.purpose]
    usable = [place for place in candidate.channels if place in qualities]
    reached = np.zeros(len(facts), dtype=np.bool_)
    for place in usable:
        reached |= ~np.isnan(qualities[place])
    out = np.flatnonzero(~reached)
    beyond = facts.take(out) if len(out) else None
    for number, product in _offers(candidate, facts):
        for place in usable:
            value = weigh(
                candidate,
                facts,
                quality=qualities[place],
                match=fit,
                cost=candidate.unit_cost + options.channels[place].unit_cost,
                product=product,
                parameters=parameters,
            ).value
            better = best.improved_by(value)
            np.copyto(best.value, value, where=better)
            best.channel[better] = place
            np.copyto(best.product, number, where=better)
        if beyond is not None:
            value = np.full(len(facts), np.nan)
            value[out] = weigh(
                candidate,
                beyond,
                quality=1.0,
                match=fit if isinstance(fit, float) else fit[out],
                cost=candidate.unit_cost + cheapest_channel(candidate, options),
                product=None if product is None else product.take(out),
                parameters=parameters,
            ).value
            better = best.improved_by(value)
            np.copyto(best.value, value, where=better)
            np.copyto(best.product, number, where=better)
    possible = _possible(option, facts, options=options)
    if possible is not None:
        best.value[~possible] = np.nan
    return best


def cheapest_channel(candidate: Candidate, options: StrategyOptions) -> float:
    return min((options.channels[place].unit_cost for place in candidate.channels), default=0.0)


def weigh(
    candidate: Candidate,
    facts: Facts,
    *,
    quality: Floats | float,
    match: Floats | float,
    cost: Floats | float,
    product: Product | None,
    parameters: StrategyParameters,
) -> Gain:
    """Value one candidate over one channel for every unit; NaN where that cannot be computed.

    A product is valued by its margin and the chance that it is bought anyway. In win-back coming
    back is the success, and the product only names the offer. Source: domain specification 6.2.
    """
    is_valued = product is not None and is_valued_by_product(candidate)
    return expected_value(
        product.margin if product is not None and is_valued else facts.stake,
        product.probability if product is not None and is_valued else facts.base_probability,
        effect_probability=effect_of(candidate, facts),
        contact_cost=cost,
        incentive=incentive_of(candidate, facts),
        risk_rate=candidate.risk_rate,
        fit=np.clip(np.multiply(match, quality), parameters.fit_min, parameters.fit_max),
    )


def effect_of(candidate: Candidate, facts: Facts) -> Floats | float:
    """Return the effect of a candidate: the own one where some respond more than others."""
    own = facts.effects.get((candidate.instrument_id, candidate.phase))
    if own is None:
        return candidate.effect_probability
    return np.where(np.isnan(own), candidate.effect_probability, own)


def is_valued_by_product(candidate: Candidate) -> bool:
    """Tell whether success is that the product is bought; a service of ours is not one of those."""
    return (
        candidate.instrument_type == "product"
        and candidate.phase != "winback"
        and not is_own_service(candidate)
    )


def is_own_service(candidate: Candidate) -> bool:
    """Tell whether a paid service is offered for something that the customer owns already."""
    return candidate.instrument_id in _OWN_SERVICES


def incentive_of(candidate: Candidate, facts: Facts) -> Floats | float:
    if not candidate.incentive_share:
        return candidate.incentive_amount
    return candidate.incentive_share * facts.order_value + candidate.incentive_amount


def match_of(
    candidate: Candidate, facts: Facts, *, options: StrategyOptions, parameters: StrategyParameters
) -> Floats | float:
    """Rate how well a candidate fits: strongest answered signal, event, motive, loyalty (6.2)."""
    match: Floats | float = 1.0
    strength = answered(candidate, facts, options=options)
    if strength is not None:
        match = 1 + parameters.signal_weight * strength
    factors = np.ones(len(facts.motives) + 1)
    for motive, strategy_id, factor in options.affinities:
        if strategy_id == candidate.strategy_id:
            factors[facts.motives.index(motive)] = factor
    if (factors != 1).any() and (facts.motive >= 0).any():
        affinity = factors[facts.motive]
        part = np.where(facts.is_inferred, parameters.inferred_share, 1.0)
        match = match * (1 + part * (affinity - 1))
    if facts.is_loyal_elsewhere.any():
        match = match * np.where(facts.is_loyal_elsewhere, parameters.loyalty_factor, 1.0)
    return match


def answered(candidate: Candidate, facts: Facts, *, options: StrategyOptions) -> Floats | None:
    """Return the strength of the strongest answered signal; an event that calls for it counts 1."""
    strengths = [facts.signals[name] for name in candidate.answers if name in facts.signals]
    gap = facts.signals.get("satisfaction_gap")
    if gap is not None and "satisfaction_gap" not in candidate.answers:
        strengths += [
            np.where(facts.dimension == DIMENSIONS.index(name), gap, 0.0)
            for name in candidate.dimensions
        ]
    strengths += [
        facts.events[place].astype(np.float64)
        for place in events_of(candidate, options)
        if place in facts.events
    ]
    if not strengths:
        return None
    strongest: Floats = np.max(strengths, axis=0)
    return strongest


def events_of(candidate: Candidate, options: StrategyOptions) -> Iterator[int]:
    """Yield the places of the events that call for a candidate."""
    for place, event in enumerate(options.events):
        if event.instrument_id == candidate.instrument_id:
            yield place


def _offers(candidate: Candidate, facts: Facts) -> Iterator[tuple[Codes, Product | None]]:
    """Yield the products that a candidate can offer, by number, the best first; else none at all.

    A product that a condition forbids is offered only where there is no other: the step is ruled out
    then, and what it would bring is told. An offer without a value of its own names the best one.
    """
    none = _codes(facts, NO_PRODUCT)
    if candidate.instrument_type not in ("product", "price") or is_own_service(candidate):
        yield none, None
        return
    if not is_valued_by_product(candidate):
        fitting = [~np.isnan(product.place) for product in facts.products]
        for number, fits in reversed([*enumerate(_preferred(fitting, candidate, facts), start=1)]):
            none[fits] = number
        yield none, None
        return
    fitting = [_fits(candidate, product) for product in facts.products]
    for number, fits in enumerate(_preferred(fitting, candidate, facts), start=1):
        product = facts.products[number - 1]
        if fits.any():
            margin = np.where(fits, product.margin, np.nan)
            yield _codes(facts, number), replace(product, margin=margin)


def _fits(candidate: Candidate, product: Product) -> Booleans:
    """Tell for whom a product is what an instrument is for."""
    fits: Booleans = ~np.isnan(product.place)
    if candidate.instrument_id in _UPGRADES:
        fits &= product.flags & UPGRADE > 0
    elif candidate.instrument_id in _COMPLEMENTS:
        fits &= product.flags & OBVIOUS > 0
    else:
        fits &= product.flags & UPGRADE == 0
    return fits


def _preferred(fitting: list[Booleans], candidate: Candidate, facts: Facts) -> list[Booleans]:
    """Leave out what a condition forbids wherever there is a product that none does."""
    free = [
        fits & _are_permitted(candidate, product)
        for fits, product in zip(fitting, facts.products, strict=True)
    ]
    has_free = np.logical_or.reduce(free) if free else np.zeros(0, dtype=np.bool_)
    return [is_free | (fits & ~has_free) for fits, is_free in zip(fitting, free, strict=True)]


def _are_permitted(candidate: Candidate, product: Product) -> Booleans:
    """Tell for whom no condition that asks of the product offered forbids this one."""
    permitted = np.ones(len(product.place), dtype=np.bool_)
    for check in candidate.checks:
        told = product.conditions.get(check.condition_id)
        if told is not None:
            permitted &= told.holds == check.must_hold
    return permitted


def _possible(option: Option, facts: Facts, *, options: StrategyOptions) -> Booleans | None:
    """Tell for whom a candidate is one at all; none if for everyone."""
    candidate = option.candidate
    possible: Booleans | None = None
    if option.motive is not None:
        possible = facts.motive == facts.motives.index(option.motive)
    if option.event is not None:
        happened = facts.events.get(option.event, np.zeros(len(facts), dtype=np.bool_))
        possible = happened if possible is None else possible & happened
    if option.after_contact:
        possible = facts.may_sell if possible is None else possible & facts.may_sell
    for strategy_id, signal in options.needed_signals:
        if strategy_id == candidate.strategy_id:
            has_signal = facts.signals[signal] > 0
            possible = has_signal if possible is None else possible & has_signal
    return possible


def _codes(facts: Facts, code: int) -> Codes:
    return np.full(len(facts), code, dtype=np.int16)
