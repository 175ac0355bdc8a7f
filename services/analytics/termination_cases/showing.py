"""Says in words what is stored of a termination case, as the wire shows it."""

from collections.abc import Mapping
from typing import Any, Final

from services.analytics.catalogue.catalogue import Catalogue, Language
from services.analytics.termination_cases.drafts import remedy_texts
from services.analytics.termination_cases.process import Case, Standing
from services.analytics.termination_cases.strategies import offered_strategies
from shared.values import wire_instant

NOTE: Final[Mapping[Language, str]] = {
    "en": "A review by people is permissible; that is all this says. Nothing is recommended, nothing is "
    "done to the customer automatically, and a score is never the only ground.",
    "de": "Eine Prüfung durch Menschen ist zulässig; mehr ist damit nicht gesagt. Empfohlen wird nichts, "
    "automatisch geschieht dem Kunden nichts, und ein Wert ist nie der einzige Grund.",
}
_NEXT: Final = {"proposed": "offer_remedy", "hearing": "close_hearing", "review": "decide"}


def show(case: Case, *, catalogue: Catalogue, language: Language) -> dict[str, Any]:
    """Return a case."""
    content = case["content"]
    is_closed = case["step"] == "closed"

    def choice(section: str, entry_id: str | None) -> dict[str, str] | None:
        if entry_id is None:
            return None
        entry = catalogue.sections[section].get(entry_id)
        return {"id": entry_id, "label": entry.name(language) if entry else entry_id}

    def choices(section: str, ids: list[str]) -> list[Any]:
        return [choice(section, each) for each in ids]

    remedy = content["remedy"]
    return {
        "id": case["id"],
        "unit_id": case["unit_id"],
        "step": choice("termination_case_steps", case["step"]),
        "outcome": choice("termination_outcomes", case["outcome"]),
        "next": None if is_closed else _next(case),
        "note": content["note"],
        "opened_at": wire_instant(case["opened_at"]),
        "updated_at": wire_instant(case["updated_at"]),
        "proposed_by": _by(content["proposed"]),
        "profiles": choices("terminate_profiles", content["profile_ids"]),
        "signals": choices("termination_signals", content["checked"]["signals"]),
        "blocks": choices("termination_blocks", content["checked"]["blocks"]),
        "checked_version": content["checked"]["version"],
        "checked_as_of": content["checked"]["as_of"],
        "remedy": remedy
        and {
            **_marked(remedy, "note", "due_at", "result", "result_at", "result_note"),
            "offers": remedy_texts(case, catalogue, language),
        },
        "hearing": content["hearing"]
        and _marked(content["hearing"], "language", "text", "due_at", "closed_at"),
        "statements": [_marked(each, "text") for each in content["statements"]],
        "counter_evidence_opened": [_marked(each) for each in content["openings"]],
        "justification": content["justification"] and _marked(content["justification"], "text"),
        "strategies": [
            {
                "id": each.id,
                "label": each.name(language),
                "description": each.description(language),
                "is_default": each.default_choice,
                "instruments": choices("instruments", list(each.instruments)),
                "risk": each.risk_en if language == "en" else each.risk_de,
            }
            for each in (offered_strategies(case, catalogue) if case["step"] == "review" else ())
        ],
        "decisions": [
            {
                **_marked(each, "choice", "reason", "modification", "planned_end_on"),
                "strategy": choice("strategies", each["strategy_id"]),
                "instrument": choice("instruments", each["instrument_id"]),
                **{name: each[name] for name in ("notice_days", "whole_offer", "confirmations")},
                **{name: each[name] for name in ("contact_person", "way_to_contest")},
            }
            for each in content["decisions"]
        ],
        "contests": [_marked(each, "statement") for each in content["contests"]],
        "execution": content["execution"] and _marked(content["execution"], "executed_on", "note"),
        "closing": content["closing"] and _marked(content["closing"], "reason"),
        "notice": NOTE[language],
    }


def summarize(case: Case, *, catalogue: Catalogue, language: Language) -> dict[str, Any]:
    """Return a case as lists show it."""
    shown = show(case, catalogue=catalogue, language=language)
    names = ("id", "unit_id", "step", "outcome", "next", "opened_at", "updated_at", "proposed_by")
    return {name: shown[name] for name in (*names, "signals", "blocks")}


def show_evidence(
    case: Case, standing: Standing, *, catalogue: Catalogue, language: Language
) -> dict[str, Any]:
    """Return what speaks for and against each signal that is met now."""
    none: dict[str, list[str]] = {"grounds": [], "counter_evidence": []}
    signals = catalogue.sections["termination_signals"]
    return {
        "case_id": case["id"],
        "unit_id": case["unit_id"],
        "model_version": standing.version,
        "as_of": standing.as_of.isoformat(),
        "signals": [
            {
                "id": each,
                "label": signals[each].name(language),
                **none,
                **standing.evidence.get(each, {}),
            }
            for each in standing.signals
        ],
        "statements": [_marked(each, "text") for each in case["content"]["statements"]],
        "notice": NOTE[language],
    }


def _next(case: Case) -> dict[str, Any]:
    """Return which step may follow, and from when."""
    content, step = case["content"], case["step"]
    action, since = _NEXT.get(step, "execute"), None
    if step == "remedy":
        has_failed = content["remedy"]["result"] == "failed"
        action = "open_hearing" if has_failed else "record_remedy_result"
        since = None if has_failed else content["remedy"]["due_at"]
    elif step == "hearing":
        since = content["hearing"]["due_at"]
    elif step == "approved":
        since = f"{content['decisions'][-1]['planned_end_on']}T00:00:00.000000Z"
    return {"action": action, "possible_from": since}


def _by(mark: Mapping[str, Any]) -> dict[str, Any]:
    return {"key_id": mark["key_id"], "name": mark["name"]}


def _marked(mark: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {"at": mark["at"], "by": _by(mark)} | {name: mark[name] for name in names}
