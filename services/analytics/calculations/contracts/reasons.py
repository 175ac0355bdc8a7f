"""Why a contract is likely to be renewed or not: codes and numbers, read from one unit's row."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from services.analytics.calculations.reasons import (
    Money,
    Reason,
    Row,
    Value,
    number,
    rounded,
    word,
)

_SHOWN_FROM = 0.005
"""Half a percentage point; less is not worth a sentence."""
_BASES: Final[Mapping[str, str]] = {
    "default": "R_CONTRACT_ASSUMED",
    "share": "R_CONTRACT_SHARE",
    "survival": "R_CONTRACT_SURVIVAL",
}


def contract_reasons(customer: Row, *, money: Callable[[float], Money]) -> list[Reason]:
    """Explain the chance that a running contract is not renewed.

    Parameters
    ----------
    customer
        One row with the columns of `score_contracts`, unknown as None or NaN.
    money
        Writes an amount in base currency.

    Returns
    -------
    list of Reason
        First what the chance rests on, then what makes it greater (a positive contribution, in
        probability) or smaller than that of a usual contract, the most effective first; none
        without a running contract. Contributions need not add up.
    """
    probability = number(customer, "contract_end_probability")
    horizon = number(customer, "contract_horizon_days")
    basis = word(customer, "contract_basis")
    if probability is None or horizon is None or basis is None:
        return []
    params: dict[str, Value] = {"p": rounded(probability)}
    if basis == "survival":
        params["days"] = round(horizon)
    parts = [
        Reason(code, values, rounded(part))
        for part, code, values in _parts(customer, money)
        if abs(part) >= _SHOWN_FROM
    ]
    parts.sort(key=lambda reason: -abs(reason.contribution or 0.0))
    return [Reason(_BASES[basis], params), *parts]


def _parts(
    customer: Row, money: Callable[[float], Money]
) -> list[tuple[float, str, dict[str, Value]]]:
    tenure, term = (number(customer, f"contract_{name}_months") for name in ("tenure", "term"))
    left = number(customer, "contract_left_days")
    amount = number(customer, "contract_monthly_amount")
    product = (word(customer, "contract_product") or "").partition(":")[2]
    found: list[tuple[str, str, dict[str, Value]]] = []
    if tenure is not None:
        found.append(("tenure", "R_CONTRACT_TENURE", {"months": int(tenure)}))
    if term is not None:
        found.append(("term", "R_CONTRACT_TERM", {"months": round(term)}))
    if left is not None:
        found.append(("ending", "R_CONTRACT_LEFT", {"days": round(left)}))
    if amount is not None:
        found.append(("amount", "R_CONTRACT_AMOUNT", {"amount": money(amount)}))
    if product:
        found.append(("products", "R_CONTRACT_PRODUCT", {"product": product}))
    parts = []
    for group, code, values in found:
        part = number(customer, f"contract_part_{group}")
        if part is not None:
            parts.append((part, code, values))
    return parts
