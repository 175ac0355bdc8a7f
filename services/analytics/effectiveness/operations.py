"""Reads what steps brought and what is believed of their effects."""

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import bindparam, select

from services.analytics.calculations.feedback import rates
from services.analytics.catalogue.catalogue import Catalogue, Instrument, Language
from services.analytics.experiments import showing
from services.analytics.experiments.table import experiments, learned_effects
from services.foundation.columns import Texts
from services.foundation.constructs import any_of
from services.foundation.cursors import read_cursor, write_cursor
from services.foundation.database import Reader
from services.foundation.problems import Invalid, invalid
from services.foundation.statements import Record, Statement
from shared.values import wire_instant

_c = experiments.c
_FILTERS = ("strategy_id", "instrument_id", "phase")
_SMALLEST_EFFECT = 0.0001
_EFFECTS = Statement(select(learned_effects))
_HARMFUL = Statement(
    select(_c.strategy_id, _c.instrument_id, _c.phase).where(_c.needs_review.is_(True))
)


class EffectImpossible(Invalid):
    code, title = (
        "effect_impossible",
        "There is no such effect at this base rate.",
    )


def _closed(filters: tuple[str, ...]) -> Statement:
    question = (
        select(experiments).where(_c.status == "closed").order_by(_c.closed_at.desc(), _c.id.desc())
    )
    for name in filters:
        question = question.where(any_of(_c[name], bindparam(name, type_=Texts)))
    return Statement(question)


_CLOSED: dict[tuple[str, ...], Statement] = {
    tuple(name for place, name in enumerate(_FILTERS) if chosen >> place & 1): _closed(
        tuple(name for place, name in enumerate(_FILTERS) if chosen >> place & 1)
    )
    for chosen in range(8)
}


async def list_effectiveness(
    reader: Reader,
    *,
    filters: Mapping[str, list[str]],
    tiers: list[str],
    catalogue: Catalogue,
    language: Language,
    cursor: str | None,
    limit: int,
) -> tuple[list[dict[str, Any]], str | None]:
    """Return a page of the report, the newest experiments first, and the cursor behind it."""
    asked = {name: filters[name] for name in _FILTERS if filters[name]}
    closed = await reader.all(_CLOSED[tuple(asked)], asked)
    rows = [
        {**_about(experiment, catalogue, language), **row}
        for experiment in closed
        for row in showing.show_rows(experiment["result"], catalogue=catalogue, language=language)
        if not tiers or row["tier"] in tiers
    ]
    question = {"of": "effectiveness", **asked, "tier": tiers}
    return _page(rows, ("experiment_id", "tier"), question, cursor=cursor, limit=limit)


def _page(
    rows: list[dict[str, Any]],
    names: tuple[str, ...],
    question: Mapping[str, Any],
    *,
    cursor: str | None,
    limit: int,
) -> tuple[list[dict[str, Any]], str | None]:
    """Cut a page out of rows that are few enough to be read at once."""
    start = 0
    if cursor is not None:
        last = read_cursor(cursor, question, length=len(names))
        places = [n for n, row in enumerate(rows) if [row[name] for name in names] == last]
        start = places[0] + 1 if places else len(rows)
    page = rows[start : start + limit]
    if start + limit >= len(rows):
        return page, None
    return page, write_cursor([page[-1][name] for name in names], question)


def _about(experiment: Record, catalogue: Catalogue, language: Language) -> dict[str, Any]:
    return {
        "experiment_id": experiment["id"],
        "experiment_key": experiment["key"],
        "closed_at": wire_instant(experiment["closed_at"]),
        "strategy_id": experiment["strategy_id"],
        "strategy_label": catalogue.label("strategies", experiment["strategy_id"], language),
        "instrument_id": experiment["instrument_id"],
        "instrument_label": catalogue.label("instruments", experiment["instrument_id"], language),
        "phase": experiment["phase"],
        "currency": experiment["result"]["currency"],
    }


async def list_effects(
    reader: Reader,
    *,
    instrument_ids: list[str],
    phases: list[str],
    is_learned: bool | None,
    catalogue: Catalogue,
    language: Language,
    cursor: str | None,
    limit: int,
) -> tuple[list[dict[str, Any]], str | None]:
    """Return a page of effects by instrument and phase, and the cursor behind it."""
    learned = {(row["instrument_id"], row["phase"]): row for row in await reader.all(_EFFECTS)}
    harmful = await reader.all(_HARMFUL)
    rows = [
        _effect(instrument, phase, learned.get((instrument.id, phase)), harmful, language)
        for instrument, phase in _pairs(catalogue)
        if (not instrument_ids or instrument.id in instrument_ids)
        and (not phases or phase in phases)
        and (is_learned is None or is_learned == ((instrument.id, phase) in learned))
    ]
    question: dict[str, Any] = {"of": "effects", "instruments": instrument_ids, "phases": phases}
    question["is_learned"] = is_learned
    return _page(rows, ("instrument_id", "phase"), question, cursor=cursor, limit=limit)


def _pairs(catalogue: Catalogue) -> Iterable[tuple[Instrument, str]]:
    for instrument in sorted(catalogue.instruments, key=lambda each: each.id):
        if instrument.uplift is not None:
            yield from ((instrument, phase) for phase in instrument.phases)


def _effect(
    instrument: Instrument,
    phase: str,
    row: Record | None,
    harmful: list[Record],
    language: Language,
) -> dict[str, Any]:
    mean, sd = instrument.uplift or (0.0, 0.0)
    prior = {"mean": mean, "sd": sd}
    held_back = {
        each["strategy_id"]
        for each in harmful
        if each["instrument_id"] == instrument.id and each["phase"] == phase
    }
    return {
        "instrument_id": instrument.id,
        "instrument_label": instrument.name(language),
        "phase": phase,
        "prior": prior,
        "posterior": prior if row is None else {"mean": row["mean"], "sd": row["sd"]},
        "is_learned": row is not None,
        "data_weight": 0.0 if row is None else row["data_weight"],
        "is_individual": row is not None and row["response_model"] is not None,
        "learned_at": None if row is None else wire_instant(row["learned_at"]),
        "experiment_ids": [] if row is None else row["experiment_ids"][-1000:],
        "held_back_strategy_ids": sorted(held_back),
    }


def sample_size(
    base_rate: float, effect: float, *, power: float, holdout_share: float
) -> dict[str, int]:
    """Say how many customers it takes to see an effect.

    Raises
    ------
    EffectImpossible
        The rate with the effect is no probability, or there is no effect to speak of.
    """
    if abs(effect) < _SMALLEST_EFFECT or not 0 <= base_rate + effect <= 1:
        message = (
            f"At the base rate {base_rate:g} an effect lies between {-base_rate:g} and "
            f"{1 - base_rate:g}, at least {_SMALLEST_EFFECT} from zero."
        )
        fault = invalid("/query/effect", "effect_impossible", message)
        raise EffectImpossible(message, errors=fault.errors)
    found = rates.sample_size(base_rate, effect, power=power, holdout_share=holdout_share)
    return {
        "per_arm": found.per_arm,
        "treatment_count": found.treated,
        "control_count": found.control,
        "total_count": found.treated + found.control,
    }
