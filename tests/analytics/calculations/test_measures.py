"""The measures of forecasts: numbers worked out by hand, and what must hold for any forecast."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import stats

from services.analytics.calculations.backtest import measures
from services.analytics.calculations.purchases import Floats

OUTCOME = [1, 0, 1, 0]
PROBABILITY = [0.9, 0.4, 0.4, 0.1]
RANKING = (
    measures.area_under_curve,
    measures.rank_correlation,
    measures.gini,
    measures.normalized_gini,
    measures.top_share,
    measures.lift,
)
ALL = (
    *RANKING,
    measures.brier_score,
    measures.log_loss,
    measures.expected_calibration_error,
    measures.mean_absolute_error,
    measures.total_ratio,
)
# Coarse values, so that ties are common.
coarse = st.integers(2, 40).flatmap(
    lambda size: st.tuples(
        arrays.arrays(np.float64, size, elements=st.integers(0, 8).map(lambda n: n / 8)),
        arrays.arrays(np.float64, size, elements=st.sampled_from([0.0, 1.0])),
        st.permutations(range(size)),
    )
)


def test_a_tie_counts_half_in_the_area_under_the_curve() -> None:
    # Four pairs of buyer and other: three in order, one tied.
    assert measures.area_under_curve(PROBABILITY, OUTCOME) == pytest.approx(3.5 / 4)
    assert measures.area_under_curve([1, 2, 3], [0, 0, 1]) == 1.0
    assert measures.area_under_curve([3, 2, 1], [0, 0, 1]) == 0.0
    assert measures.area_under_curve([5, 5, 5], [0, 1, 1]) == 0.5


def test_errors_of_probabilities_are_those_worked_out_by_hand() -> None:
    assert measures.brier_score(PROBABILITY, OUTCOME) == pytest.approx(
        (0.01 + 0.16 + 0.36 + 0.01) / 4
    )
    assert measures.log_loss([0.5, 0.5], [0, 1]) == pytest.approx(np.log(2))
    assert measures.log_loss([1.0], [0]) == pytest.approx(34.5, abs=0.1)


def test_reliability_compares_means_in_bins_of_equally_many() -> None:
    table = measures.reliability([0.1, 0.2, 0.3, 0.4, 0.9], [0, 0, 1, 0, 1], bins=2)
    assert table["customer_count"].tolist() == [2, 3]
    assert table["predicted"].tolist() == pytest.approx([0.15, 1.6 / 3])
    assert table["observed"].tolist() == pytest.approx([0.0, 2 / 3])
    error = measures.expected_calibration_error([0.1, 0.2, 0.3, 0.4, 0.9], [0, 0, 1, 0, 1], bins=2)
    assert error == pytest.approx(0.4 * 0.15 + 0.6 * (2 / 3 - 1.6 / 3))


def test_money_and_counts_are_compared_as_worked_out_by_hand() -> None:
    spend, expected = [0, 10, 30, 60], [5, 20, 10, 40]
    assert measures.mean_absolute_error(expected, spend) == pytest.approx(55 / 4)
    assert measures.total_ratio(expected, spend) == pytest.approx(0.75)
    assert measures.rank_correlation(expected, spend) == pytest.approx(0.8)
    # In order of the forecast: 0, 30, 10, 60.
    assert measures.gini(expected, spend) == pytest.approx(2 * (60 + 30 + 240) / 400 - 5 / 4)
    assert measures.normalized_gini(expected, spend) == pytest.approx(0.4 / 0.5)
    assert measures.top_share(expected, spend, share=0.25) == pytest.approx(0.6)
    assert measures.lift(expected, spend, share=0.25) == pytest.approx(2.4)
    assert measures.top_share(expected, spend, share=0.375) == pytest.approx(0.65)


def test_without_customers_nothing_is_said() -> None:
    assert all(np.isnan(measure([], [])) for measure in ALL)
    assert measures.reliability([], []).empty
    nothing = measures.bootstrap_difference([], [], [], measure=measures.brier_score, seed=1)
    assert np.isnan([nothing.difference, nothing.low, nothing.high]).all()


def test_what_cannot_be_told_is_unknown_and_not_zero() -> None:
    assert np.isnan(measures.area_under_curve([0.1, 0.2], [1, 1]))
    assert np.isnan(measures.gini([1, 2], [0, 0]))
    assert np.isnan(measures.normalized_gini([1, 2], [3, 3]))
    assert np.isnan(measures.total_ratio([1, 2], [0, 0]))
    assert np.isnan(measures.rank_correlation([1, 1], [1, 2]))


def test_forecast_and_actual_of_different_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="one number for each customer"):
        measures.brier_score([0.5], [0, 1])


@settings(max_examples=40, deadline=None)
@given(coarse)
def test_the_order_of_customers_and_unknown_ones_change_nothing(
    case: tuple[Floats, Floats, list[int]],
) -> None:
    predicted, came, order = case
    more = np.append(predicted[order], np.nan), np.append(came[order], 1.0)
    for measure in ALL:
        assert measure(*more) == pytest.approx(measure(predicted, came), nan_ok=True)


@settings(max_examples=40, deadline=None)
@given(coarse)
def test_ranking_measures_see_the_order_only(case: tuple[Floats, Floats, list[int]]) -> None:
    predicted, came, _ = case
    for measure in RANKING:
        assert measure(np.exp(3 * predicted), came) == pytest.approx(
            measure(predicted, came), nan_ok=True
        )
    area = measures.area_under_curve(predicted, came)
    assert measures.area_under_curve(-predicted, 1 - came) == pytest.approx(area, nan_ok=True)


@settings(max_examples=40, deadline=None)
@given(coarse)
def test_the_area_is_the_share_of_pairs_in_order(case: tuple[Floats, Floats, list[int]]) -> None:
    predicted, came, _ = case
    above = predicted[came == 1][:, None] - predicted[came == 0][None, :]
    pairs = (above > 0) + 0.5 * (above == 0)
    expected = pairs.mean() if pairs.size else np.nan
    assert measures.area_under_curve(predicted, came) == pytest.approx(expected, nan_ok=True)
    if np.ptp(predicted) and np.ptp(came):
        assert measures.rank_correlation(predicted, came) == pytest.approx(
            stats.spearmanr(predicted, came).statistic
        )


@settings(max_examples=20, deadline=None)
@given(coarse)
def test_a_perfect_forecast_is_best(case: tuple[Floats, Floats, list[int]]) -> None:
    predicted, came, _ = case
    assert measures.brier_score(came, came) == 0
    assert measures.expected_calibration_error(came, came) == pytest.approx(0)
    if 0 < came.sum() < len(came):
        assert measures.normalized_gini(came, came) == pytest.approx(1)
        assert measures.top_share(came, came) >= measures.top_share(predicted, came) - 1e-12


def test_the_interval_of_a_difference_holds_the_truth_and_repeats_with_its_seed() -> None:
    draws = np.random.default_rng(3)
    risk = draws.uniform(size=2_000)
    came = (draws.uniform(size=2_000) < risk).astype(float)
    noise = draws.uniform(size=2_000)

    def compare(seed: int) -> measures.Difference:
        return measures.bootstrap_difference(
            risk, noise, came, measure=measures.area_under_curve, seed=seed, repetitions=100
        )

    found = compare(1)
    assert found == compare(1) != compare(2)
    assert 0.25 < found.low < found.difference < found.high < 0.42
    same = measures.bootstrap_difference(
        risk, risk, came, measure=measures.area_under_curve, seed=1, repetitions=10
    )
    assert (same.difference, same.low, same.high) == (0, 0, 0)
