"""Backtests the base in the mirror: frames of earlier days in, a backtest and its texts out."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import date
from typing import Any, Final

import pandas as pd

from services.analytics.calculations.backtest.card import (
    ContractPart,
    Estimate,
    Json,
    ModelPart,
    UsedData,
    model_card,
)
from services.analytics.calculations.backtest.forecasters import (
    purchase_model_forecaster,
)
from services.analytics.calculations.backtest.origins import (
    BacktestParameters,
    HistoryTooShort,
    Known,
    KnownAt,
    Origin,
)
from services.analytics.calculations.backtest.running import (
    Backtest,
    run_backtest,
    without_history,
)
from services.analytics.calculations.backtest.verdict import Finding, day_of
from services.analytics.calculations.churn.forecaster import (
    StackAt,
    stack_at,
    stacked_forecaster,
)
from services.analytics.calculations.contracts.model import ContractModel
from services.analytics.calculations.contracts.parameters import ContractParameters
from services.analytics.calculations.contracts.signals import HEARD
from services.analytics.calculations.contracts.verdict import contract_verdict
from services.analytics.calculations.estimates import Estimates
from services.analytics.calculations.parameters import Parameters
from services.analytics.calculations.purchase_models.families import FAMILIES
from services.analytics.calculations.report import calculate
from services.analytics.computing import Rules
from services.analytics.mirror.snapshot import Snapshot

_TOO_LITTLE = frozenset({"history_too_short", "too_few_customers", "too_few_buyers"})
CARD_PARAMETERS = BacktestParameters(sample_size=20_000)
"""Of the backtest beside a refresh: a smaller sample, as nobody asked for it to the last digit."""


MODELS: Final = (*map(str, FAMILIES), "stacked")
"""The models that can be compared, beside the yardsticks."""


def known_at(snapshot: Snapshot, rules: Rules) -> KnownAt:
    """Return what gives the base of a mirror as it was known at the end of a day."""

    def known(day: int) -> Known:
        frames = rules.frames_of(snapshot, as_of=date.fromisoformat(day_of(day)))
        return Known(frames.as_of_day, frames.units, frames.deals, frames.events)

    return known


def backtest_base(
    base: KnownAt,
    *,
    as_of_day: int,
    currency: str,
    parameters: Parameters,
    chosen: str | None = None,
    horizon_days: int | None = None,
    origin_days: Sequence[int] = (),
    backtest: BacktestParameters | None = None,
) -> Backtest:
    """Backtest every model on a base as it stood on a day; the running one unless one is chosen.

    Raises
    ------
    HistoryTooShort, OriginOutside
        See `run_backtest`.
    """
    stack = stack_at(parameters)
    return run_backtest(
        base,
        as_of_day=as_of_day,
        forecasters=(
            *(purchase_model_forecaster(family, parameters=parameters) for family in FAMILIES),
            stacked_forecaster(stack, parameters=parameters),
        ),
        chosen=chosen or parameters.rhythm.family,
        currency=currency,
        states_of=lambda origin: states_of(origin, stack, parameters=parameters),
        horizon_days=horizon_days,
        origin_days=origin_days,
        parameters=backtest,
    )


def card_of(
    estimates: Estimates,
    customers: pd.DataFrame,
    base: KnownAt,
    *,
    parameters: Parameters,
    as_of_day: int,
    currency: str,
    left_out: Mapping[str, int],
) -> Json:
    """Backtest a base that was just computed, and put the model card of its version together.

    A history that is too short for a backtest is said in the card and is no failure.
    """
    fit, purchase_count = estimates.purchase_fit, customers["purchase_count"]
    chosen, choice = choice_of(estimates)
    try:
        found = backtest_base(
            base,
            as_of_day=as_of_day,
            currency=currency,
            parameters=parameters,
            chosen=chosen,
            backtest=CARD_PARAMETERS,
        )
    except HistoryTooShort as error:
        found = without_history(
            error, as_of_day=as_of_day, chosen=chosen, parameters=CARD_PARAMETERS
        )
    first, bases = customers["first_purchase_day"].min(), _bases_of(customers)
    return model_card(
        used=UsedData(
            first_day=None if pd.isna(first) else int(first),
            as_of_day=as_of_day,
            customer_count=int((purchase_count > 0).sum()),
            repeat_buyer_count=int((purchase_count > 1).sum()),
            purchase_count=int(purchase_count.sum()),
        ),
        model=ModelPart(
            forecaster=fit.family,
            basis=fit.basis,
            estimates=tuple(
                Estimate(name, getattr(fit.model, name), error)
                for name, error in fit.standard_errors.items()
            ),
            log_likelihood=fit.log_likelihood,
            is_converged=fit.is_converged,
        ),
        churn_basis="stacked" if chosen == "stacked" else "signals",
        churn_bases=bases,
        contracts=_contract_part(
            estimates.contracts, bases.get("contract", 0), parameters.contracts
        ),
        choice=choice,
        left_out=left_out,
        backtest=found,
    )


def choice_of(estimates: Estimates) -> tuple[str, Finding]:
    """Say which forecaster the churn probabilities come from, and why it is that one."""
    family = str(estimates.purchase_fit.family)
    if estimates.churn is None:
        return family, Finding("V_CHOICE_ONLY", "note", {"model": family})
    choice = estimates.churn.choices["purchase"]
    if choice.is_used:
        return "stacked", Finding("V_CHOICE_BEATS", "note", {"model": "stacked", "other": family})
    code = "V_CHOICE_TOO_LITTLE" if choice.reason in _TOO_LITTLE else "V_CHOICE_SIMPLER"
    return family, Finding(code, "note", {"model": family, "other": "stacked"})


def states_of(origin: Origin, stack: StackAt, *, parameters: Parameters) -> list[str]:
    """Assign the lifecycle states at an origin as a refresh on that day would have."""
    known, (model, _) = origin.known, stack(origin)
    report = calculate(
        known.units,
        known.deals,
        known.events,
        as_of_day=origin.day,
        parameters=parameters,
        churn=model,
    )
    states: list[Any] = report.customers["state"].astype(object).tolist()
    return [str(state) for state in states]


def _bases_of(customers: pd.DataFrame) -> dict[str, int]:
    counts = customers["churn_basis"].value_counts()
    return {str(basis): int(count) for basis, count in counts.items() if count}


def _contract_part(
    model: ContractModel, customer_count: int, parameters: ContractParameters
) -> ContractPart:
    beside = ("signals", "verdict")
    names = (each.name for each in fields(ContractPart) if each.name not in beside)
    found = {name: getattr(model, name) for name in names}
    weights = model.survival.signals if model.survival else ()
    told = dict(zip(HEARD, weights, strict=False))
    signals = {
        name: {"weight": told[name], "month_count": months, "event_count": ends}
        for name, (months, ends) in model.heard.items()
        if months and name in told
    }
    return ContractPart(
        **found,
        signals=signals,
        verdict=contract_verdict(model, parameters, customer_count=customer_count),
    )
