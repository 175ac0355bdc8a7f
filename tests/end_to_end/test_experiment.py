"""An experiment in refreshes: people are assigned, those erased forgotten, the result told once."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from services.analytics import changing
from tests.conftest import Crm
from tests.end_to_end.conftest import Analytics
from tests.end_to_end.test_refresh import fill, make_reachable, sell

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


PAYING = "instruments: {return_offer: {uplift: [0.6, 0.1]}}"


def open_to(crm: Crm, contact_id: str) -> None:
    """Let a contact be reached by e-mail."""
    crm.patch(f"/v1/contacts/{contact_id}", {"email": f"{contact_id}@example.org"}, version="*")
    make_reachable(crm, contact_id)


def write(analytics: Analytics, method: str, path: str, body: Any) -> Any:
    answer = analytics.client.request(method, path, json=body, headers=MERGE)
    assert answer.is_success, answer.text
    return answer.json()


@pytest.mark.parametrize("crm", ["sqlite"], indirect=True)
def test_an_experiment_cannot_be_backdated(crm: Crm, analytics: Analytics, tmp_path: Path) -> None:
    paying = {"catalogue_overlay": tmp_path / "catalogue.yaml"}
    paying["catalogue_overlay"].write_text(PAYING)
    for contact_id in fill(crm)[:-1]:
        open_to(crm, contact_id)
    analytics.published(as_of=date(2027, 1, 10), **paying)
    # The published day is an earlier one, but what came after it has been computed already.
    analytics.published(as_of=date(2026, 12, 1), **paying)
    headers = {"Content-Type": "application/json"}
    made = analytics.client.post("/v1/experiments", json=PLAN, headers=headers).json()
    place = f"/v1/experiments/{made['id']}"
    started = write(analytics, "PATCH", place, {"status": "running"})
    assert started["started_on"] == "2027-01-10"
    analytics.published(as_of=date(2026, 12, 2), **paying)
    assert analytics.get(f"{place}/assignments")["items"] == []
    analytics.published(as_of=date(2027, 1, 11), **paying)
    days = {each["assigned_on"] for each in analytics.get(f"{place}/assignments")["items"]}
    assert days == {"2027-01-11"}


@pytest.mark.parametrize("crm", ["sqlite"], indirect=True)
def test_an_experiment_goes_through_refreshes_that_follow_changes(
    crm: Crm, analytics: Analytics, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    overlay = tmp_path / "catalogue.yaml"
    overlay.write_text(PAYING)
    monkeypatch.setattr(changing, "_WORTH_FOLLOWING", 1.0)  # of so few customers any is a tenth
    keeping: dict[str, Any] = {"estimates_kept_from_contacts": 0, "catalogue_overlay": overlay}
    ids = fill(crm)
    analytics.published(**keeping)
    phase = sorted(
        each["unit_id"] for each in analytics.get("/v1/customers?phase=winback")["items"]
    )
    *members, late = (each for each in phase if each in ids[:-1])
    assert len(members) >= 2
    assert len(phase) > len(members) + 1
    for each in members:
        open_to(crm, each)
    headers = {"Content-Type": "application/json"}
    made = analytics.client.post("/v1/experiments", json=PLAN, headers=headers)
    place = f"/v1/experiments/{made.json()['id']}"
    write(analytics, "PATCH", place, {"status": "running"})
    analytics.published(**keeping)

    def assigned() -> list[str]:
        return [each["unit_id"] for each in analytics.get(f"{place}/assignments")["items"]]

    assert assigned() == members
    # Nothing changes but that one more can be reached: it is taken in from then on.
    open_to(crm, late)
    analytics.published(**keeping)
    members = sorted([*members, late])
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
