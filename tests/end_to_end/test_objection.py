"""Who objects to profiling has no scores of their own, and cannot be found by them."""

import time
from typing import Any

import pytest

from services.analytics import changing
from tests.conftest import Crm
from tests.end_to_end.conftest import Analytics
from tests.end_to_end.test_refresh import fill

SORTS = ("-value", "value", "-churn", "churn", "-value_at_risk", "value_at_risk")


def _known(part: Any) -> Any:
    """Return what is known in an answer, nested as it is."""
    if isinstance(part, dict):
        found = {name: _known(value) for name, value in part.items()}
        return {name: value for name, value in found.items() if value not in (None, {}, [])}
    return part


def _summary_of(analytics: Analytics, version: int) -> Any:
    """Return the summary of a version as soon as it is shown: one is remembered for a second."""
    for _ in range(50):
        summary = analytics.get("/v1/summary")
        if summary["model_version"] == version:
            return summary
        time.sleep(0.1)
    raise AssertionError(f"version {version} is not shown")


def test_who_objects_to_profiling_has_no_scores_and_no_total_tells_them(
    crm: Crm, analytics: Analytics
) -> None:
    objector = fill(crm)[4]
    before = _summary_of(analytics, analytics.published())["total"]
    scored = analytics.get(f"/v1/customers/{objector}")
    assert scored["phase"] is not None
    assert scored["churn"]["probability"] is not None
    objection = {"profiling_objection_at": "2026-01-15T10:00:00Z"}
    assert crm.patch(f"/v1/contacts/{objector}", objection, version="*").status_code == 200
    after = _summary_of(analytics, analytics.published())["total"]

    shown = analytics.get(f"/v1/customers/{objector}")
    scores = (
        "state",
        "phase",
        "lead_stage",
        "value",
        "churn",
        "rhythm",
        "satisfaction",
        "confidence",
    )
    assert _known({name: shown[name] for name in scores}) == {}
    assert _known(shown["recommendation"]) == {"basis": "profiling_objection"}
    codes = {
        reason["code"] for part in shown["explanations"].values() for reason in part["reasons"]
    }
    assert codes == {"R_OBJECTION"}
    for sort in SORTS:
        listed = analytics.get("/v1/customers", params={"sort": sort, "limit": 200})["items"]
        place = [item["unit_id"] for item in listed].index(objector)
        unscored = sum(item["value"]["clv_365"] is None for item in listed)
        assert place >= len(listed) - unscored or place < unscored
    for phase in ("acquisition", "development", "retention", "winback", "termination"):
        listed = analytics.get("/v1/customers", params={"phase": phase, "limit": 200})["items"]
        assert objector not in [item["unit_id"] for item in listed]
    # Alone in objecting, the total less the others would tell the scores.
    assert after["customer_count"] == before["customer_count"] - 1
    assert after["historic_value"] != before["historic_value"]


def _says(crm: Crm, contact_id: str, action: str, channel: str = "phone") -> None:
    body = {"channel": channel, "purpose": "profiling", "action": action}
    answer = crm.client.post(f"/v1/contacts/{contact_id}/consents", json=body)
    assert answer.status_code == 201, answer.text


def _recommended(analytics: Analytics, unit_id: str) -> tuple[str, bool]:
    analytics.published(estimates_kept_from_contacts=0)
    shown = analytics.get(f"/v1/customers/{unit_id}")
    return shown["recommendation"]["basis"], shown["phase"] is not None


def test_what_is_said_of_profiling_as_a_consent_is_an_objection_until_it_is_granted_again(
    crm: Crm, analytics: Analytics, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changing, "_WORTH_FOLLOWING", 1.0)  # of so few customers any is a tenth
    objector = fill(crm)[4]
    objecting = ("profiling_objection", False)
    basis, is_scored = before = _recommended(analytics, objector)
    assert basis != "profiling_objection" and is_scored
    for action in ("objected", "withdrawn"):
        _says(crm, objector, action)
        assert _recommended(analytics, objector) == objecting
        findings = analytics.get("/v1/data-quality")["findings"]
        counts = {each["code"]: each["count"] for each in findings}
        assert counts["customers_objecting_to_profiling"] == 1
        _says(crm, objector, "granted", "app")
        assert _recommended(analytics, objector) == objecting, "another channel"
        _says(crm, objector, "granted")
        assert _recommended(analytics, objector) == before
    # An e-mail consent counts once it was confirmed.
    _says(crm, objector, "objected", "email")
    _says(crm, objector, "granted", "email")
    assert _recommended(analytics, objector) == objecting
    _says(crm, objector, "confirmed", "email")
    assert _recommended(analytics, objector) == before
    # Each record ends by itself.
    objection = {"profiling_objection_at": "2026-01-15T10:00:00Z"}
    assert crm.patch(f"/v1/contacts/{objector}", objection, version="*").status_code == 200
    _says(crm, objector, "granted")
    assert _recommended(analytics, objector) == objecting
