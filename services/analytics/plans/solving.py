"""Computes plans beside the event loop, few at a time, and says what is in them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar

import numpy as np

from services.analytics.calculations.budget.offers import Limit, Plan
from services.analytics.calculations.budget.planning import plan_within
from services.analytics.calculations.feedback.known import Holdout
from services.analytics.calculations.purchases import Booleans
from services.analytics.ledger import Ledger, read_ledger
from services.analytics.plans.options import (
    Coded,
    StepOptions,
    Words,
    step_options,
    without,
    without_controls,
)
from services.analytics.publication import NotComputedYet
from services.analytics.turns import Busy, Turns

BREAKDOWNS: Final = ("phase", "tier", "strategy", "instrument", "channel")
_MOST_WAITING: Final = 8
Result = TypeVar("Result")


class PlansBusy(Busy):
    code = "plans_busy"
    title = "Many plans are being computed at this moment. Try again soon."


@dataclass(frozen=True, slots=True)
class WantedLimit:
    """A limit over the options that have these words: by the name of a property, all must hold."""

    covers: Mapping[str, str]
    budget: float | None
    most_customers: int | None


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked for; amounts in base currency, filters by the name of a property.

    `first_day` is the number of the day on which the plan begins: what ends before it is no candidate.
    """

    budget: float
    first_day: int
    limits: Sequence[WantedLimit]
    filters: Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True)
class Since:
    """What holds by now, whatever did when the version of the ledger was computed.

    Attributes
    ----------
    decided
        Unit and instrument of what is not to be done again.
    holdouts
        Experiments that are not closed.
    """

    decided: Sequence[tuple[str, str]] = ()
    holdouts: Sequence[Holdout] = ()


NOTHING_SINCE: Final = Since()


@dataclass(frozen=True, slots=True)
class Choice:
    """What is done for a customer; amounts in base currency."""

    unit_id: str
    phase: str | None
    tier: str | None
    strategy_id: str
    instrument_id: str
    channel: str | None
    product_id: str | None
    cost: float
    value: float


@dataclass(frozen=True, slots=True)
class Solved:
    """A plan of a version: figures that can be stored, and who was chosen, the most worth first."""

    version: int
    figures: Mapping[str, Any]
    choices: Sequence[Choice]


class Planner:
    """Reads the ledger and computes, one at a time: a plan of a large base fills a processor."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self._turns = Turns(at_once=1, most_waiting=_MOST_WAITING - 1, busy=PlansBusy)

    async def solve(self, wanted: Wanted, words: Words, since: Since) -> Solved:
        """Compute a plan of the version of the ledger, without what is not to be done by now.

        Raises
        ------
        NotComputedYet
            There is no ledger.
        PlansBusy
            Too many wait already.
        """
        return await self.ask(partial(solve, wanted=wanted, words=words, since=since))

    async def ask(self, question: Callable[[Ledger], Result]) -> Result:
        """Ask a question of the ledger in a thread; raises what `solve` does."""
        return await self._turns.run(lambda: question(self._ledger()))

    def _ledger(self) -> Ledger:
        ledger = read_ledger(self._data_dir)
        if ledger is None:
            raise NotComputedYet()
        return ledger


def solve(
    ledger: Ledger,
    *,
    wanted: Wanted,
    words: Words,
    since: Since = NOTHING_SINCE,
) -> Solved:
    """Choose for every customer of the ledger at most one step, and sum up."""
    options = without(step_options(ledger, words), since.decided)
    options = without_controls(options, since.holdouts)
    options = options.only(~(options.until_day < wanted.first_day))
    for name, meant in wanted.filters.items():
        options = options.only(options.members(name, meant))
    limits = [
        Limit(
            _covered(options, limit.covers),
            np.inf if limit.budget is None else limit.budget,
            np.inf if limit.most_customers is None else limit.most_customers,
        )
        for limit in wanted.limits
    ]
    plan = plan_within(options.cost, options.value, budget=wanted.budget, limits=limits)
    rows = np.flatnonzero(plan.choice >= 0)
    # The most worth first; equal ones in the order of ids.
    rows = rows[np.argsort(-options.value[rows, plan.choice[rows]], kind="stable")]
    figures = {
        "candidate_count": int((options.value > 0).any(axis=1).sum()),
        "chosen_count": len(rows),
        "spent": plan.spent,
        "expected_value": plan.value,
        "upper_bound": plan.bound,
        "gap": plan.gap,
        "is_optimal": plan.is_optimal,
        "shadow_price": plan.shadow_price,
        "limits": [
            _used(options, plan, each.members, price.per_money, price.per_customer)
            for each, price in zip(limits, plan.limit_prices, strict=True)
        ],
        "breakdown": {name: _by_word(options, plan, getattr(options, name)) for name in BREAKDOWNS},
    }
    return Solved(ledger.mark.version, figures, list(_choices(options, plan, rows)))


def _covered(options: StepOptions, covers: Mapping[str, str]) -> Booleans:
    is_member: Booleans = np.ones((1, 1), dtype=np.bool_)
    for name, word in covers.items():
        is_member = is_member & options.members(name, (word,))
    return is_member


def _used(
    options: StepOptions, plan: Plan, members: Booleans, per_money: float, per_customer: float
) -> dict[str, Any]:
    rows = np.flatnonzero(plan.choice >= 0)
    inside = np.broadcast_to(members, options.cost.shape)[rows, plan.choice[rows]]
    return {
        "chosen_count": int(inside.sum()),
        "spent": float(options.cost[rows, plan.choice[rows]][inside].sum()),
        "shadow_price": per_money,
        "value_of_one_more_customer": per_customer,
    }


def _by_word(options: StepOptions, plan: Plan, column: Coded) -> list[dict[str, Any]]:
    """Sum up what was chosen by a property, in the order of ids; who has none comes last."""
    rows = np.flatnonzero(plan.choice >= 0)
    chosen = plan.choice[rows]
    codes = column.codes[rows] if column.codes.ndim == 1 else column.codes[rows, chosen]
    place = np.where(codes < 0, len(column.words), codes)
    size = len(column.words) + 1
    counts = np.bincount(place, minlength=size)
    spent = np.bincount(place, weights=options.cost[rows, chosen], minlength=size)
    value = np.bincount(place, weights=options.value[rows, chosen], minlength=size)
    names = [*column.words, None]
    return [
        {
            "id": names[at],
            "chosen_count": int(counts[at]),
            "spent": float(spent[at]),
            "expected_value": float(value[at]),
        }
        for at in np.flatnonzero(counts)
    ]


def _choices(options: StepOptions, plan: Plan, rows: Any) -> Iterable[Choice]:
    chosen = plan.choice[rows]

    def words(column: Coded) -> list[str | None]:
        names = np.array([*column.words, None], dtype=object)
        codes = column.codes[rows] if column.codes.ndim == 1 else column.codes[rows, chosen]
        found: list[str | None] = names[codes].tolist()
        return found

    columns = (
        options.unit_ids.iloc[rows].tolist(),
        *(words(column) for column in (options.phase, options.tier)),
        *(words(column) for column in (options.strategy, options.instrument)),
        *(words(column) for column in (options.channel, options.product)),
        options.cost[rows, chosen].tolist(),
        options.value[rows, chosen].tolist(),
    )
    return map(Choice, *columns)
