"""The gamma-gamma model is found again where margins allow it, and stands back where they do not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from services.analytics.calculations import margins
from services.analytics.calculations.parameters import SpendParameters, ValueParameters
from services.analytics.calculations.purchase_models.spend import (
    GammaGamma,
    estimate_gamma_gamma,
    fit_spending,
    group_spending,
    merge_spending,
)
from services.analytics.calculations.purchases import Floats, summarize_purchases
from tests.analytics.simulation import plain_deals, plain_units

CDNOW = Path(__file__).resolve().parents[5] / "shared" / "data" / "transactions" / "cdnow"
TRUTH = GammaGamma(4.0, 3.0, 20.0)


def simulate(count: int, *, seed: int, model: GammaGamma = TRUTH) -> tuple[Floats, Floats]:
    random = np.random.default_rng(seed)
    number = random.geometric(0.3, count).astype(np.float64)
    return number, random.gamma(model.p * number) / random.gamma(model.q, 1 / model.v, count)


@pytest.mark.skipif(not CDNOW.is_dir(), reason=f"the CDNOW data set is missing at {CDNOW}")
def test_published_estimates_from_the_cdnow_purchases() -> None:
    names = ["master_id", "customer", "date", "quantity", "amount"]
    log = pd.read_csv(CDNOW / "CDNOW_sample.txt", sep=r"\s+", names=names)
    log = log[log["date"] <= 19970930]
    days = log.groupby(["customer", "date"], as_index=False)["amount"].sum()
    repeats = days[days["date"] > days.groupby("customer")["date"].transform("min")]
    spent = repeats.groupby("customer")["amount"].agg(["count", "sum"])
    assert len(spent) == 946
    fit = fit_spending(
        group_spending(*spent.to_numpy(dtype=np.float64).T), parameters=SpendParameters()
    )
    assert fit.model is not None
    found = (fit.model.p, fit.model.q, fit.model.v)
    assert tuple(round(value, 2) for value in found) == (6.25, 3.74, 15.44)


def test_simulated_parameters_are_recovered_in_any_order_parts_and_currency() -> None:
    number, total = simulate(4_000, seed=1)
    fit = fit_spending(group_spending(number, total), parameters=SpendParameters())
    assert fit.basis == "gamma_gamma"
    assert fit.model is not None
    errors = np.sqrt(np.diag(np.array(fit.log_covariance)))
    apart = np.log([fit.model.p / TRUTH.p, fit.model.q / TRUTH.q, fit.model.v / TRUTH.v])
    assert np.all(np.abs(apart) < 4 * errors)
    order = np.random.default_rng(2).permutation(4_000)
    parts = [group_spending(number[rows], total[rows]) for rows in np.array_split(order, 3)]
    assert fit_spending(merge_spending(parts), parameters=SpendParameters()) == fit
    dearer = fit_spending(group_spending(number, total * 1e6), parameters=SpendParameters())
    assert dearer.model is not None
    assert dearer.model.p == pytest.approx(fit.model.p, rel=1e-5)
    assert dearer.model.v == pytest.approx(fit.model.v * 1e6, rel=1e-5)


def test_the_mean_and_its_variance_are_those_of_simulated_units() -> None:
    random = np.random.default_rng(3)
    scale = random.gamma(TRUTH.q, 1 / TRUTH.v, 200_000)
    total, true_mean = random.gamma(TRUTH.p * 2, 1 / scale), TRUTH.p / scale
    number = np.full(len(total), 2.0)
    mean = TRUTH.mean_margin(number, total)
    of_unit, of_purchase = TRUTH.variances(number, mean)
    assert (true_mean - mean).mean() == pytest.approx(0, abs=4 * true_mean.std() / 450)
    assert ((true_mean - mean) ** 2).mean() == pytest.approx(of_unit.mean(), rel=0.05)
    assert (TRUTH.p / scale**2).mean() == pytest.approx(of_purchase.mean(), rel=0.05)


@pytest.mark.parametrize(
    ("change", "basis"),
    [
        (lambda number, total: (number[:40], total[:40]), "too_few_units"),
        (
            lambda number, total: (number, np.where(np.arange(len(total)) % 20, total, -5)),
            "not_positive",
        ),
        (lambda number, total: (number, total * number), "depends_on_frequency"),
        (lambda number, total: (number[:0], total[:0]), "too_few_units"),
    ],
)
def test_it_stands_back_where_the_margins_do_not_allow_it(change: object, basis: str) -> None:
    number, total = change(*simulate(1_000, seed=4))  # type: ignore[operator]
    fit = fit_spending(group_spending(number, total), parameters=SpendParameters())
    assert (fit.basis, fit.model) == (basis, None)


@pytest.mark.parametrize("spread", [0.0, 1e-9, 3.0])
def test_margins_that_are_all_alike_do_not_make_it_diverge(spread: float) -> None:
    number = np.repeat([1.0, 2, 5], 100)
    total = number * 20 * np.exp(spread * np.linspace(-1, 1, 300))
    found = estimate_gamma_gamma(group_spending(number, total))
    assert np.isfinite(found.logs).all()
    assert np.isfinite(found.log_likelihood)


def test_margin_per_purchase_uses_it_where_it_is_chosen_and_allowed() -> None:
    random = np.random.default_rng(5)
    unit = np.sort(random.integers(0, 300, 1_500))
    level = random.gamma(4.0, 10.0, 300)
    amount = random.gamma(4.0, 0.25, 1_500) * level[unit]
    deals = plain_deals(unit.tolist(), list(range(1_500)), amount=amount.tolist(), cost=0.0)
    units = plain_units(300)
    purchases = summarize_purchases(deals, unit_count=300, as_of_day=1_500)
    chosen = ValueParameters(margin_model="gamma_gamma")
    told = margins.deal_margins(deals, default_margin=0.35)

    def weigh(
        service_cost: float, parameters: ValueParameters
    ) -> tuple[Floats, margins.MarginEstimate]:
        earnings = margins.Earnings.of(
            units.assign(service_cost=np.where(units.index < 20, service_cost, 0.0)),
            deals,
            margins=told,
            purchases=purchases,
        )
        estimate = margins.estimate_margins(
            earnings, parameters=parameters, spend_parameters=SpendParameters()
        )
        return margins.margin_per_purchase(
            earnings, has_purchase=purchases.has_purchase, estimate=estimate
        ), estimate

    plain, credibility = weigh(0.0, ValueParameters())
    assert credibility.spend is None
    margin, allowed = weigh(0.0, chosen)
    assert allowed.spend is not None
    assert allowed.spend.basis == "gamma_gamma"
    assert not np.allclose(margin[~np.isnan(margin)], plain[~np.isnan(plain)])
    assert np.corrcoef(margin[~np.isnan(margin)], level[~np.isnan(margin)])[0, 1] > 0.8
    expensive, refused = weigh(9_000.0, chosen)
    assert refused.spend is not None
    assert refused.spend.basis == "not_positive"
    np.testing.assert_array_equal(expensive, weigh(9_000.0, ValueParameters())[0])
    for own, how in ((plain, credibility), (margin, allowed)):
        spread = margins.margin_spread(
            purchases.purchase_count.astype(np.float64), own, estimate=how
        )
        bought = purchases.has_purchase
        assert np.all(spread.of_unit[bought] > 0)
        assert np.all(np.broadcast_to(spread.of_purchase, len(bought))[bought] > 0)
