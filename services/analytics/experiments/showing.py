"""Says of experiments, people and results what the wire shows; small groups are hidden here."""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from services.analytics.calculations.feedback.parameters import FeedbackParameters
from services.analytics.catalogue.catalogue import Catalogue, Language
from services.analytics.customers.showing import EPOCH
from services.analytics.texts import reason_text
from services.analytics.wire import money
from services.foundation.statements import Record
from shared.values import wire_instant

SMALLEST_GROUP = 5
"""Domain specification 11: min group in reports."""
_PARAMETERS = FeedbackParameters()
_INSTANTS = (
    *("starts_at", "ends_at", "started_at", "stopped_at", "closed_at", "reviewed_at"),
    *("created_at", "updated_at"),
)
_PLAIN = (
    *("id", "key", "name", "status", "phase", "strategy_id", "instrument_id", "channel_id"),
    *("holdout_share", "tiers", "hypothesis", "minimum_effect", "needs_review", "review_note"),
    "version",
)
Row = Mapping[str, Any]


def show(row: Record, *, catalogue: Catalogue, language: Language) -> dict[str, Any]:
    """Return an experiment as the wire shows it."""

    def instant(name: str) -> str | None:
        return None if row[name] is None else wire_instant(row[name])

    return {
        **{name: row[name] for name in _PLAIN},
        **{name: instant(name) for name in _INSTANTS},
        "started_on": None if row["started_day"] is None else _day(row["started_day"]),
        "strategy_label": catalogue.label("strategies", row["strategy_id"], language),
        "instrument_label": catalogue.label("instruments", row["instrument_id"], language),
        "arms": _arms(row),
        "intake": _intake(row),
    }


def _intake(row: Record) -> dict[str, Any] | None:
    if row["concerned_count"] is None:
        return None
    counts = {name: row[name] for name in ("concerned_count", "open_count")}
    return {"as_of": _day(row["looked_at_day"]), **counts}


def _arms(row: Record) -> dict[str, int]:
    return {"treatment_count": row["treated_count"], "control_count": row["control_count"]}


def _day(number: int) -> str:
    return (EPOCH + timedelta(days=number)).isoformat()


def show_step(row: Record) -> dict[str, Any]:
    """Return what was done as the wire shows it."""
    names = ("action", "key_id", "key_name", "request_id", "changes")
    return {"at": wire_instant(row["at"]), **{name: row[name] for name in names}}


def show_assignment(row: Record, *, currency: str) -> dict[str, Any]:
    """Return a customer with its arm as the wire shows it."""
    return {
        "unit_id": row["unit_id"],
        "arm": "treatment" if row["is_treated"] else "control",
        "u": row["u"],
        "assigned_at": wire_instant(row["assigned_at"]),
        "assigned_on": _day(row["assigned_day"]),
        "window_ends_on": _day(row["assigned_day"] + row["window_days"]),
        "tier": row["tier"],
        "expected_effect": row["expected_effect"],
        "expected_contribution": money(row["expected_contribution"], currency),
        "contact_cost": money(row["contact_cost"], currency),
        "has_succeeded": None if row["has_succeeded"] is None else bool(row["has_succeeded"]),
        "contribution": money(row["contribution"], currency),
    }


def show_result(row: Record, *, catalogue: Catalogue, language: Language) -> dict[str, Any]:
    """Return what an experiment found; before it is closed only when that will be known."""
    about = {"experiment_id": row["id"], "status": row["status"], "arms": _arms(row)}
    result = row["result"]
    if result is None:
        day = known_on(row)
        code, params = "V_RESULT_OPEN_ENDED", {}
        if row["status"] == "planned":
            code = "V_RESULT_PLANNED"
        elif day is not None:
            code, params = "V_RESULT_OPEN", {"day": day.isoformat()}
        return {
            **about,
            "is_final": False,
            "known_on": day and day.isoformat(),
            "text": _text(code, params, catalogue, language),
            **dict.fromkeys(("currency", "lost_count", "total", "responders")),
            "tiers": [],
        }
    total, *tiers = show_rows(result, catalogue=catalogue, language=language)
    return {
        **about,
        "is_final": True,
        "known_on": (known_on(row) or row["closed_at"].date()).isoformat(),
        "text": None,
        "currency": result["currency"],
        "lost_count": result["lost_count"],
        "total": total,
        "tiers": tiers,
        "responders": _responders(result["responders"], catalogue, language),
    }


def known_on(row: Record) -> date | None:
    """Return the day from which the result can be known; None while no end is set."""
    last = row["windows_close_day"]
    day = None if last is None else EPOCH + timedelta(days=last)
    if row["status"] == "closed":
        return day
    if row["status"] == "stopped":
        return day or row["stopped_at"].date()
    if row["ends_at"] is None:
        return None
    window = _PARAMETERS.window_days.get(row["phase"], _PARAMETERS.longest_window_days)
    by_plan: date = row["ends_at"].date() + timedelta(days=window)
    return by_plan if day is None else max(day, by_plan)


def show_rows(result: Row, *, catalogue: Catalogue, language: Language) -> list[dict[str, Any]]:
    """Return the rows of a result, all customers first."""
    hidden = hidden_tiers(result["rows"])
    return [
        _row(
            row,
            is_hidden=_is_small(row) if row["tier"] is None else row["tier"] in hidden,
            currency=result["currency"],
            catalogue=catalogue,
            language=language,
        )
        for row in result["rows"]
    ]


def _is_small(row: Row) -> bool:
    """Tell whether an arm has so few people that they could be told from its figures."""
    counts = int(row["treatment_count"]), int(row["control_count"])
    return min(counts) < SMALLEST_GROUP and any(counts)


def hidden_tiers(rows: list[Row]) -> set[str]:
    """Return the tiers of a result that are hidden.

    One alone could be told from the others and the total: then the smallest of these is hidden, too.
    """
    tiers = [row for row in rows if row["tier"] is not None]
    hidden = {row["tier"] for row in tiers if _is_small(row)}
    others = [row for row in tiers if row["tier"] not in hidden]
    if len(hidden) == 1 and others:
        smallest = min(others, key=lambda row: row["treatment_count"] + row["control_count"])
        hidden.add(smallest["tier"])
    return hidden


_FIGURES = (
    *("treatment_count", "control_count", "treatment_rate", "control_rate", "uplift"),
    *("uplift_low", "uplift_high", "verdict", "verdict_label", "verdict_text", "contribution"),
    *("incremental", "incremental_low", "incremental_high", "cost", "net", "roi"),
)


def _row(
    row: Row, *, is_hidden: bool, currency: str, catalogue: Catalogue, language: Language
) -> dict[str, Any]:
    if is_hidden:
        return {"tier": row["tier"], "is_hidden": True, **dict.fromkeys(_FIGURES)}

    def amount(value: float | None) -> dict[str, str] | None:
        return money(value, currency)

    def of_all(value: float | None) -> dict[str, str] | None:
        return amount(None if value is None else value * row["treatment_count"])

    difference, welch = row["difference"], row["welch"]
    code = f"V_EFFECT_{row['verdict'].upper()}"
    counts = ("treatment_count", "control_count", "treatment_rate", "control_rate", "uplift")
    return {
        "tier": row["tier"],
        "is_hidden": False,
        **{name: row[name] for name in counts},
        "uplift_low": row["low"],
        "uplift_high": row["high"],
        "verdict": row["verdict"],
        "verdict_label": catalogue.entry("verdicts", code).name(language),
        "verdict_text": _text(code, _params(row), catalogue, language),
        "contribution": {
            "treatment": amount(row["treatment_contribution"]),
            "control": amount(row["control_contribution"]),
            "difference": amount(difference["estimate"]),
            "low": amount(difference["low"]),
            "high": amount(difference["high"]),
            "welch_low": amount(welch["low"]),
            "welch_high": amount(welch["high"]),
            "verdict": row["money_verdict"],
        },
        "incremental": amount(row["incremental"]),
        "incremental_low": of_all(difference["low"]),
        "incremental_high": of_all(difference["high"]),
        "cost": amount(row["cost"]),
        "net": amount(row["net"]),
        "roi": row["roi"],
    }


def _params(row: Row) -> dict[str, Any]:
    if row["verdict"] == "too_few":
        return {
            "treated": row["treatment_count"],
            "control": row["control_count"],
            "successes": row["treatment_successes"] + row["control_successes"],
        }
    points = {name: 100 * row[name] for name in ("uplift", "low", "high")}
    return {"treated": row["treatment_rate"], "control": row["control_rate"], **points}


def _responders(found: Row, catalogue: Catalogue, language: Language) -> dict[str, Any]:
    params = {}
    if found["basis"] != "too_few":
        params = {side: 100 * found[side]["uplift"] for side in ("top", "rest")}
    is_shown = found["basis"] != "too_few"
    return {
        "basis": found["basis"],
        "text": _text(f"V_RESPONDERS_{found['basis'].upper()}", params, catalogue, language),
        "top_uplift": found["top"]["uplift"] if is_shown else None,
        "rest_uplift": found["rest"]["uplift"] if is_shown else None,
        "difference": found["difference"] if is_shown else None,
        "difference_low": found["low"] if is_shown else None,
        "difference_high": found["high"] if is_shown else None,
        "traits": found["traits"],
    }


def _text(code: str, params: Row, catalogue: Catalogue, language: Language) -> str:
    return reason_text(code, params, catalogue=catalogue, language=language, section="verdicts")
