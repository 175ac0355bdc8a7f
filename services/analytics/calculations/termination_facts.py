"""What the signals and blocks of `termination` rest on, counted, and the records for and against them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from services.analytics.calculations.events import Events
from services.analytics.calculations.margins import DealMargins
from services.analytics.calculations.purchases import Booleans, Floats, Purchases, float_column
from services.analytics.calculations.standing.counting import (
    count_units,
    is_true,
    sum_units,
    units_of,
    within,
    words_are,
)
from services.analytics.calculations.standing.discounts import (
    discounted_deals,
    discounted_purchases,
)
from services.analytics.calculations.termination import (
    SIGNALS,
    TerminationParameters,
    find_signals,
)

GROUNDS: Final = "grounds"
COUNTER_EVIDENCE: Final = "counter_evidence"
CASE_FACTS: Final = ("remedy_failed_day", "hearing_closed_day")
"""What is known of the case of a unit; NaN unknown."""
_ENDED: Final = ("excluded", "terminated")
_WITHDRAWN: Final = "withdrawn"


@dataclass(frozen=True, slots=True, eq=False)
class _Claim:
    """Records that speak for or against a signal."""

    signal_id: str
    role: str
    frame: pd.DataFrame
    rows: Booleans
    record: str


def termination_facts(
    units: pd.DataFrame,
    customers: pd.DataFrame,
    deals: pd.DataFrame,
    events: Events,
    *,
    purchases: Purchases,
    margins: DealMargins,
    parameters: TerminationParameters | None = None,
    cases: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Count what the signals and blocks of each unit rest on.

    Parameters
    ----------
    units
        ``protection_ids`` (ids with a space between them, missing if none) and ``has_pending_request``
        (of a data subject; nobody has one unless given), in the order of the surrogate.
    customers
        ``state``, ``contribution_730`` and ``clv_optimistic_365`` (base currency) and ``age_days``
        (since the first purchase) of the same units in the same order. The optimistic value is
        ``clv_365`` with P(alive) = 1 and the margin at its upper 90 % bound.
    deals, purchases, margins
        Won deals, the purchases they make, and what each deal earned.
    events
        ``interactions``, ``invoices``, ``chargebacks``, ``frauds``.
    parameters
        Windows and limits; those of the domain specification unless given.
    cases
        ``remedy_failed_day`` and ``hearing_closed_day`` (NaN not yet) by unit; nobody has a case
        unless given.

    Returns
    -------
    pandas.DataFrame
        What `decide_termination` takes, indexed like ``customers``.

    Notes
    -----
    A complaint counts by the day it was made. Undecided and withdrawn complaints do not count;
    justified ones only add to the decided ones. An invoice of unknown amount leaves the share of late
    ones open, hence the signal unmet. Source: domain specification 5.
    """
    parameters = parameters or TerminationParameters()
    count, as_of_day = len(units), purchases.as_of_day
    complaints = _complaints(events.interactions, as_of_day=as_of_day)
    invoices, is_late = _invoices(events.invoices, as_of_day=as_of_day, parameters=parameters)
    amount = float_column(invoices, "amount")
    all_invoices = np.ones(len(invoices), dtype=np.bool_)
    decided, unjustified, justified = _decisions(complaints)
    in_year = within(complaints, as_of_day=as_of_day, days=parameters.complaint_days)
    # A complaint settled lately was a matter between us lately.
    settled = float_column(complaints, "settled_day")
    is_recent = within(complaints, as_of_day=as_of_day, days=parameters.own_fault_days) | (
        (settled > as_of_day - parameters.own_fault_days) & (settled <= as_of_day)
    )
    is_open = ~(settled <= as_of_day)
    lost = is_true(events.chargebacks, "is_lost") & within(
        events.chargebacks, as_of_day=as_of_day, days=parameters.loss_days
    )
    frauds = is_true(events.frauds, "is_confirmed_by_person") & within(
        events.frauds, as_of_day=as_of_day
    )

    def complained(rows: Booleans) -> Booleans:
        return count_units(complaints, rows, unit_count=count) > 0

    facts: dict[str, object] = {
        "is_ended": customers["state"].isin(_ENDED).to_numpy(dtype=np.bool_),
        "complaints_decided": count_units(complaints, in_year & decided, unit_count=count),
        "complaints_unjustified": count_units(complaints, in_year & unjustified, unit_count=count),
        "late_invoices_365": count_units(invoices, is_late, unit_count=count),
        "late_amount_365": sum_units(invoices, is_late, amount, unit_count=count),
        "invoiced_amount_365": sum_units(invoices, all_invoices, amount, unit_count=count),
        "confirmed_frauds": count_units(events.frauds, frauds, unit_count=count),
        "lost_chargebacks_730": count_units(events.chargebacks, lost, unit_count=count),
        **_hunting(deals, purchases, margins, parameters),
        "contribution_730": float_column(customers, "contribution_730"),
        "clv_optimistic_365": float_column(customers, "clv_optimistic_365"),
        "tenure_days": float_column(customers, "age_days"),
        "open_justified_complaint": complained(justified & is_open),
        "own_fault": complained(justified & is_recent),
        "pending_request": (
            is_true(units, "has_pending_request")
            if "has_pending_request" in units
            else np.zeros(count, dtype=np.bool_)
        ),
        "protection_ids": _protections(units, events.invoices, as_of_day=as_of_day).array,
    }
    if cases is None:
        cases = pd.DataFrame(np.nan, index=customers.index, columns=list(CASE_FACTS))
    cases = cases.reindex(customers.index)
    for name in CASE_FACTS:
        facts[name] = float_column(cases, name)
    return pd.DataFrame(facts, index=customers.index)


def termination_evidence(
    facts: pd.DataFrame,
    deals: pd.DataFrame,
    events: Events,
    *,
    purchases: Purchases,
    margins: DealMargins,
    parameters: TerminationParameters | None = None,
) -> pd.Series:
    """Name the records for and against each signal that a unit meets.

    Parameters
    ----------
    facts
        As `termination_facts` counted them, in the order of the surrogate.
    deals, events, purchases, margins
        What they were counted from; deals with ``deal_id``.
    parameters
        Those the facts were counted with.

    Returns
    -------
    pandas.Series
        A JSON object: signal id -> ``grounds`` and ``counter_evidence``, each a list of the newest 5
        record ids at most; missing for units without a signal. Indexed like ``facts``. Source: domain
        specification 5.
    """
    parameters = parameters or TerminationParameters()
    signals = find_signals(facts, parameters=parameters)
    parts = []
    for claim in _claims(deals, events, purchases, margins, parameters):
        rows = np.flatnonzero(claim.rows)
        rows = rows[signals[claim.signal_id][units_of(claim.frame)[rows]]]
        chosen = claim.frame.iloc[rows]
        part = chosen[["unit", "day", claim.record]].set_axis(["unit", "day", "id"], axis=1)
        parts.append(part.assign(signal=claim.signal_id, role=claim.role))
    found = pd.concat(parts, ignore_index=True)
    found = found.sort_values(["unit", "signal", "day", "id"], ascending=[True, True, False, True])
    found = found[found.groupby(["unit", "signal", "role"]).cumcount() < parameters.evidence_count]
    texts = pd.Series(None, index=facts.index, dtype="object")
    met = np.flatnonzero(np.logical_or.reduce(list(signals.values())))
    # Few units have a signal at all, hence one by one.
    shown: dict[int, dict[str, dict[str, list[str]]]] = {
        int(unit): {
            name: {GROUNDS: [], COUNTER_EVIDENCE: []} for name in SIGNALS if signals[name][unit]
        }
        for unit in met
    }
    for unit, signal, role, record in zip(
        found["unit"], found["signal"], found["role"], found["id"], strict=True
    ):
        shown[int(unit)][signal][role].append(str(record))
    for unit, signal_records in shown.items():
        texts.iloc[unit] = json.dumps(signal_records, separators=(",", ":"))
    return texts.astype("str")


def _claims(
    deals: pd.DataFrame,
    events: Events,
    purchases: Purchases,
    margins: DealMargins,
    parameters: TerminationParameters,
) -> Iterator[_Claim]:
    as_of_day = purchases.as_of_day
    complaints = _complaints(events.interactions, as_of_day=as_of_day)
    _, unjustified, justified = _decisions(complaints)
    in_year = within(complaints, as_of_day=as_of_day, days=parameters.complaint_days)
    invoices, is_late = _invoices(events.invoices, as_of_day=as_of_day, parameters=parameters)
    recent_losses = within(events.chargebacks, as_of_day=as_of_day, days=parameters.loss_days)
    is_lost = is_true(events.chargebacks, "is_lost")
    frauds = within(events.frauds, as_of_day=as_of_day)
    is_confirmed = is_true(events.frauds, "is_confirmed_by_person")
    recent = within(deals, as_of_day=as_of_day, days=parameters.hunting_days)
    certain, possible = discounted_deals(deals, from_percent=parameters.hunting_percent)
    bought = np.zeros(len(deals), dtype=np.bool_)
    bought[purchases.deal_rows] = True
    for signal_id, frame, record, grounds, counter in (
        (
            "serial_complaints",
            complaints,
            "interaction_id",
            in_year & unjustified,
            in_year & justified,
        ),
        ("chronic_late_payment", invoices, "deal_id", is_late, ~is_late),
        (
            "chargeback_loss",
            events.chargebacks,
            "deal_id",
            recent_losses & is_lost,
            recent_losses & ~is_lost,
        ),
        (
            "confirmed_fraud",
            events.frauds,
            "deal_id",
            frauds & is_confirmed,
            frauds & ~is_confirmed,
        ),
        (
            "constant_deal_hunting",
            deals,
            "deal_id",
            recent & bought & certain,
            recent & bought & ~possible,
        ),
        (
            "persistently_unprofitable",
            deals,
            "deal_id",
            recent & (margins.margin < 0),
            recent & (margins.margin > 0),
        ),
        (
            "persistently_unprofitable",
            events.interactions,
            "interaction_id",
            _charged(events.interactions, as_of_day=as_of_day, parameters=parameters),
            np.zeros(len(events.interactions), dtype=np.bool_),
        ),
    ):
        yield _Claim(signal_id, GROUNDS, frame, grounds, record)
        yield _Claim(signal_id, COUNTER_EVIDENCE, frame, counter, record)


def _complaints(interactions: pd.DataFrame, *, as_of_day: int) -> pd.DataFrame:
    rows = words_are(interactions, "kind", "complaint") & within(interactions, as_of_day=as_of_day)
    return interactions.loc[rows]


def _decisions(complaints: pd.DataFrame) -> tuple[Booleans, Booleans, Booleans]:
    """Tell which complaints were decided, and as unjustified or justified; withdrawn ones are not."""
    justified = complaints["is_justified"]
    is_decided = justified.notna().to_numpy(dtype=np.bool_) & ~words_are(
        complaints, "resolution", _WITHDRAWN
    )
    is_justified = justified.to_numpy(dtype=np.bool_, na_value=False)
    return is_decided, is_decided & ~is_justified, is_justified


def _charged(
    interactions: pd.DataFrame, *, as_of_day: int, parameters: TerminationParameters
) -> Booleans:
    """Tell which cases of the customer cost us and were not our fault."""
    is_unjustified = ~interactions["is_justified"].to_numpy(dtype=np.bool_, na_value=True)
    is_charged = words_are(interactions, "kind", "complaint") & is_unjustified
    is_charged |= words_are(interactions, "kind", "service_request")
    recent = within(interactions, as_of_day=as_of_day, days=parameters.hunting_days)
    charged: Booleans = is_charged & recent
    return charged


def _invoices(
    invoices: pd.DataFrame, *, as_of_day: int, parameters: TerminationParameters
) -> tuple[pd.DataFrame, Booleans]:
    """Return the invoices of the window, and which of them are undisputed and late.

    An invoice under an open or justified complaint counts as disputed.
    """
    recent = invoices.loc[within(invoices, as_of_day=as_of_day, days=parameters.payment_days)]
    paid = float_column(recent, "paid_day")
    settled = np.where(paid <= as_of_day, paid, as_of_day)
    is_late = settled - float_column(recent, "due_day") > parameters.late_after_days
    is_doubted = is_true(recent, "is_disputed") | is_true(recent, "is_complained_of")
    return recent, is_late & ~is_doubted


def _hunting(
    deals: pd.DataFrame,
    purchases: Purchases,
    margins: DealMargins,
    parameters: TerminationParameters,
) -> dict[str, Floats]:
    """Count the recent purchases, those at a discount, and what they brought and left."""
    count = len(purchases.purchase_count)
    starts = purchases.starts
    day = deals["day"].to_numpy(dtype=np.int64)[purchases.deal_rows]
    is_recent = day > purchases.as_of_day - parameters.hunting_days
    certain, _ = discounted_purchases(deals, purchases, from_percent=parameters.hunting_percent)
    unit = purchases.purchase_unit[is_recent[starts]]
    deal_unit = units_of(deals)[purchases.deal_rows][is_recent]
    refund = np.nan_to_num(float_column(deals, "refund"), nan=0.0)
    revenue = (float_column(deals, "amount") - refund)[purchases.deal_rows][is_recent]
    margin = margins.margin[purchases.deal_rows][is_recent]

    def total(units: object, weights: object) -> Floats:
        sums = np.bincount(np.asarray(units), weights=weights, minlength=count)  # type: ignore[arg-type]
        return sums.astype(np.float64)

    return {
        "purchases_730": total(unit, None),
        "discounted_730": total(unit, certain[is_recent[starts]].astype(np.float64)),
        "margin_730": total(deal_unit, margin),
        "revenue_730": total(deal_unit, revenue),
    }


def _protections(units: pd.DataFrame, invoices: pd.DataFrame, *, as_of_day: int) -> pd.Series:
    """Return the protections of each unit; a disputed invoice that is not paid is an open dispute."""
    known = within(invoices, as_of_day=as_of_day) & is_true(invoices, "is_disputed")
    is_unpaid = ~(float_column(invoices, "paid_day") <= as_of_day)
    disputed = count_units(invoices, known & is_unpaid, unit_count=len(units)) > 0
    protections = units["protection_ids"].astype("str")
    if not disputed.any():
        return protections
    added = (protections.fillna("") + " open_dispute").str.strip()
    return protections.where(~disputed, added)
