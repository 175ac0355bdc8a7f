"""Who objects to profiling has no scores of their own, and cannot be found by them."""

import time
from typing import Any

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
