"""Lifecycle state, phase and lead stage of units from their numbers; no number is computed here."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from services.analytics.calculations.parameters import PhaseThresholds
from services.analytics.calculations.purchases import Booleans, Floats, Integers

STATES: Final = (
    "excluded",
    "terminated",
    "to_terminate",
    "lead",
    "lapsed",
    "at_risk",
    "new",
    "developing",
    "retained",
)
PHASES: Final = ("acquisition", "development", "retention", "winback", "termination")
LEAD_STAGES: Final = ("unaware", "aware", "interested", "intent", "dormant")
OPEN_TERMINATION_CASES: Final = ("hearing", "review", "approved")

_RULE_STATES: Final = (
    "excluded",
    "terminated",
    "to_terminate",
    "lead",
    "lapsed",
    "lapsed",
    "at_risk",
    "new",
    "developing",
    "retained",
)
_PHASE_OF_STATE: Final = {
    "terminated": "termination",
    "to_terminate": "termination",
    "lead": "acquisition",
    "lapsed": "winback",
    "at_risk": "retention",
    "new": "development",
    "developing": "development",
    "retained": "retention",
}


def assign_phases(
    units: pd.DataFrame,
    *,
    purchase_count: Integers,
    vitality: Floats,
    churn_probability: Floats,
    reference_churn_probability: Floats,
    thresholds: PhaseThresholds,
) -> pd.DataFrame:
    """Assign state and phase by the first rule that holds.

    Parameters
    ----------
    units
        ``is_excluded``, ``status``, ``termination_case``, ``is_cancellation_effective``,
        ``has_active_contract``, ``leave_intent``, ``competitor_loss``.
    purchase_count
        Purchases; shape (units,).
    vitality, churn_probability, reference_churn_probability
        NaN without a purchase; shape (units,). The vitality is that of purchases: see Notes. The
        churn probability may be the baseline or one that signals were combined into.
    thresholds
        Where one state ends and the next begins.

    Returns
    -------
    pandas.DataFrame
        ``state`` and ``phase`` (categories; an excluded unit has no phase) and ``phase_rule``
        (1 to 10), indexed like ``units``. Source: domain specification 2.3.

    Notes
    -----
    The specification reads the vitality of P(alive). It hardly falls for one-time buyers and, where
    few drop out, for anybody: on two real logs those at risk then bought less than those lapsed, or
    nobody was lapsed. That of the chance to buy falls in any rhythm, and is never the higher one.
    """
    has_contract = _truth(units, "has_active_contract")
    open_case = units["termination_case"].isin(OPEN_TERMINATION_CASES).to_numpy(dtype=np.bool_)
    alarming = np.maximum(
        thresholds.at_risk_from_churn_probability,
        reference_churn_probability + thresholds.at_risk_above_reference,
    )
    slack = (vitality < thresholds.at_risk_below_vitality) & ~has_contract
    rules = (
        _truth(units, "is_excluded"),
        (units["status"] == "terminated").to_numpy(dtype=np.bool_, na_value=False),
        open_case,
        purchase_count == 0,
        _truth(units, "is_cancellation_effective") & ~has_contract,
        (vitality < thresholds.lapsed_below_vitality) & ~has_contract,
        slack | (churn_probability >= alarming),
        purchase_count < thresholds.developing_from_purchases,
        purchase_count < thresholds.retained_from_purchases,
    )
    rule = np.full(len(units), len(rules) + 1, dtype=np.int8)
    for number in range(len(rules), 0, -1):
        rule[rules[number - 1]] = number
    state_of_rule = np.array([0, *(STATES.index(state) for state in _RULE_STATES)], dtype=np.int8)
    state = state_of_rule[rule]
    phase_of_state = np.array(
        [PHASES.index(_PHASE_OF_STATE[s]) if s in _PHASE_OF_STATE else -1 for s in STATES],
        dtype=np.int8,
    )
    phase = phase_of_state[state]
    leaving = np.fmax(_strength(units, "leave_intent"), _strength(units, "competitor_loss"))
    is_leaving = leaving >= thresholds.leaving_from_strength
    phase[(state == STATES.index("at_risk")) & is_leaving] = PHASES.index("winback")
    return pd.DataFrame(
        {
            "state": pd.Categorical.from_codes(state, categories=pd.Index(STATES)),
            "phase": pd.Categorical.from_codes(phase, categories=pd.Index(PHASES)),
            "phase_rule": rule,
        },
        index=units.index,
    )


def assign_lead_stages(units: pd.DataFrame, *, is_lead: ArrayLike) -> pd.Series:
    """Assign the stage of each lead; units that are no leads have none.

    Parameters
    ----------
    units
        ``has_open_qualified_deal`` (or a quote request in the lead window), ``is_active_in_window``
        (anything happened in the lead window, or the lead is new), ``has_responded``,
        ``is_reached``.
    is_lead
        Which units are leads; shape (units,).

    Returns
    -------
    pandas.Series
        Categories, indexed like ``units``.

    Notes
    -----
    Intent, dormant, interested, aware, unaware: the first that holds. Source: domain specification
    2.3.
    """
    stages = (
        ("aware", _truth(units, "is_reached")),
        ("interested", _truth(units, "has_responded")),
        ("dormant", ~_truth(units, "is_active_in_window")),
        ("intent", _truth(units, "has_open_qualified_deal")),
    )
    stage = np.full(len(units), LEAD_STAGES.index("unaware"), dtype=np.int8)
    for name, holds in stages:
        stage[holds] = LEAD_STAGES.index(name)
    stage[~np.asarray(is_lead, dtype=np.bool_)] = -1
    return pd.Series(
        pd.Categorical.from_codes(stage, categories=pd.Index(LEAD_STAGES)), index=units.index
    )


def _truth(units: pd.DataFrame, name: str) -> Booleans:
    return units[name].to_numpy(dtype=np.bool_, na_value=False)


def _strength(units: pd.DataFrame, name: str) -> Floats:
    return units[name].to_numpy(dtype=np.float64, na_value=np.nan)
