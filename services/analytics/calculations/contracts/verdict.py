"""What the forecasts of contracts are worth, in plain words: codes with values."""

from __future__ import annotations

from services.analytics.calculations.backtest.verdict import Finding
from services.analytics.calculations.contracts.model import ContractModel
from services.analytics.calculations.contracts.parameters import ContractParameters


def contract_verdict(
    model: ContractModel, parameters: ContractParameters, *, customer_count: int
) -> tuple[Finding, ...]:
    """Judge the forecasts of contracts beside one share for all, and signals in them.

    Parameters
    ----------
    customer_count
        Customers who are under contract now.

    Returns
    -------
    tuple of Finding
        Verdicts ``V_CONTRACT_...``; none where there are no contracts.
    """
    if not model.month_count and not model.ended_count and not customer_count:
        return ()
    probability = round(model.probability, 4)
    if not model.brier_share > 0:
        needed = parameters.survival_from_events
        few = {"count": model.event_count, "needed": needed, "probability": probability}
        return (Finding("V_CONTRACT_TOO_LITTLE", "note", few),)
    if model.survival is None:
        return (Finding("V_CONTRACT_SHARE", "caution", {"probability": probability}),)
    less = round(1 - model.brier_survival / model.brier_share, 4)
    area = round(model.area_under_curve, 4)
    found = [Finding("V_CONTRACT_BETTER", "good", {"area": area, "less": less})]
    if any(months for months, _ in model.heard.values()):
        less = round(1 - model.brier_survival / model.brier_without_signals, 4)
        if less > 0:
            found.append(Finding("V_CONTRACT_SIGNALS_BETTER", "good", {"less": less}))
        else:
            found.append(Finding("V_CONTRACT_SIGNALS_NOT", "caution", {}))
    return tuple(found)
