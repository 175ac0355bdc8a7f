"""Whether a review of a relationship by people is permissible: signals, blocks and the step they allow.

Nothing here recommends an end; what the signals rest on is counted in `termination_facts`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from services.analytics.calculations.joined_ids import joined_ids
from services.analytics.calculations.purchases import Booleans, Floats, float_column

SIGNALS: Final = (
    *("chargeback_loss", "chronic_late_payment", "confirmed_fraud", "constant_deal_hunting"),
    *("persistently_unprofitable", "serial_complaints"),
)
PROTECTIONS: Final = ("hardship", "legal_hold", "open_dispute", "statutory_supply")
BLOCKS: Final = (
    *("hardship", "legal_hold", "open_dispute", "open_justified_complaint", "own_fault"),
    *("pending_request", "short_tenure", "statutory_supply"),
)
STEPS: Final = ("none", "observe", "blocked", "offer_remedy", "hearing", "human_review")
NUMBERS: Final = (
    *("complaints_decided", "complaints_unjustified"),
    *("late_invoices_365", "late_amount_365", "invoiced_amount_365"),
    *("confirmed_frauds", "lost_chargebacks_730"),
    *("purchases_730", "discounted_730", "margin_730", "revenue_730"),
    *("contribution_730", "clv_optimistic_365", "tenure_days"),
    *("remedy_failed_day", "hearing_closed_day"),
)
FLAGS: Final = ("is_ended", "open_justified_complaint", "own_fault", "pending_request")


@dataclass(frozen=True, slots=True)
class TerminationParameters:
    """When a signal is met and what blocks (domain specification 5).

    Attributes
    ----------
    complaint_days, complaints_from, complaint_share
        Window of complaints, number decided as unjustified, and their share of the decided ones;
        days, count, share; defaults 365, 5 and 0.60.
    payment_days, late_after_days, late_from, late_share
        Window of invoices, days after which one is late, number of late ones, and their share of the
        invoiced amount; days, days, count, share; defaults 365, 14, 4 and 0.60.
    loss_days, chargebacks_from
        Window and number of lost chargebacks; days and count; defaults 730 and 2.
    hunting_days, hunting_from, hunting_percent, hunting_share, hunting_margin
        Window and number of purchases, discount that counts, share of such purchases, and margin
        rate below which little is left; days, count, percent, share, share; defaults 730, 4, 5,
        0.80 and 0.05.
    signals_from
        Different signals from which more than watching is permissible; count; default 2.
    own_fault_days
        How long a justified complaint blocks; days; default 90.
    tenure_days
        How long a relationship must last; days; default 365.
    evidence_count
        Records shown for and against each signal; count; default 5 (choice).
    """

    complaint_days: int = 365
    complaints_from: int = 5
    complaint_share: float = 0.60
    payment_days: int = 365
    late_after_days: int = 14
    late_from: int = 4
    late_share: float = 0.60
    loss_days: int = 730
    chargebacks_from: int = 2
    hunting_days: int = 730
    hunting_from: int = 4
    hunting_percent: float = 5.0
    hunting_share: float = 0.80
    hunting_margin: float = 0.05
    signals_from: int = 2
    own_fault_days: int = 90
    tenure_days: int = 365
    evidence_count: int = 5


def decide_termination(
    facts: pd.DataFrame,
    *,
    as_of_day: int,
    parameters: TerminationParameters | None = None,
) -> pd.DataFrame:
    """Find signals, blocks and the permissible step of each unit.

    Parameters
    ----------
    facts
        `NUMBERS` (NaN unknown; amounts in base currency; the two days of the case are NaN while it
        has not come so far), `FLAGS` and ``protection_ids`` (ids with a space between them, missing
        if none), as `termination_facts` counts them.
    as_of_day
        The day looked from; a step of the case of a later day counts as not taken.
    parameters
        Those of the domain specification unless given.

    Returns
    -------
    pandas.DataFrame
        ``termination_step``, ``termination_signal_ids`` and ``termination_block_ids`` (ids in
        alphabetical order with a space between them, missing if none); categories, indexed like
        ``facts``.

    Notes
    -----
    No signal: none; one: observe; from two different ones: blocked by any block, else the next step
    of the case, in this order: remedy, hearing, review by a person. What is unknown meets no signal,
    and a tenure that nobody knows blocks. Of a relationship that ended nothing is said. Source:
    domain specification 5.
    """
    parameters = parameters or TerminationParameters()
    signals = find_signals(facts, parameters=parameters)
    number = np.zeros(len(facts), dtype=np.int64)
    for met in signals.values():
        number += met
    blocks = _blocks(facts, signals["confirmed_fraud"], parameters)
    is_blocked = np.logical_or.reduce(list(blocks.values()))
    has_failed, was_heard = (
        float_column(facts, name) <= as_of_day
        for name in ("remedy_failed_day", "hearing_closed_day")
    )
    steps = (
        (number == 0, "none"),
        (number < parameters.signals_from, "observe"),
        (is_blocked, "blocked"),
        (~has_failed, "offer_remedy"),
        (~was_heard, "hearing"),
    )
    step = np.select(
        [holds for holds, _ in steps],
        [STEPS.index(name) for _, name in steps],
        default=STEPS.index("human_review"),
    )
    # Blocks of who has no signal are nobody's business.
    shown = {name: holds & (number > 0) for name, holds in blocks.items()}
    return pd.DataFrame(
        {
            "termination_step": pd.Categorical.from_codes(
                step.astype(np.int8), categories=pd.Index(STEPS)
            ),
            "termination_signal_ids": joined_ids(signals),
            "termination_block_ids": joined_ids(shown),
        },
        index=facts.index,
    )


def find_signals(
    facts: pd.DataFrame, *, parameters: TerminationParameters
) -> Mapping[str, Booleans]:
    """Tell which signals each unit meets; none of a relationship that ended, shape (units,) each.

    Source: domain specification 5.
    """

    def of(name: str) -> Floats:
        return float_column(facts, name)

    unjustified, invoiced, purchases = (
        of(name) for name in ("complaints_unjustified", "invoiced_amount_365", "purchases_730")
    )
    met = {
        "chargeback_loss": of("lost_chargebacks_730") >= parameters.chargebacks_from,
        "chronic_late_payment": (of("late_invoices_365") >= parameters.late_from)
        & (invoiced > 0)
        & (of("late_amount_365") >= parameters.late_share * invoiced),
        "confirmed_fraud": of("confirmed_frauds") > 0,
        "constant_deal_hunting": (purchases >= parameters.hunting_from)
        & (of("discounted_730") >= parameters.hunting_share * purchases)
        & (of("revenue_730") > 0)
        & (of("margin_730") < parameters.hunting_margin * of("revenue_730")),
        "persistently_unprofitable": (of("contribution_730") < 0) & (of("clv_optimistic_365") < 0),
        "serial_complaints": (unjustified >= parameters.complaints_from)
        & (unjustified >= parameters.complaint_share * of("complaints_decided")),
    }
    is_running = ~_flag(facts, "is_ended")
    return {name: met[name] & is_running for name in SIGNALS}


def _blocks(
    facts: pd.DataFrame, is_fraud: Booleans, parameters: TerminationParameters
) -> dict[str, Booleans]:
    holds = {
        name: _flag(facts, name)
        for name in ("open_justified_complaint", "own_fault", "pending_request")
    }
    is_long = float_column(facts, "tenure_days") >= parameters.tenure_days
    holds["short_tenure"] = ~is_long & ~is_fraud
    for name in PROTECTIONS:
        protected = facts["protection_ids"].str.contains(rf"\b{name}\b", regex=True)
        holds[name] = protected.to_numpy(dtype=np.bool_, na_value=False)
    return {name: holds[name] for name in BLOCKS}


def _flag(facts: pd.DataFrame, name: str) -> Booleans:
    return facts[name].to_numpy(dtype=np.bool_, na_value=False)
