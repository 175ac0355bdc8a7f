"""What happened, as known on the day: one frame for each kind of event, by unit."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd


@dataclass(frozen=True, slots=True, eq=False)
class Events:
    """The events of units; every frame has ``unit`` and, but for contracts, ``day``."""

    interactions: pd.DataFrame
    ratings: pd.DataFrame
    invoices: pd.DataFrame
    lost_deals: pd.DataFrame
    open_deals: pd.DataFrame
    contracts: pd.DataFrame
    purchased_categories: pd.DataFrame
    interest: pd.DataFrame
    won_reasons: pd.DataFrame
    referrals: pd.DataFrame
    chargebacks: pd.DataFrame
    frauds: pd.DataFrame
