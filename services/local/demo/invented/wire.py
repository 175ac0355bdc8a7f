"""Amounts and instants as the API takes them; days are counted back from the day of the demo."""

from datetime import UTC, date, datetime, time, timedelta

AS_OF = date(1998, 7, 1)
CURRENCY = "USD"
LONGEST_AGO = 545
"""The first day of the real log: no invented past is longer, so that the base keeps its time span."""


def money(amount: str | float, currency: str = CURRENCY) -> dict[str, str]:
    return {"amount": f"{float(amount):.2f}", "currency": currency}


def instant(ago: float, minutes: int = 600) -> str:
    """Return the instant so many days before the day of the demo, at a minute of the day."""
    day = AS_OF - timedelta(days=int(ago))
    at = datetime.combine(day, time(), UTC) + timedelta(minutes=minutes)
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")
