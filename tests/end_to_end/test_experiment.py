"""An experiment in refreshes: people are assigned, those erased forgotten, the result told once."""

from datetime import date
from typing import Any

import pytest

from services.analytics import changing
from tests.conftest import Crm
from tests.end_to_end.conftest import Analytics
from tests.end_to_end.test_refresh import fill, sell

MERGE = {"Content-Type": "application/merge-patch+json", "If-Match": "*"}
PLAN: dict[str, Any] = {
    "key": "winback-1",
    "name": "Return offer",
    "phase": "winback",
    "strategy_id": "winback_factual",
    "instrument_id": "return_offer",
    "holdout_share": 0.5,
    "hypothesis": "An offer brings people back.",
}


def write(analytics: Analytics, method: str, path: str, body: Any) -> Any:
    answer = analytics.client.request(method, path, json=body, headers=MERGE)
    assert answer.is_success, answer.text
    return answer.json()


@pytest.mark.parametrize("crm", ["sqlite"], indirect=True)
def test_an_experiment_cannot_be_backdated(crm: Crm, analytics: Analytics) -> None:
    fill(crm)
    analytics.published(as_of=date(2027, 1, 10))
    # The published day is an earlier one, but what came after it has been computed already.
    analytics.published(as_of=date(2026, 12, 1))
    headers = {"Content-Type": "application/json"}
    made = analytics.client.post("/v1/experiments", json=PLAN, headers=headers).json()
    place = f"/v1/experiments/{made['id']}"
    started = write(analytics, "PATCH", place, {"status": "running"})
    assert started["started_on"] == "2027-01-10"
    analytics.published(as_of=date(2026, 12, 2))
    assert analytics.get(f"{place}/assignments")["items"] == []
    analytics.published(as_of=date(2027, 1, 11))
    days = {each["assigned_on"] for each in analytics.get(f"{place}/assignments")["items"]}
    assert days == {"2027-01-11"}


@pytest.mark.parametrize("crm", ["sqlite"], indirect=True)
def test_an_experiment_goes_through_refreshes_that_follow_changes(
    crm: Crm, analytics: Analytics, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changing, "_WORTH_FOLLOWING", 1.0)  # of so few customers any is a tenth
    keeping = {"estimates_kept_from_contacts": 0}
    ids = fill(crm)
    analytics.published(**keeping)
    members = sorted(
        each["unit_id"] for each in analytics.get("/v1/customers?phase=winback")["items"]
    )
    assert len(members) >= 2
    headers = {"Content-Type": "application/json"}
    made = analytics.client.post("/v1/experiments", json=PLAN, headers=headers)
    place = f"/v1/experiments/{made.json()['id']}"
    write(analytics, "PATCH", place, {"status": "running"})
    analytics.published(**keeping)

    def assigned() -> list[str]:
        return [each["unit_id"] for each in analytics.get(f"{place}/assignments")["items"]]

    assert assigned() == members
    # Nothing changes but one who is erased: what follows from that alone forgets the person, too.
    erased = next(each for each in members if each in ids)
    answer = crm.client.post(
        f"/v1/contacts/{erased}/erasure", json={"reason": "requested"}, headers={"If-Match": "*"}
    )
    assert answer.is_success
    analytics.published(**keeping)
    kept = [each for each in members if each != erased]
    assert assigned() == kept
    sell(crm, kept[0], "2026-03-01", "50.00")
    analytics.published(as_of=date(2026, 3, 2), **keeping)
    assert analytics.get(f"{place}/result")["is_final"] is False
    write(analytics, "PATCH", place, {"status": "stopped"})
    last = analytics.published(as_of=date(2027, 6, 1), **keeping)
    result = analytics.get(f"{place}/result")
    arms = result["arms"]
    assert (result["is_final"], result["total"]["is_hidden"]) == (True, True)
    assert arms["treatment_count"] + arms["control_count"] >= len(kept)
    shown = {each["unit_id"]: each for each in analytics.get(f"{place}/assignments")["items"]}
    assert shown[kept[0]]["has_succeeded"] is True
    assert len(analytics.get("/v1/effects?is_learned=true")["items"]) == (min(arms.values()) > 0)
    # Learned before anything was computed, so nothing is new now.
    assert analytics.published(as_of=date(2027, 6, 1), **keeping) == last
