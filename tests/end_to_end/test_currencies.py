"""Deals in several currencies: converted where a rate is told, else shown apart and never mixed."""

from typing import Any

from shared.values import Total
from tests.conftest import Crm
from tests.end_to_end.conftest import Analytics


def _sell(crm: Crm, contact: str, day: str, amount: str, currency: str, **fields: Any) -> None:
    money = {"amount": amount, "currency": currency}
    closed = f"{day}T10:00:00Z"
    crm.create("deals", contact_id=contact, stage="won", amount=money, closed_at=closed, **fields)


def test_sums_are_told_by_phase_and_currency(crm: Crm, analytics: Analytics) -> None:
    names = ("at home", "with a rate", "without a rate")
    home, rated, foreign = (crm.create("contacts", kind="person", name=n)["id"] for n in names)
    for day in ("2025-11-01", "2025-12-01", "2026-01-10"):
        _sell(crm, home, day, "100.00", "EUR")
        _sell(crm, rated, day, "200.00", "USD", fx_rate="0.5")
        _sell(crm, foreign, day, "3000", "JPY")
    _sell(crm, foreign, "2026-01-20", "70.50", "CHF")
    analytics.published()
    summary = analytics.get("/v1/summary")
    others = [
        {"deal_count": 1, "amount": {"amount": "70.50", "currency": "CHF"}},
        {"deal_count": 3, "amount": {"amount": "9000", "currency": "JPY"}},
    ]
    assert summary["total"]["customer_count"] == 3
    assert summary["total"]["other_currencies"] == others
    shown = {name: analytics.get(f"/v1/customers/{name}") for name in (home, rated, foreign)}
    assert shown[home]["value"]["historic_value"] == shown[rated]["value"]["historic_value"]
    assert shown[foreign]["value"]["historic_value"] is None
    assert shown[foreign]["rhythm"]["purchase_count"] == 4
    assert "deals_without_fx_rate" in [
        gap["code"] for gap in shown[foreign]["explanations"]["value"]["data_gaps"]
    ]
    (phase,) = [each for each in summary["phases"] if each["phase"] == shown[foreign]["phase"]]
    assert phase["other_currencies"] == others
    (told,) = [gap for gap in summary["data_gaps"] if gap["code"] == "deals_without_fx_rate"]
    assert told["count"] == 4


def test_sums_of_the_largest_amounts_are_told(crm: Crm, analytics: Analytics) -> None:
    contact = crm.create("contacts", kind="person", name="a country")["id"]
    for day in range(1, 25):
        _sell(crm, contact, f"2025-11-{day:02}", "90000000000000.0000", "CLF")
    _sell(crm, contact, "2025-12-01", "90000000000000.00", "USD", fx_rate="99999999")
    analytics.published()
    total = analytics.get("/v1/summary")["total"]
    (other,) = total["other_currencies"]
    assert other["amount"] == {"amount": "2160000000000000.0000", "currency": "CLF"}
    for amount in (
        total["historic_value"],
        analytics.get(f"/v1/customers/{contact}")["value"]["contribution"],
    ):
        assert Total(**amount)
