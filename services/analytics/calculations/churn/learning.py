"""What bends the forecast of one target, learned from origins; which is used is chosen elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from services.analytics.calculations.churn.features import PURCHASE_SIGNS
from services.analytics.calculations.churn.levels import seasonal_level, steady_level
from services.analytics.calculations.churn.origins import Origin, Rows, independent_origins
from services.analytics.calculations.churn.parameters import ChurnParameters
from services.analytics.calculations.churn.residuals import (
    Link,
    Regression,
    fit_residual,
    inverse,
    total_shift,
)
from services.analytics.calculations.churn.stacked import Residual
from services.analytics.calculations.churn.targets import (
    LEVEL,
    LINKS,
    Target,
    column_names,
    columns_of,
    offset_of,
)
from services.analytics.calculations.purchases import Booleans, Floats, Integers

_NEARLY_NOTHING = 1e-3
_FLAT = 1e-9
_LEVEL_KEPT = 0.1


@dataclass(frozen=True, slots=True, eq=False)
class Task:
    """What is learned, and in which units.

    Attributes
    ----------
    target
        Of the forecast.
    typical_gap_days
        What a horizon is measured in.
    parameters
        How is learned.
    """

    target: Target
    typical_gap_days: float
    parameters: ChurnParameters

    @property
    def link(self) -> Link:
        """The scale of the forecast."""
        return LINKS[self.target]

    def outcome(self, rows: Rows) -> Floats:
        """Give what came of rows."""
        actual: Floats = getattr(rows.actual, self.target)
        return actual

    def offset(self, rows: Rows) -> Floats:
        """Write the plain forecast of rows on the scale of the link."""
        return offset_of(self.target, rows.plain)

    def columns(self, rows: Rows) -> Floats:
        """Write what the forecast of rows may be bent by."""
        return columns_of(
            self.target,
            rows.plain,
            rows.features,
            rows.horizon_days,
            typical_gap_days=self.typical_gap_days,
        )

    def bent(self, residual: Residual, rows: Rows) -> Floats:
        """Give the bent forecast of rows on the scale of the link."""
        added = residual.bend(self.columns(rows)).sum(axis=1)
        bent: Floats = self.offset(rows) + residual.shift + added
        return bent


class Lesson:
    """Rows of some origins as one regression that can be solved with any penalty.

    Each origin has an intercept of its own, so that its season moves no other effect. Coefficients
    are those of standardized columns, but of signals, whose strengths are 0 to 1 already.
    """

    def __init__(self, task: Task, origins: Sequence[Origin]) -> None:
        """Write the rows down."""
        self.task = task
        self.names = column_names(origins[0].own.features)
        parts = [
            _written(task, rows, number)
            for number, origin in enumerate(origins)
            for rows in (origin.common, origin.own)
        ]
        columns, offset, outcome, origin = (
            np.concatenate([part[place] for part in parts]) for place in range(4)
        )
        is_signal = np.array([name.startswith("signal_") for name in self.names])
        tail = task.parameters.tail_share
        edges = np.quantile(columns, [tail, 1 - tail], axis=0)
        self.lowest = np.where(is_signal, 0.0, edges[0])
        self.highest = np.where(is_signal, 1.0, edges[1])
        columns = np.clip(columns, self.lowest, self.highest)
        self.mean = np.where(is_signal, 0.0, columns.mean(axis=0))
        spread = columns.std(axis=0)
        self.spread = np.where(is_signal | ~(spread > _FLAT), 1.0, spread)
        # Without variation nothing is learned: such a column keeps what is believed of it.
        self.is_learned = spread > _FLAT
        self.is_shape = np.append(~is_signal[self.is_learned], np.zeros(len(origins), np.bool_))
        weight = np.full(len(outcome), 0.5)
        if task.link == "log":
            weight /= _overdispersion(outcome, offset, link=task.link)
        standardized = ((columns - self.mean) / self.spread)[:, self.is_learned]
        self.center, *beliefs = self._beliefs(is_signal)
        center, precision, lowest, highest = (
            np.append(each[self.is_learned], np.full(len(origins), open_))
            for each, open_ in zip(
                (self.center, *beliefs), (0.0, _NEARLY_NOTHING, -np.inf, np.inf), strict=True
            )
        )
        columns = np.hstack([standardized, np.eye(len(origins))[origin]])
        self.rows = Regression(columns, outcome, offset, weight, center, precision, lowest, highest)

    def _beliefs(self, is_signal: Booleans) -> tuple[Floats, Floats, Floats, Floats]:
        """Say what each column's effect is drawn to, how strongly, and between which bounds."""
        effects = dict(self.task.parameters.signal_effects)
        count = len(self.names)
        center, precision = np.zeros(count), np.ones(count)
        lowest, highest = np.full(count, -np.inf), np.full(count, np.inf)
        precision[is_signal] = self.task.parameters.signal_effect_deviation**-2
        for place, name in enumerate(self.names):
            if is_signal[place]:
                highest[place] = 0.0
                if self.task.target == "purchase":
                    center[place] = -effects[name.removeprefix("signal_")]
            elif name == LEVEL:
                lowest[place] = (_LEVEL_KEPT - 1) * self.spread[place]
            elif PURCHASE_SIGNS.get(name, 0) > 0:
                lowest[place] = 0.0
            elif PURCHASE_SIGNS.get(name, 0) < 0:
                highest[place] = 0.0
        return center, precision, lowest, highest

    def solve(self, penalty: float, start: Floats | None = None) -> Floats:
        """Find the coefficients under one penalty."""
        precision = np.where(self.is_shape, penalty, self.rows.precision)
        regression = replace(self.rows, precision=precision)
        return fit_residual(regression, link=self.task.link, start=start)

    def residual(self, solution: Floats, penalty: float) -> Residual:
        """Write a solution by the columns as they are; the total is still to be set."""
        effects = self.center.copy()
        effects[self.is_learned] = solution[: int(self.is_learned.sum())]
        effects /= self.spread
        return Residual(
            self.names,
            tuple(effects.tolist()),
            tuple(self.lowest.tolist()),
            tuple(self.highest.tolist()),
            (0.0,) * len(self.names),
            0.0,
            0.0,
            0.0,
            penalty,
        )


def settled(residual: Residual, rows: Rows, *, task: Task, level: float) -> Residual:
    """Set the total of a residual: that of the plain forecast at its steady level.

    Parameters
    ----------
    residual
        Whose shift is still open.
    rows
        Customers of the day it is used from, with the horizon of decisions.
    task
        What it is for.
    level
        What the plain forecast is usually off, on the scale of the link.
    """
    offset, columns = task.offset(rows), task.columns(rows)
    total = float(inverse(offset + level, link=task.link).sum())
    bent = offset + residual.bend(columns).sum(axis=1)
    usual = np.clip(columns, residual.lowest, residual.highest).mean(axis=0)
    is_signal = np.array([name.startswith("signal_") for name in residual.names])
    return replace(
        residual,
        usual=tuple(np.where(is_signal, 0.0, usual).tolist()),
        usual_offset=float(offset.mean()),
        shift=total_shift(bent, total, link=task.link),
        level=level,
    )


def choose_level(
    task: Task, origins: Sequence[Origin], *, held_out_count: int, day: int
) -> tuple[float, list[float]]:
    """Expect how far plain totals of a day are off, from how far those of the past were.

    Parameters
    ----------
    task
        What is forecast.
    origins
        Newest first.
    held_out_count
        Of the newest ones, each of which is expected from the older ones.
    day
        That of the forecast.

    Returns
    -------
    tuple
        The level of the day and those of the held-out origins, on the scale of the link; all 0
        unless they brought the held-out totals nearer.
    """
    levels = [_level_needed(task, origin) for origin in origins]
    tried = [
        _level_expected(task, origins[number + 1 :], levels[number + 1 :], day=origins[number].day)
        for number in range(held_out_count)
    ]
    held_out = np.array(levels[:held_out_count])
    if not ((held_out - tried) ** 2).sum() < (held_out**2).sum():
        return 0.0, [0.0] * held_out_count
    return _level_expected(task, origins, levels, day=day), tried


def _level_needed(task: Task, origin: Origin) -> float:
    """Find what the plain forecasts of an origin needed to add up to what came."""
    offset, outcome = (
        np.concatenate([read(rows) for rows in (origin.common, origin.own)])
        for read in (task.offset, task.outcome)
    )
    return total_shift(offset, float(outcome.sum()), link=task.link)


def _level_expected(
    task: Task, origins: Sequence[Origin], levels: Sequence[float], *, day: int
) -> float:
    days_ago = [float(day - origin.day) for origin in origins]
    parameters = task.parameters
    if max(days_ago) > parameters.season_reach * parameters.season_days:
        return seasonal_level(levels, days_ago, parameters=parameters)
    return steady_level(
        levels,
        days_ago,
        independent=independent_origins(tuple(origins)),
        parameters=parameters,
    )


def _written(task: Task, rows: Rows, number: int) -> tuple[Floats, Floats, Floats, Integers]:
    outcome = task.outcome(rows)
    return task.columns(rows), task.offset(rows), outcome, np.full(len(outcome), number)


def _overdispersion(outcome: Floats, offset: Floats, *, link: Link) -> float:
    """Say by how much counts vary more than those of a Poisson process; at least 1."""
    total = float(outcome.sum())
    if not total > 0:
        return 1.0
    mean = inverse(offset + total_shift(offset, total, link=link), link=link)
    return max(float(((outcome - mean) ** 2 / np.maximum(mean, _NEARLY_NOTHING)).mean()), 1.0)
