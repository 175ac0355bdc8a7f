"""Says in words what is stored of a customer, as the wire shows it; no SQL is here."""

from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from itertools import chain
from typing import Any

import orjson

from services.analytics.calculations.explanations import explain
from services.analytics.calculations.reasons import Explanation
from services.analytics.catalogue.catalogue import Catalogue, Language
from services.analytics.customers.next_products import show_next_products
from services.analytics.customers.reaching import contact_of
from services.analytics.evidence import record, signal_records
from services.analytics.publication import Publication
from services.analytics.recommendations.showing import explain as explain_recommendation
from services.analytics.recommendations.showing import show_first
from services.analytics.tables import SIGNALS
from services.analytics.texts import gap_text, reason_text
from services.analytics.wire import amount_text, choice, choices, money
from shared.values import wire_instant

Row = Mapping[str, Any]
EPOCH = date(1970, 1, 1)
_AMOUNTS = (
    "historic_value",
    "contribution",
    "contribution_730",
    "margin_per_purchase",
    "clv_365",
    "rhythm_clv_365",
    "clv_365_low",
    "clv_365_high",
    "clv_365_standard_error",
    "clv_1095",
    "clv_1095_low",
    "clv_1095_high",
    "clv_alive_365",
    "clv_alive_1095",
    "expected_new_value",
)
_NEVER_ALONE = {
    "en": "A score is never the only ground: a review is opened, and decided, by people on evidence.",
    "de": "Ein Wert ist nie der einzige Grund: Menschen eröffnen eine Prüfung und entscheiden anhand "
    "der Belege.",
}


def _day(number: int | None) -> str | None:
    return None if number is None else (EPOCH + timedelta(days=number)).isoformat()


def state_label(state: str, catalogue: Catalogue, language: Language) -> str:
    if state == "excluded":
        return "Ausgeschlossen" if language == "de" else "Excluded"
    return catalogue.entry("lifecycle_states", state).name(language)


def without_termination(row: Row) -> Row:
    """Return a row as it is shown to who may not know that a case is open: without what tells it."""
    if row["state"] != "to_terminate":
        return row
    return {**row, **dict.fromkeys(("state", "phase", "recommendation_basis"))}


def summarize(
    row: Row, publication: Publication, *, catalogue: Catalogue, language: Language
) -> dict[str, Any]:
    """Return a customer as lists show it."""
    currency = publication.currency

    def amount(name: str) -> dict[str, str] | None:
        return money(row[name], currency)

    phase = choice("phases", row["phase"], catalogue, language)
    return {
        "unit_id": row["unit_id"],
        "kind": row["kind"],
        "state": row["state"],
        "state_label": row["state"] and state_label(row["state"], catalogue, language),
        "phase": row["phase"],
        "phase_label": phase and phase["label"],
        "lead_stage": row["lead_stage"],
        "confidence": row["confidence"],
        "tier": row["tier"],
        "quadrant": choice("value_quadrants", row["quadrant"], catalogue, language),
        "loyalty_rung": choice("loyalty_ladder", row["ladder_rung"], catalogue, language),
        "strongest_signal": _strongest_signal(row, catalogue, language),
        "value": {name: amount(name) for name in _AMOUNTS}
        | {"expected_purchases_365": row["expected_purchases_365"]},
        "churn": {
            "probability": row["churn_probability"],
            "basis": row["churn_basis"],
            "horizon_days": row["churn_horizon_days"],
            "reference_probability": row["reference_churn_probability"],
            "alive_probability": row["alive_probability"],
            "vitality": row["vitality"],
            "purchase_vitality": row["purchase_vitality"],
            "value_at_risk": amount("value_at_risk"),
        },
        "rhythm": {
            "purchase_count": row["purchase_count"],
            "first_purchase_date": _day(row["first_purchase_day"]),
            "last_purchase_date": _day(row["last_purchase_day"]),
            "interpurchase_days": row["interpurchase_days"],
            "median_gap_days": row["median_gap_days"],
            "gap_days": row["gap_days"],
            "gap_rank": row["gap_rank"],
        },
        "recommendation": show_first(row, publication, catalogue=catalogue, language=language),
    }


def _strongest_signal(row: Row, catalogue: Catalogue, language: Language) -> dict[str, Any] | None:
    """Return the signal that adds most to the churn probability, else the one of most strength."""
    raised = [signal for signal in SIGNALS if (row[f"signal_{signal}"] or 0) > 0]
    if not raised:
        return None
    strongest = max(
        raised, key=lambda each: (row[f"churn_part_{each}"] or 0, row[f"signal_{each}"])
    )
    chosen = choice("churn_signals", strongest, catalogue, language) or {}
    return {**chosen, "strength": row[f"signal_{strongest}"]}


def describe(
    row: Row, publication: Publication, *, catalogue: Catalogue, language: Language
) -> dict[str, Any]:
    """Return a customer with every score and why it is what it is."""
    currency = publication.currency
    evidence = signal_records(row)
    return {
        **publication.about(),
        **summarize(row, publication, catalogue=catalogue, language=language),
        "basis": publication.version["model"]["basis"],
        "signals": [
            {
                **(choice("churn_signals", signal, catalogue, language) or {}),
                "strength": row[f"signal_{signal}"],
                "contribution": row[f"churn_part_{signal}"],
                "evidence": evidence.get(signal, []),
            }
            for signal in SIGNALS
        ],
        "satisfaction": {
            "difference": row["satisfaction_difference"],
            "nps": row["nps"],
            "sentiment_level": row["sentiment_level"],
        },
        "standing": _standing(row, currency, catalogue, language),
        "next_products": show_next_products(
            row, publication.products, currency=currency, catalogue=catalogue, language=language
        ),
        "termination": _termination(row, catalogue, language),
        "contact": contact_of(
            row, as_of=publication.version["as_of"], catalogue=catalogue, language=language
        ),
        "explanations": _explanations(row, publication, evidence, catalogue, language),
    }


def _standing(row: Row, currency: str, catalogue: Catalogue, language: Language) -> dict[str, Any]:
    return {
        "tier": row["tier"],
        "historic_tier": row["historic_tier"],
        "quadrant": choice("value_quadrants", row["quadrant"], catalogue, language),
        "rfm": {
            "recency": row["rfm_recency"],
            "frequency": row["rfm_frequency"],
            "monetary": row["rfm_monetary"],
            "segment": choice("rfm_segments", row["rfm_segment"], catalogue, language),
        },
        "loyalty_rung": choice("loyalty_ladder", row["ladder_rung"], catalogue, language),
        "ambassador_score": row["ambassador_score"],
        "referral_value": money(row["referral_value"], currency),
        "newness": choices("newness_types", row["newness_ids"], catalogue, language),
        "motive": choice("purchase_motives", row["motive"], catalogue, language),
        "motive_basis": row["motive_basis"],
    }


def _termination(row: Row, catalogue: Catalogue, language: Language) -> dict[str, Any] | None:
    step = choice("termination_steps", row["termination_step"], catalogue, language)
    if step is None:
        return None
    signals, blocks = row["termination_signal_ids"], row["termination_block_ids"]
    records = orjson.loads(row["termination_evidence"] or "{}")
    none: dict[str, list[str]] = {"grounds": [], "counter_evidence": []}
    return {
        "step": step,
        "signals": [
            {**choice, **records.get(choice["id"], none)}
            for choice in choices("termination_signals", signals, catalogue, language)
            if choice is not None
        ],
        "blocks": choices("termination_blocks", blocks, catalogue, language),
        "note": _NEVER_ALONE[language],
    }


def _explanations(
    row: Row,
    publication: Publication,
    signal_evidence: Mapping[str, list[dict[str, Any]]],
    catalogue: Catalogue,
    language: Language,
) -> dict[str, Any]:
    """Return the explanation of each score, all of one shape; domain specification 10 (X-WHY)."""
    currency, model_basis = publication.currency, publication.version["model"]["basis"]
    explained = explain(row, currency=currency, basis=model_basis)
    parts: dict[str, Explanation] = {
        **{str(name): part for name, part in explained.items()},
        "recommendation": explain_recommendation(row, publication),
    }
    value = row["clv_365"] if row["expected_new_value"] is None else row["expected_new_value"]
    first, last = _purchases(row)
    step_value = row["recommendation_value"]
    # Score by score: value, unit, basis, evidence.
    scores: Mapping[str, tuple[Any, str | None, str | None, list[Any]]] = {
        "state": (row["state"], None, row["state"] and "rules", last),
        "churn_probability": (
            row["churn_probability"],
            "probability",
            row["churn_basis"] or (row["churn_probability"] is not None and model_basis) or None,
            [*last, *chain.from_iterable(_of_churn(row, signal_evidence))],
        ),
        "value": (
            None if value is None else amount_text(value, currency),
            currency,
            None if value is None else model_basis,
            [*first, *last],
        ),
        "recommendation": (
            None if step_value is None else amount_text(step_value, currency),
            currency,
            row["recommendation_basis"],
            [],
        ),
    }
    return {
        score: {
            "value": shown,
            "unit": unit,
            "as_of": publication.version["as_of"].isoformat(),
            "basis": basis,
            "confidence": row["confidence"],
            "model_version": publication.number,
            "reasons": _reasons(parts[score], catalogue, language),
            "evidence": evidence,
            "data_gaps": [
                {"code": gap, "text": gap_text(gap, catalogue=catalogue, language=language)}
                for gap in parts[score].data_gaps
            ],
        }
        for score, (shown, unit, basis, evidence) in scores.items()
    }


def _purchases(row: Row) -> Iterator[list[dict[str, Any]]]:
    """Yield the first and the last purchase as evidence, each alone or missing."""
    for role in ("first", "last"):
        deal, day = row[f"{role}_deal_id"], row[f"{role}_purchase_day"]
        is_known = deal is not None and day is not None
        yield [record("deal", _day(day), deal, role=f"{role}_purchase")] if is_known else []


def _of_churn(row: Row, evidence: Mapping[str, list[dict[str, Any]]]) -> Iterator[Any]:
    """Yield what shows the signals that the churn probability knows: under a contract, not silence."""
    for signal, records in evidence.items():
        if not row["has_active_contract"] or row[f"churn_part_{signal}"] is not None:
            yield records


def _reasons(part: Explanation, catalogue: Catalogue, language: Language) -> list[dict[str, Any]]:
    return [
        {
            "code": reason.code,
            "params": reason.params,
            "contribution": reason.contribution,
            "text": reason_text(reason.code, reason.params, catalogue=catalogue, language=language),
        }
        for reason in part.reasons
    ]


def show_past(row: Row, *, catalogue: Catalogue, language: Language) -> dict[str, Any]:
    """Return what a customer was in a version before."""
    phase = choice("phases", row["phase"], catalogue, language)
    count = row["purchase_count"]
    return {
        "as_of": row["as_of"].isoformat(),
        "model_version": row["version"],
        "published_at": wire_instant(row["published_at"]),
        "state": row["state"],
        "state_label": state_label(row["state"], catalogue, language),
        "phase": row["phase"],
        "phase_label": phase and phase["label"],
        "tier": row["tier"],
        "confidence": row["confidence"],
        "churn_probability": row["churn_probability"],
        "value": money(row["clv_365"], row["currency"]),
        "value_at_risk": money(row["value_at_risk"], row["currency"]),
        "purchase_count": None if count is None else int(count),
    }
