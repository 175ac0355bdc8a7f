"""Says in words what is recommended to a customer, as the wire shows it; no SQL is here."""

from collections.abc import Mapping
from typing import Any

from services.analytics.calculations.reasons import Explanation, Reason, money_in
from services.analytics.calculations.recommendations.steps import (
    RuledOut,
    Step,
    explain_ruled_out,
    explain_step,
    explain_steps,
)
from services.analytics.catalogue.catalogue import Catalogue, Language
from services.analytics.evidence import signal_records
from services.analytics.publication import Publication
from services.analytics.recommendations.drafts import draft_of
from services.analytics.recommendations.reading import ruled_out_of, steps_of
from services.analytics.texts import gap_text, reason_text
from services.analytics.wire import choice, money, on_top

Row = Mapping[str, Any]


def show_first(
    row: Row, publication: Publication, *, catalogue: Catalogue, language: Language
) -> dict[str, Any]:
    """Return what comes first for a customer, as lists show it."""
    step = next(iter(steps_of(row, publication)), None)
    shown = (
        _named(step, catalogue, language)
        if step is not None
        else dict.fromkeys(("id", "strategy", "instrument", "channel", "product", "event"))
        | {"goal": choice("goals", row["goal_id"], catalogue, language)}
    )
    return {
        "basis": row["recommendation_basis"],
        **shown,
        "expected_value": money(row["recommendation_value"], publication.currency),
        "effect_probability": step and step.effect_probability,
    }


def show_all(
    row: Row, publication: Publication, *, catalogue: Catalogue, language: Language
) -> dict[str, Any]:
    """Return everything that is recommended to a customer, and what was ruled out."""
    steps = steps_of(row, publication)
    shown = [
        _step(step, row, publication, catalogue=catalogue, language=language) for step in steps
    ]
    return {
        "unit_id": row["unit_id"],
        "phase": row["phase"] and choice("phases", row["phase"], catalogue, language),
        "state": row["state"],
        "owner_id": row["owner_id"],
        "basis": row["recommendation_basis"],
        "obligations": shown[: sum(step.rank == 0 for step in steps)],
        "steps": shown[sum(step.rank == 0 for step in steps) :],
        "do_nothing": {"expected_value": money(0.0, publication.currency)},
        "ruled_out": [
            _ruled_out(each, publication, catalogue=catalogue, language=language)
            for each in ruled_out_of(row, publication)
        ],
        "explanation": [
            show_reason(reason, catalogue, language) for reason in explain(row, publication).reasons
        ],
        "data_gaps": [
            {"code": gap, "text": gap_text(gap, catalogue=catalogue, language=language)}
            for gap in (row["recommendation_gap_ids"] or "").split()
        ],
    }


def explain(row: Row, publication: Publication) -> Explanation:
    """Explain what comes first, or why there is nothing."""
    return explain_steps(
        row["recommendation_basis"],
        steps_of(row, publication),
        ruled_out_of(row, publication),
        gaps=(row["recommendation_gap_ids"] or "").split(),
        money=money_in(publication.currency),
    )


def _named(step: Step, catalogue: Catalogue, language: Language) -> dict[str, Any]:
    product = step.product_id and {"id": step.product_id, "name": step.product_name}
    return {
        "id": step.recommendation_id,
        "goal": choice("goals", step.goal_id, catalogue, language),
        "strategy": choice("strategies", step.strategy_id, catalogue, language),
        "instrument": choice("instruments", step.instrument_id, catalogue, language),
        "channel": choice("channels", step.channel_id, catalogue, language),
        "product": product or None,
        "event": choice("marketing_events", step.event_id, catalogue, language),
    }


def _step(
    step: Step,
    row: Row,
    publication: Publication,
    *,
    catalogue: Catalogue,
    language: Language,
) -> dict[str, Any]:
    currency = publication.currency
    reasons = explain_step(step, money=money_in(currency))
    return {
        "rank": step.rank,
        **_named(step, catalogue, language),
        "expected_value": money(step.expected_value, currency),
        "parts": {
            "stake": money(step.stake, currency),
            "base_probability": step.base_probability,
            "effect_probability": step.effect_probability,
            "fit": step.fit,
            "channel_quality": step.quality,
            "contact_cost": money(step.contact_cost, currency),
            "incentive_cost": money(step.incentive_cost, currency),
            "risk_cost": money(step.risk_cost, currency),
        },
        "terms": _terms(step, currency),
        "evidence": [] if step.signal_id is None else signal_records(row).get(step.signal_id, []),
        "person_id": step.person_id,
        "due_on": step.due_on and step.due_on.isoformat(),
        "triage": step.triage
        and {
            "severity": step.triage.severity,
            "priority": step.triage.priority,
            "open_count": step.triage.open_count,
            "at_once": step.triage.is_at_once,
        },
        "event_record_id": step.event_record_id,
        "valid_until": step.valid_until and step.valid_until.isoformat(),
        "reasons": [show_reason(each, catalogue, language) for each in reasons],
        "draft": draft_of(step, row, catalogue=catalogue, language=language),
    }


def _terms(step: Step, currency: str) -> dict[str, Any] | None:
    """Return what is given on top; a product without that is offered as it is."""
    share, amount = step.incentive_share, step.incentive_amount
    if share is None and amount is None:
        return None
    return {**on_top(share, amount, currency), "product_id": step.product_id}


def _ruled_out(
    step: RuledOut, publication: Publication, *, catalogue: Catalogue, language: Language
) -> dict[str, Any]:
    reason = explain_ruled_out(step, money=money_in(publication.currency))
    return {
        "strategy": choice("strategies", step.strategy_id, catalogue, language),
        "instrument": choice("instruments", step.instrument_id, catalogue, language),
        "expected_value": money(step.expected_value, publication.currency),
        "why": step.why,
        "condition": choice("conditions", step.condition_id, catalogue, language),
        "experiment_id": step.experiment_id,
        "text": show_reason(reason, catalogue, language)["text"],
    }


def show_reason(reason: Reason, catalogue: Catalogue, language: Language) -> dict[str, Any]:
    """Return a reason as programs and people read it."""
    return {
        "code": reason.code,
        "params": reason.params,
        "contribution": reason.contribution,
        "text": reason_text(reason.code, reason.params, catalogue=catalogue, language=language),
    }
