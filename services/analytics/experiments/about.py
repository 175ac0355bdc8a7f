"""Tells a customer all that experiments keep about it."""

from typing import Any

from sqlalchemy import bindparam, select

from services.analytics.calculations.feedback.parameters import FEATURES
from services.analytics.catalogue.catalogue import Catalogue, Language
from services.analytics.experiments.showing import show_assignment
from services.analytics.experiments.table import experiment_assignments, experiments
from services.foundation.constructs import is_among
from services.foundation.database import Reader
from services.foundation.statements import Record, Statement

MOST_EXPERIMENTS = 1000
_a = experiment_assignments.c
_ABOUT = Statement(
    select(experiment_assignments)
    .where(_a.unit_id == bindparam("unit_id"))
    .order_by(_a.assigned_at.desc(), _a.experiment_id.desc())
    .limit(MOST_EXPERIMENTS)
)
_EXPERIMENTS = Statement(select(experiments).where(is_among(experiments.c.id)))
_SAME = ("id", "key", "name", "status", "phase", "strategy_id", "instrument_id", "holdout_share")


async def experiments_about(
    reader: Reader, unit_id: str, *, catalogue: Catalogue, language: Language
) -> list[dict[str, Any]]:
    """Return the experiments that a customer takes part in, the last assignment first."""
    rows = await reader.all(_ABOUT, {"unit_id": unit_id})
    ids = [row["experiment_id"] for row in rows]
    known = {each["id"]: each for each in await reader.all(_EXPERIMENTS, {"ids": ids})}
    return [
        _told(row, known[row["experiment_id"]], catalogue, language)
        for row in rows
        if row["experiment_id"] in known
    ]


def _told(
    row: Record, experiment: Record, catalogue: Catalogue, language: Language
) -> dict[str, Any]:
    return {
        **{name: experiment[name] for name in _SAME},
        "strategy_label": catalogue.entry("strategies", experiment["strategy_id"]).name(language),
        "instrument_label": catalogue.entry("instruments", experiment["instrument_id"]).name(
            language
        ),
        "assignment": show_assignment(row, currency=experiment["currency"]),
        "known_by": {name: row[name] for name in FEATURES},
        "is_under_contract": bool(row["is_under_contract"]),
    }
