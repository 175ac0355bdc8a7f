"""Facts of purchases, complaints, contracts and conversations, changed on trial.

Every function returns what it was given where its fact would change nothing. Source: domain
specification 10 (X-WHY); that a fact is changed alone, and nobody's answer to it is guessed, is ours.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from services.analytics.calculations.estimates import Estimates
from services.analytics.calculations.purchases import float_column
from services.analytics.calculations.what_if.known import Known


def resolve_complaints(known: Known) -> Known:
    """Settle every open complaint on the day, to the customer's content."""
    interactions = known.events.interactions
    is_complaint = (interactions["kind"] == "complaint").to_numpy(dtype=np.bool_, na_value=False)
    is_open = is_complaint & np.isnan(float_column(interactions, "settled_day"))
    if not is_open.any() and not known.units["has_open_complaint"].any():
        return known
    settled = known.with_rows("interactions", is_open, settled_day=known.as_of_day)
    return settled.with_units(has_open_complaint=False)


def change_price(known: Known, *, percent: float, default_margin: float) -> Known:
    """Change prices by `percent`, above -100, as if they had always been so; costs stay.

    That changes what a purchase earns, and what running contracts bill from now on. How much less or
    more is bought at another price is not guessed.

    Parameters
    ----------
    default_margin
        Share of the list amount where the cost is unknown: it stays what it was at the old price.
    """
    factor = 1 + percent / 100
    contracts = known.events.contracts
    runs = np.isnan(float_column(contracts, "cancelled_day"))
    runs = runs & (contracts["end_day"].to_numpy() >= known.as_of_day)
    if factor == 1 or not (len(known.deals) or runs.any()):
        return known
    deals = known.deals
    amount, listed = float_column(deals, "amount"), float_column(deals, "list_amount")
    paid_share = 1 - np.nan_to_num(float_column(deals, "discount_pct")) / 100
    paid_share = np.where(paid_share > 0, paid_share, 1.0)
    at_list = np.where(np.isnan(listed), amount / paid_share, listed)
    cost = float_column(deals, "cost")
    changed = deals.assign(
        amount=amount * factor,
        list_amount=listed * factor,
        cost=np.where(np.isnan(cost), at_list * (1 - default_margin), cost),
    )
    billed = float_column(contracts, "amount") * factor
    return replace(known, deals=changed).with_rows("contracts", runs, amount=billed)


def priced(estimates: Estimates, *, percent: float) -> Estimates:
    """Move what is believed of prices before a unit's own are seen, and where single ones are capped.

    Else the mean and the limits of the base, which pays other prices, would hide most of a change: a
    price near nothing would cost hardly more than half of it.
    """
    share, orders, margins = percent / 100, estimates.orders, estimates.margins
    weighing, most = margins.weighing, share * orders.highest
    moved = replace(
        weighing,
        base_mean=weighing.base_mean + share * orders.base_mean,
        lowest=weighing.lowest + min(most, 0.0),
        highest=weighing.highest + max(most, 0.0),
    )
    paid = replace(
        orders,
        base_mean=orders.base_mean * (1 + share),
        lowest=orders.lowest * (1 + share),
        highest=orders.highest * (1 + share),
    )
    return replace(estimates, margins=replace(margins, weighing=moved), orders=paid)


def buy(known: Known, *, amount: float) -> Known:
    """Let each unit buy for `amount`, base currency, on the day; the cost is not known."""
    units = known.units.index.to_numpy()
    empty = dict.fromkeys(known.deals.columns, np.nan)
    row = {**empty, "day": known.as_of_day, "amount": amount, "list_amount": amount}
    bought = pd.DataFrame([{**row, "unit": unit, "deal_id": ""} for unit in units])
    deals = pd.concat([known.deals, bought.astype(known.deals.dtypes.to_dict())])
    deals = deals.sort_values(["unit", "day"], kind="stable", ignore_index=True)
    return replace(known, deals=deals).with_units(
        is_cancellation_effective=False, is_active_in_window=True
    )


def cancel_contracts(known: Known) -> Known:
    """Cancel every running contract on the day; each is in force until its end, as any cancelled one."""
    if not known.units["has_active_contract"].any():
        return known
    day = known.as_of_day
    for name in ("contracts", "contract_products"):
        frame: pd.DataFrame = getattr(known.events, name)
        runs = np.isnan(float_column(frame, "cancelled_day"))
        runs = runs & (frame["end_day"].to_numpy() >= day)
        known = known.with_rows(name, runs, cancelled_day=day)
    return known.with_units(has_active_contract=False, contract_end_day=np.nan)


def declare_motive(known: Known, *, motive: str) -> Known:
    """Let each unit say why it buys; `motive` is an id of the catalogue."""
    if (known.units["purchase_motive"] == motive).all():
        return known
    return known.with_units(purchase_motive=motive)


def answer_messages(known: Known) -> Known:
    """Answer the message that waits."""
    if known.reach["must_answer_interaction"].isna().all():
        return known
    return known.with_reach(must_answer_interaction=None)
