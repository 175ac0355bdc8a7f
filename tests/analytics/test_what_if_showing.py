"""What would differ, in words: only what reads differently."""

from typing import Any

from services.analytics.what_if.showing import differ

NOTHING: dict[str, Any] = {
    "state": "retained",
    "phase": None,
    "churn_probability": 0.0641,
    "value": None,
    "value_at_risk": None,
    "obligations": [],
    "steps": [],
    "ruled_out": [],
}


def codes(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    return [each.code for each in differ(NOTHING | before, NOTHING | after)]


def test_chances_that_read_the_same_are_the_same() -> None:
    assert codes({}, {"churn_probability": 0.0644}) == []
    assert codes({}, {"churn_probability": 0.0651}) == ["R_IF_CHURN_HIGHER"]


def test_a_loss_that_may_go_is_no_risk() -> None:
    def risked(amount: str) -> dict[str, Any]:
        return {"value_at_risk": {"amount": amount, "currency": "USD"}}

    assert codes(risked("-0.39"), risked("-0.22")) == []
    assert codes(risked("-0.39"), risked("0.22")) == ["R_IF_AT_RISK_HIGHER"]
