"""Contracts that follow each other are one relationship, until one ends for good."""

from __future__ import annotations

import pytest

from services.analytics.calculations.contracts.history import History, collect_contract_statistics
from services.analytics.calculations.contracts.relationships import (
    count_endings,
    read_relationships,
)
from tests.analytics.calculations.contracts.simulated import PARAMETERS, contracts_of

Row = tuple[int, int, int, int | None]
TODAY = 1_000


def ends(*rows: Row, as_of_day: int = TODAY) -> list[tuple[int, int, int, bool]]:
    """Return unit, first and last day of each relationship, and whether it has ended."""
    found = read_relationships(
        contracts_of(list(rows)).frame, as_of_day=as_of_day, grace_days=PARAMETERS.grace_days
    )
    columns = (found.unit, found.first_day, found.last_day, found.has_ended)
    return list(zip(*(column.tolist() for column in columns), strict=True))


def history_of(*rows: Row) -> History:
    contracts = contracts_of(list(rows))
    return collect_contract_statistics(
        contracts.units, contracts.events(), as_of_day=TODAY, parameters=PARAMETERS
    ).history


def test_a_renewal_goes_on_with_the_relationship_and_a_late_one_begins_another() -> None:
    assert ends((0, 100, 465, None), (0, 495, 860, None)) == [(0, 100, 860, True)]
    assert ends((0, 100, 465, None), (0, 496, 861, None)) == [
        (0, 100, 465, True),
        (0, 496, 861, True),
    ]
    assert ends((0, 100, 465, None), (1, 400, 860, None))[0] == (0, 100, 465, True)


@pytest.mark.parametrize(
    ("row", "last_day", "has_ended"),
    [
        ((0, 700, 1_065, None), 1_065, False),  # runs
        ((0, 700, 1_065, 900), 900, True),  # cancelled before its end
        ((0, 700, 1_065, 1_001), 1_065, False),  # what comes later has not happened
        ((0, 700, 971, None), 971, False),  # may still be renewed
        ((0, 700, 970, None), 970, True),  # was not renewed within 30 days
        ((0, 700, 971, 971), 971, True),  # cancelled to its end: it will not be renewed
    ],
)
def test_a_relationship_ends_by_cancellation_or_without_a_renewal(
    row: Row, last_day: int, has_ended: bool
) -> None:
    assert ends(row) == [(0, 700, last_day, has_ended)]


def test_another_contract_keeps_a_relationship_alive() -> None:
    assert ends((0, 700, 1_065, 900), (0, 600, 1_200, None)) == [(0, 600, 1_200, False)]


def test_contracts_that_begin_later_or_end_before_they_begin_are_none() -> None:
    assert ends((0, 1_001, 1_300, None), (1, 500, 500, None), (1, 500, 400, None)) == []


def test_only_contracts_that_have_reached_their_end_are_counted() -> None:
    rows: list[Row] = [
        (0, 100, 465, None),  # renewed
        (0, 465, 830, None),  # not renewed
        (1, 600, 965, 900),  # cancelled, and over
        (2, 700, 1_065, 900),  # cancelled, its end is to come
        (3, 600, 980, None),  # may still be renewed
        (4, 900, 1_265, None),  # runs
    ]
    found = read_relationships(contracts_of(rows).frame, as_of_day=TODAY, grace_days=30)
    assert count_endings(found, as_of_day=TODAY) == (3, 2)


def test_months_are_entered_late_left_once_and_censored_at_the_day() -> None:
    history = history_of((0, 900, 1_265, None))
    # Seen from the day back: three whole months, and ten days of the one that it began in.
    assert history.month.tolist() == [0, 1, 2, 3]
    assert (history.exposure_months * 365 / 12).round().tolist() == [30, 30, 30, 10]
    assert (history.covariates.tenure_months * 365 / 12).round().tolist() == [70, 40, 10, 0]
    assert history.left_days.tolist() == [265, 295, 325, 355]
    assert not history.has_ended.any()
    left = history_of((0, 900, 1_265, 950))
    assert left.month.tolist() == [1, 2, 3]
    assert left.has_ended.tolist() == [True, False, False]
    # Over, but nobody knows yet whether for good: seen until then.
    over = history_of((0, 900, 980, None))
    assert over.has_ended.tolist() == [False] * 4
    assert (over.exposure_months * 365 / 12).round().tolist() == [10, 30, 30, 10]


def test_what_is_known_of_a_month_is_what_was_known_at_its_beginning() -> None:
    history = history_of((0, 700, 985, None), (0, 985, 1_700, None), (0, 960, 1_100, None))
    covariates = history.covariates
    # At the beginning of the last month, on day 970, the renewal was to come.
    assert (covariates.term_months[:2] * 365 / 12).round().tolist() == [140, 285]
    assert history.left_days[:2].tolist() == [100, 15]
    monthly = 120 * 365 / 12
    assert covariates.monthly_amount[0] == pytest.approx(monthly / 285 + monthly / 140)
    assert covariates.monthly_amount[1] == pytest.approx(monthly / 285)


def test_excluded_units_say_nothing() -> None:
    contracts = contracts_of([(0, 100, 465, None), (1, 900, 1_265, None)])
    units = contracts.units.assign(is_excluded=[True, False])
    found = collect_contract_statistics(
        units, contracts.events(), as_of_day=TODAY, parameters=PARAMETERS
    )
    assert (found.ended_count, len(found.history)) == (0, 4)
