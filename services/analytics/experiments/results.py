"""The result of an experiment as it is stored."""

from math import isfinite
from typing import Any

import pandas as pd

from services.analytics.calculations.feedback.evaluation import Evaluation, Row
from services.analytics.calculations.feedback.money import Difference
from services.analytics.calculations.feedback.parameters import FEATURES
from services.analytics.calculations.feedback.rates import Uplift
from services.analytics.calculations.feedback.responders import Responders


def result_document(
    evaluation: Evaluation, outcomes: pd.DataFrame, *, assigned_count: int
) -> dict[str, Any]:
    """Return what is stored; amounts in base currency, unknown numbers are null."""
    return {
        "lost_count": assigned_count - len(outcomes),
        "rows": [_row(row) for row in evaluation.rows],
        "responders": _responders(evaluation.responders, outcomes),
    }


def _row(row: Row) -> dict[str, Any]:
    counts = row.counts
    return {
        "tier": row.tier,
        "treatment_count": counts.n1,
        "control_count": counts.n0,
        "treatment_successes": counts.k1,
        "control_successes": counts.k0,
        "treatment_rate": _known(counts.treated),
        "control_rate": _known(counts.control),
        **_uplift(row.success),
        "treatment_contribution": _known(row.means[0]),
        "control_contribution": _known(row.means[1]),
        "difference": _difference(row.contribution),
        "welch": _difference(row.welch),
        "money_verdict": row.money_verdict,
        "incremental": _known(row.balance.incremental),
        "cost": row.cost,
        "net": _known(row.balance.net),
        "roi": _known(row.balance.roi),
    }


def _uplift(uplift: Uplift) -> dict[str, Any]:
    return {
        "uplift": _known(uplift.uplift),
        "low": _known(uplift.low),
        "high": _known(uplift.high),
        "verdict": uplift.verdict,
    }


def _difference(difference: Difference) -> dict[str, float | None]:
    return {
        "estimate": _known(difference.estimate),
        "low": _known(difference.low),
        "high": _known(difference.high),
    }


def _responders(found: Responders, outcomes: pd.DataFrame) -> dict[str, Any]:
    top = outcomes[found.is_top]
    return {
        "basis": found.basis,
        "top": _uplift(found.top),
        "rest": _uplift(found.rest),
        "difference": _known(found.difference),
        "low": _known(found.low),
        "high": _known(found.high),
        "top_count": len(top),
        # What sets those apart who respond most; of an average there is nothing to tell.
        "traits": [
            {
                "feature": name,
                "top_mean": _known(float(top[name].astype(float).mean())),
                "mean": _known(float(outcomes[name].astype(float).mean())),
            }
            for name in FEATURES
            if found.basis == "individual"
        ],
    }


def _known(value: float) -> float | None:
    return value if isfinite(value) else None
