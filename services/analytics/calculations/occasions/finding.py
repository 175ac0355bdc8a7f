"""Which events are open for which units: by which record, and until when."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd

from services.analytics.calculations.occasions.parameters import GROWTH, OccasionParameters
from services.analytics.calculations.occasions.products import (
    due_replacements,
    due_services,
    opened_products,
)
from services.analytics.calculations.occasions.purchased import (
    anniversaries,
    first_purchases,
    rhythm_breaks,
    season_starts,
    spend_crossings,
)
from services.analytics.calculations.occasions.records import Records
from services.analytics.calculations.purchase_models.model import PurchaseModel
from services.analytics.calculations.purchases import Booleans, Integers, Purchases
from services.analytics.calculations.recommendations.candidates import EventOption
from services.analytics.calculations.statistics import Observed


def find_occasions(
    observed: Observed,
    events: tuple[EventOption, ...],
    *,
    model: PurchaseModel,
    parameters: OccasionParameters,
) -> pd.DataFrame:
    """Find the events whose time has come, one for each unit and event: that of the newest record.

    An event is open from ``wait_days`` after its record on, for ``valid_days`` days.

    Parameters
    ----------
    observed
        What is observed of the units.
    events
        The events of the catalogue; one that no record tells of is never open.
    model
        The purchase model that gap ranks are told by.
    parameters
        Levels and windows.

    Returns
    -------
    pandas.DataFrame
        Indexed like the units. For every event that is open for some unit ``event_<id>``, the id of
        its record, and ``event_<id>_until_day``, the last day on which it is open, days since
        1970-01-01; missing where it is not. Source: domain specification 6.7.
    """
    as_of_day, unit_count = observed.purchases.as_of_day, len(observed.units)
    columns: dict[str, object] = {}
    for event in events:
        find = _FINDERS.get(event.event_id)
        if find is None:
            continue
        last_day = as_of_day - event.wait_days
        first_day = last_day - event.valid_days + 1
        found = find(_Sought(observed, model, event, first_day, parameters))
        newest = found.between(first_day, last_day).newest(unit_count)
        if not len(newest.unit):
            continue
        row = np.full(unit_count, -1)
        row[newest.unit] = np.arange(len(newest.unit))
        until = np.full(unit_count, np.nan)
        until[newest.unit] = newest.day + event.wait_days + event.valid_days - 1
        columns[f"event_{event.event_id}"] = newest.ids.take(row, allow_fill=True)
        columns[f"event_{event.event_id}_until_day"] = until
    return pd.DataFrame(columns, index=observed.units.index, copy=False)


class _Sought:
    """What one event is looked for in; days before `first_day` need not be looked at."""

    def __init__(
        self,
        observed: Observed,
        model: PurchaseModel,
        event: EventOption,
        first_day: int,
        parameters: OccasionParameters,
    ) -> None:
        self.observed = observed
        self.model = model
        self.event = event
        self.first_day = first_day
        self.parameters = parameters

    @property
    def purchases(self) -> Purchases:
        return self.observed.purchases

    @property
    def deals(self) -> pd.DataFrame:
        return self.observed.deals

    @property
    def interactions(self) -> pd.DataFrame:
        return self.observed.events.interactions

    def told(self, where: Booleans, *, day: str = "day") -> Records:
        """Take some interactions."""
        return Records.of(self.interactions, where, day=day, record_id="interaction_id")

    def are(self, column: str, word: str) -> Booleans:
        return np.asarray(self.interactions[column] == word, dtype=np.bool_)


def _first_purchase(sought: _Sought) -> Records:
    return first_purchases(sought.deals, sought.purchases, first_day=sought.first_day)


def _life_events(sought: _Sought, *, grows: bool) -> Records:
    is_growth = sought.interactions["event_type"].isin(GROWTH).to_numpy(dtype=np.bool_)
    return sought.told(sought.are("kind", "life_event") & (is_growth == grows))


def _season_start(sought: _Sought) -> Records:
    return season_starts(
        sought.deals,
        sought.purchases,
        season_days=sought.event.valid_days,
        parameters=sought.parameters,
    )


def _maintenance_due(sought: _Sought) -> Records:
    is_settled = sought.interactions["settled_day"].notna().to_numpy(dtype=np.bool_)
    services = sought.told(sought.are("kind", "service_request") & is_settled, day="settled_day")
    bought = sought.observed.events.opened_products
    return due_services(bought, services.newest(len(sought.observed.units)))


def _complaint_resolved(sought: _Sought) -> Records:
    is_settled = sought.interactions["settled_day"].notna().to_numpy(dtype=np.bool_)
    return sought.told(sought.are("kind", "complaint") & is_settled, day="settled_day")


def _request_declined(sought: _Sought) -> Records:
    lost = sought.observed.events.lost_deals
    has_reason = lost["lost_reason"].notna().to_numpy(dtype=np.bool_)
    offers = sought.told(sought.are("kind", "offer") & sought.are("outcome", "declined"))
    return Records.joined([offers, Records.of(lost, has_reason, day="day", record_id="deal_id")])


def _spend_threshold(sought: _Sought) -> Records:
    return spend_crossings(
        sought.deals,
        sought.purchases,
        first_day=sought.first_day,
        parameters=sought.parameters,
    )


def _rhythm_break(sought: _Sought) -> Records:
    return rhythm_breaks(
        sought.deals,
        sought.purchases,
        first_day=sought.first_day,
        r=sought.model.r,
        alpha=sought.model.alpha,
        parameters=sought.parameters,
    )


def _contract_expiring(sought: _Sought) -> Records:
    """Return the contracts that run, on the day on which they began to end soon."""
    contracts = sought.observed.events.contracts
    end = contracts["end_day"].to_numpy(dtype=np.int64)
    runs = (end > sought.purchases.as_of_day) & contracts["cancelled_day"].isna().to_numpy()
    found = Records.of(contracts, runs, day="start_day", record_id="deal_id")
    soon: Integers = end[runs] - sought.parameters.contract_ends_within_days
    return Records(found.unit, np.maximum(found.day, soon), found.ids)


def _competitor_activity(sought: _Sought) -> Records:
    moves = sought.observed.events.competitor_moves
    every = np.ones(len(moves), dtype=np.bool_)
    return Records.of(moves, every, day="day", record_id="activity_id")


def _anniversary(sought: _Sought) -> Records:
    return anniversaries(sought.deals, sought.purchases, first_day=sought.first_day)


_FINDERS: Mapping[str, Callable[[_Sought], Records]] = {
    "product_opened": lambda sought: opened_products(sought.observed.events.opened_products),
    "first_purchase_made": _first_purchase,
    "life_stage_change": lambda sought: _life_events(sought, grows=False),
    "household_growth": lambda sought: _life_events(sought, grows=True),
    "season_start": _season_start,
    "replacement_due": lambda sought: due_replacements(sought.observed.events.opened_products),
    "maintenance_due": _maintenance_due,
    "complaint_resolved": _complaint_resolved,
    "request_declined": _request_declined,
    "spend_threshold": _spend_threshold,
    "rhythm_break": _rhythm_break,
    "contract_expiring": _contract_expiring,
    "relationship_anniversary": _anniversary,
    "competitor_activity": _competitor_activity,
}
"""How records of each event are found."""
