"""The frames: the dictionary of their columns, and the only place where wire data meets pandas."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json
from numpy.typing import NDArray

from services.analytics.crm_client import Resource
from services.analytics.mirror import Snapshot
from shared.money import currency_exponent

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Booleans = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a frame: its name, its dtype as pandas spells it, its unit, what it says."""

    name: str
    dtype: str
    unit: str
    meaning: str


def _columns(*rows: tuple[str, str, str, str]) -> tuple[Column, ...]:
    return tuple(Column(*row) for row in rows)


_DAY = "days since 1970-01-01 in the business time zone"
_BASE = "base currency"
UNITS = _columns(
    ("unit_id", "str", "id", "contact that is the customer unit"),
    ("kind", "str", "word", "person or organisation"),
    ("status", "str", "word", "active, blocked or terminated as of the day"),
    ("is_excluded", "bool", "", "erased or merged; such contacts are not in the mirror at all"),
    ("has_profiling_objection", "bool", "", "objects to profiling, whenever that was said"),
    ("acquisition_cost", "float64", _BASE, "of all contacts of the unit; NaN unknown"),
    ("service_cost", "float64", _BASE, "interactions, but those about our own faults"),
    ("service_cost_730", "float64", _BASE, "the same within 730 days, the day itself included"),
    ("source_campaign_id", "str", "id", "campaign that brought the unit; missing unknown"),
    ("is_reached", "bool", "", "a touch was delivered or there was any contact"),
    ("has_responded", "bool", "", "clicked, replied, accepted or turned to us"),
    ("has_open_qualified_deal", "bool", "", "or asked for a quote in the lead window"),
    ("is_active_in_window", "bool", "", "anything happened in the lead window, or entered in it"),
    ("has_active_contract", "bool", "", "a won contract that runs and is not cancelled"),
    ("contract_end_day", "float64", _DAY, "last end of the active contracts; NaN without one"),
    ("is_cancellation_effective", "bool", "", "cancelled, in force, and nothing bought since"),
    ("leave_intent", "float64", "share", "strength of the signal; NaN unknown"),
    ("competitor_loss", "float64", "share", "strength of the signal; NaN unknown"),
    ("has_open_complaint", "bool", "", "a complaint not settled by the day"),
    ("purchase_motive", "str", "word", "declared motive; missing unknown"),
    ("termination_case", "str", "word", "step of an open case; missing without one"),
)
DEALS = _columns(
    ("unit", "int64", "", "surrogate of the customer unit"),
    ("day", "int32", _DAY, "when it was won"),
    ("amount", "float64", _BASE, "net amount after discounts; NaN unknown"),
    ("list_amount", "float64", _BASE, "net amount before discounts; NaN unknown"),
    ("discount_pct", "float64", "percent", "discount; NaN unknown"),
    ("cost", "float64", _BASE, "of delivering it; NaN unknown"),
    ("refund", "float64", _BASE, "paid back by the day; NaN unknown or none"),
    ("cost_recovered", "float64", _BASE, "brought back by a return; NaN unknown or none"),
    ("written_off", "float64", _BASE, "never to be paid; NaN unknown or none"),
    ("deal_id", "str", "id", "the deal, for evidence only"),
)
EVIDENCE = _columns(
    ("first_deal_id", "str", "id", "first won deal of the unit; missing without one"),
    ("last_deal_id", "str", "id", "last won deal of the unit; missing without one"),
)
CUSTOMERS = _columns(
    ("state", "category", "word", "lifecycle state"),
    ("phase", "category", "word", "phase of the relationship; missing for excluded units"),
    ("phase_rule", "int8", "number", "rule of specification 2.3 that decided"),
    ("lead_stage", "category", "word", "stage of a lead; missing for others"),
    ("purchase_count", "int64", "count", "days with a purchase"),
    ("repeat_count", "int64", "count", "x: days with a purchase after the first"),
    ("recency_days", "float64", "days", "t_x: from first to last purchase"),
    ("age_days", "float64", "days", "T: from first purchase to the day looked from"),
    ("first_purchase_day", "float64", _DAY, "first purchase"),
    ("last_purchase_day", "float64", _DAY, "last purchase"),
    ("interpurchase_days", "float64", "days", "expected time between purchases"),
    ("median_gap_days", "float64", "days", "median of the own gaps"),
    ("gap_days", "float64", "days", "since the last purchase"),
    ("gap_rank", "float64", "probability", "share of own gaps shorter than the present one"),
    ("alive_probability", "float64", "probability", "still a customer"),
    ("vitality", "float64", "share", "alive now against right after the last purchase"),
    ("churn_horizon_days", "float64", "days", "within which no purchase counts as churn"),
    ("baseline_churn_probability", "float64", "probability", "p0: from the rhythm alone"),
    ("reference_churn_probability", "float64", "probability", "p_ref: right after a purchase"),
    ("churn_probability", "float64", "probability", "no purchase within the churn horizon"),
    ("contribution", "float64", _BASE, "margins less service cost, all time"),
    ("contribution_730", "float64", _BASE, "the same within 730 days"),
    ("service_cost", "float64", _BASE, "interactions, but those about our own faults"),
    ("historic_value", "float64", _BASE, "contribution less acquisition cost"),
    ("margin_per_purchase", "float64", _BASE, "credible contribution per purchase"),
    ("expected_purchases_365", "float64", "count", "purchases expected in 365 days"),
    ("clv_alive_365", "float64", _BASE, "lifetime value of 365 days if the customer stays"),
    ("clv_365", "float64", _BASE, "lifetime value of 365 days"),
    ("clv_alive_1095", "float64", _BASE, "lifetime value of 1,095 days if the customer stays"),
    ("clv_1095", "float64", _BASE, "lifetime value of 1,095 days"),
    ("expected_new_value", "float64", _BASE, "of a lead: first year after a first purchase"),
    ("value_at_risk", "float64", _BASE, "churn_probability * clv_alive_365"),
    ("confidence", "category", "word", "high, medium or low"),
    ("is_cost_estimated", "bool", "", "a deal's cost was unknown and estimated"),
)
FRAMES: Mapping[str, tuple[Column, ...]] = {
    "units": UNITS,
    "deals": DEALS,
    "evidence": EVIDENCE,
    "customers": CUSTOMERS,
}
"""The dictionary; units, evidence and customers are indexed by `unit`, 0 to n - 1."""

NEVER = np.iinfo(np.int64).max
_DAY_MICROSECONDS = 86_400_000_000
_EPOCH = date(1970, 1, 1)
_FIRST_DAY, _LAST_DAY = ((date(year, 1, 1) - _EPOCH).days for year in (1900, 2200))
_EXAMPLES = 20
_CLOSED = ("won", "lost")
_QUALIFIED = ("qualified", "proposal", "negotiation")
_DELIVERED = ("delivered", "clicked", "replied", "accepted", "declined", "unsubscribed")
_RESPONDED = ("clicked", "replied", "accepted")
_TALKS = ("call", "email", "message", "chat", "meeting", "visit", "social")
_BY_THE_CUSTOMER = (
    *("complaint", "service_request", "survey_response", "quote_request"),
    *("idea", "referral", "cancellation"),
)


class FrameInvalid(ValueError):
    """A frame is not what the dictionary of columns promises."""


@dataclass(frozen=True, slots=True)
class FrameParameters:
    """What has to be assumed where the records say nothing.

    Attributes
    ----------
    channel_cost
        Cost of a campaign touch or an offer by channel; base currency; from the catalogue.
    kind_cost
        Cost of an interaction by kind; base currency; other kinds 0 (domain specification 1).
    service_window_days
        Window of the recent service cost, the day itself included; days; default 730 (3.1).
    lead_window_days
        Window in which a lead is active, the day itself included; days; default 180 (2.3, 11).
    """

    channel_cost: Mapping[str, float]
    kind_cost: Mapping[str, float] = field(
        default_factory=lambda: {
            "call": 6.0,
            "visit": 80.0,
            "meeting": 60.0,
            "chat": 4.0,
            "email": 2.0,
            "social": 2.0,
            "complaint": 25.0,
            "service_request": 12.0,
            "payment_reminder": 3.0,
        }
    )
    service_window_days: int = 730
    lead_window_days: int = 180


@dataclass(frozen=True, slots=True)
class Gap:
    """How many records have the same fault, and up to 20 of their ids."""

    count: int = 0
    examples: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DataGaps:
    """What could not be used as it is; every example is the id of a record of the kind named first.

    Attributes
    ----------
    deals_without_fx_rate
        Won deals in a foreign currency without a rate; left out.
    deals_of_unknown_contacts, interactions_of_unknown_contacts
        Their contact is not live; left out.
    contacts_of_unknown_organisations
        Persons whose `parent_id` is no live organisation; they are units of their own.
    contacts_with_foreign_acquisition_cost
        Not in base currency, for which contacts have no rate; taken as unknown.
    interactions_with_foreign_cost
        The same; the default cost of the kind is taken.
    """

    deals_without_fx_rate: Gap = Gap()
    deals_of_unknown_contacts: Gap = Gap()
    interactions_of_unknown_contacts: Gap = Gap()
    contacts_of_unknown_organisations: Gap = Gap()
    contacts_with_foreign_acquisition_cost: Gap = Gap()
    interactions_with_foreign_cost: Gap = Gap()


@dataclass(frozen=True, slots=True, eq=False)
class Frames:
    """What the calculations are given; `evidence` and `gaps` go past them to the store."""

    units: pd.DataFrame
    deals: pd.DataFrame
    evidence: pd.DataFrame
    gaps: DataGaps
    as_of_day: int


def day_number(day: date) -> int:
    """Count the days since 1970-01-01."""
    return (day - _EPOCH).days


def check_frame(frame: pd.DataFrame, columns: Iterable[Column], *, index: str | None) -> None:
    """Check that `frame` is what the dictionary says: columns, dtypes, index, no infinite number.

    Raises
    ------
    FrameInvalid
        It is not.
    """
    expected = {column.name: column.dtype for column in columns}
    found = {str(name): str(dtype) for name, dtype in frame.dtypes.items()}
    if found != expected or list(found) != list(expected):
        wrong = sorted(set(found.items()) ^ set(expected.items()))
        raise FrameInvalid(f"columns or dtypes differ: {wrong[:5]}")
    if frame.index.name != index or not frame.index.is_unique:
        raise FrameInvalid(f"the index is not a unique {index}")
    for name, dtype in expected.items():
        if dtype == "float64" and np.isinf(frame[name].to_numpy()).any():
            raise FrameInvalid(f"{name} is infinite")


def build_frames(
    snapshot: Snapshot,
    *,
    as_of: date,
    time_zone: ZoneInfo,
    base_currency: str,
    parameters: FrameParameters,
) -> Frames:
    """Build the frames of the mirror as they were at the end of the business day `as_of`.

    The day is inclusive: everything before the start of the next business day counts, and whatever
    came later (settled, paid, closed, refunded, cancelled, terminated) counts as empty.

    Raises
    ------
    FrameInvalid
        The records are not what the CRM promises.
    MirrorCorrupt
        The mirror is damaged.
    """
    clock = _Clock(as_of, time_zone)
    contacts = _Contacts.read(snapshot)
    gaps: dict[str, Gap] = {}
    deals = _Deals.read(snapshot, contacts, clock, base_currency, gaps)
    units = contacts.columns(snapshot, clock, parameters, base_currency, gaps)
    touched = _interactions(snapshot, contacts, clock, parameters, base_currency, gaps)
    cancelled_at = np.maximum(touched.pop("cancelled_at"), deals.cancelled_at)
    units |= touched | {
        "has_open_qualified_deal": touched["has_open_qualified_deal"] | deals.is_open_qualified,
        "is_active_in_window": touched["is_active_in_window"]
        | units["is_active_in_window"]
        | (deals.last_opened >= clock.start_of_window(parameters.lead_window_days)),
        "has_active_contract": ~np.isnan(deals.contract_end_day),
        "contract_end_day": deals.contract_end_day,
        "is_cancellation_effective": (cancelled_at > -NEVER) & (cancelled_at >= deals.last_won),
    }
    index = pd.RangeIndex(contacts.unit_count, name="unit")
    frame = pd.DataFrame({column.name: units[column.name] for column in UNITS}, index=index)
    evidence = pd.DataFrame(deals.evidence, index=index)
    check_frame(frame, UNITS, index="unit")
    check_frame(deals.frame, DEALS, index=None)
    check_frame(evidence, EVIDENCE, index="unit")
    return Frames(frame, deals.frame, evidence, DataGaps(**gaps), day_number(as_of))


@dataclass(frozen=True, slots=True)
class _Clock:
    """Turns instants (microseconds since 1970 in UTC) into business days."""

    as_of: date
    zone: ZoneInfo

    @property
    def end(self) -> int:
        """The start of the business day after `as_of`: what is earlier counts."""
        return self._start(day_number(self.as_of) + 1)

    def start_of_window(self, days: int) -> int:
        """The start of the first of so many business days of which `as_of` is the last."""
        return self._start(day_number(self.as_of) + 1 - days)

    def _start(self, day: int) -> int:
        midnight = datetime.combine(_EPOCH + timedelta(days=day), datetime.min.time(), self.zone)
        return int(midnight.timestamp()) * 1_000_000

    def days(self, instants: Integers) -> Integers:
        """Return the business day of each instant; days outside 1900 to 2199 count as the nearest.

        The starts of all days between the first and the last are looked up by place, so that
        changes of the clock cost nothing.
        """
        if not len(instants):
            return np.zeros(0, dtype=np.int64)
        guess = np.clip(instants // _DAY_MICROSECONDS, _FIRST_DAY, _LAST_DAY)
        first = int(guess.min())
        starts = np.array([self._start(day) for day in range(first, int(guess.max()) + 2)])
        place = guess - first
        day = guess + (instants >= starts[place + 1]) - (instants < starts[place])
        return np.clip(day, _FIRST_DAY, _LAST_DAY)


@dataclass(frozen=True, slots=True, eq=False)
class _Words:
    """A column of few words as codes, -1 where it is empty."""

    codes: Integers
    words: list[str]

    @classmethod
    def of(cls, column: pa.ChunkedArray) -> _Words:
        if not pa.types.is_dictionary(column.type):
            column = column.dictionary_encode()
        array = column.unify_dictionaries().combine_chunks()
        if isinstance(array, pa.ChunkedArray):
            array = array.chunk(0)
        codes = array.indices.fill_null(-1).to_numpy(zero_copy_only=False)
        return cls(codes.astype(np.int64), array.dictionary.to_pylist())

    def are(self, *wanted: str) -> Booleans:
        return np.array([*(word in wanted for word in self.words), False])[self.codes]

    def numbers(self, number_of: Callable[[str], float], *, empty: float) -> Floats:
        """Give every row the number of its word."""
        return np.array([*map(number_of, self.words), empty], dtype=np.float64)[self.codes]


def _instants(table: pa.Table, name: str) -> Integers:
    """Microseconds since 1970 in UTC; NEVER where empty, as what comes later counts as empty."""
    column = table.column(name).cast(pa.int64()).fill_null(NEVER)
    return np.asarray(column.to_numpy(), dtype=np.int64)


def _floats(table: pa.Table, name: str) -> Floats:
    column = table.column(name).cast(pa.float64(), safe=False)
    return np.array(column.to_numpy(), dtype=np.float64)


def _booleans(table: pa.Table, name: str) -> Booleans:
    return np.asarray(table.column(name).fill_null(False).to_numpy(), dtype=np.bool_)


def _strings(values: Any) -> Any:
    """A pandas array of strings, missing where empty, without making a Python string each."""
    return pd.array(values.cast(pa.large_string()), dtype="str")


def _minor_per_unit(currency: _Words) -> Floats:
    try:
        return currency.numbers(lambda word: 10.0 ** currency_exponent(word), empty=np.nan)
    except ValueError as error:
        raise FrameInvalid(str(error)) from None


def _gap(snapshot: Snapshot, resource: Resource, rows: Booleans) -> Gap:
    count = int(rows.sum())
    if not count:
        return Gap()
    first = np.zeros_like(rows)
    first[np.flatnonzero(rows)[:_EXAMPLES]] = True
    ids = snapshot.read(resource, ["id"], where=first).column("id").to_pylist()
    return Gap(count, tuple(ids))


@dataclass(frozen=True, slots=True, eq=False)
class _Contacts:
    """Who belongs to which customer unit; a person of a live organisation belongs to that."""

    ids: pa.Array
    unit: Integers
    unit_rows: Integers
    is_orphan: Booleans

    @classmethod
    def read(cls, snapshot: Snapshot) -> _Contacts:
        table = snapshot.read("contacts", ["id", "kind", "parent_id"], words=["kind"])
        ids = table.column("id").combine_chunks()
        is_organisation = _Words.of(table.column("kind")).are("organisation")
        parent = _places(table.column("parent_id"), ids)
        has_parent = ~is_organisation & (parent >= 0) & np.append(is_organisation, False)[parent]
        own = np.arange(len(ids))
        unit_row = np.where(has_parent, parent, own)
        surrogate = np.cumsum(~has_parent) - 1
        names_parent = np.asarray(table.column("parent_id").is_valid().to_numpy())
        return cls(
            ids,
            surrogate[unit_row],
            np.flatnonzero(~has_parent),
            names_parent & ~is_organisation & ~has_parent,
        )

    @property
    def unit_count(self) -> int:
        return len(self.unit_rows)

    def units_of(self, contact_ids: pa.ChunkedArray) -> Integers:
        """Return the unit of each contact, -1 where it is not live."""
        return np.append(self.unit, -1)[_places(contact_ids, self.ids)]

    def flags(self, unit: Integers, rows: Booleans) -> Booleans:
        """Flag the units that one of these rows belongs to."""
        flags = np.zeros(self.unit_count, dtype=np.bool_)
        flags[unit[rows]] = True
        return flags

    def totals(self, unit: Integers, amounts: Floats) -> Floats:
        """Sum up the amounts of each unit."""
        total = np.bincount(unit, weights=amounts, minlength=self.unit_count)
        return total.astype(np.float64)

    def columns(
        self,
        snapshot: Snapshot,
        clock: _Clock,
        parameters: FrameParameters,
        base_currency: str,
        gaps: dict[str, Gap],
    ) -> dict[str, Any]:
        """Build the columns of the units that contacts alone decide."""
        money = ["acquisition_cost_minor", "acquisition_cost_currency"]
        texts = ["kind", "status", "source_campaign_id", "purchase_motive"]
        instants = ["terminated_at", "profiling_objection_at", "created_at"]
        table = snapshot.read("contacts", [*texts, *money, *instants], words=money[1:])
        terminated = _instants(table, "terminated_at")
        # Ended after the day, so it still ran on the day; without a date it has always been over.
        still_runs = pa.array((terminated >= clock.end) & (terminated != NEVER))
        status = pc.if_else(
            pc.and_(pc.equal(table.column("status"), "terminated"), still_runs),
            "active",
            table.column("status"),
        )
        own, count = pa.array(self.unit_rows), self.unit_count
        is_new = _instants(table, "created_at") >= clock.start_of_window(
            parameters.lead_window_days
        )
        gaps["contacts_of_unknown_organisations"] = _gap(snapshot, "contacts", self.is_orphan)
        return {
            "unit_id": _strings(self.ids.take(own)),
            "kind": _strings(table.column("kind").take(own)),
            "status": _strings(status.take(own)),
            "is_excluded": np.zeros(count, dtype=np.bool_),
            "has_profiling_objection": _instants(table, "profiling_objection_at")[self.unit_rows]
            != NEVER,
            "acquisition_cost": self._acquisition_cost(snapshot, table, base_currency, gaps),
            "source_campaign_id": _strings(table.column("source_campaign_id").take(own)),
            "is_active_in_window": self.flags(self.unit, is_new),
            "leave_intent": np.full(count, np.nan),
            "competitor_loss": np.full(count, np.nan),
            "purchase_motive": _strings(table.column("purchase_motive").take(own)),
            "termination_case": _strings(pa.nulls(count, pa.string())),
        }

    def _acquisition_cost(
        self, snapshot: Snapshot, table: pa.Table, base_currency: str, gaps: dict[str, Gap]
    ) -> Floats:
        currency = _Words.of(table.column("acquisition_cost_currency"))
        cost = _floats(table, "acquisition_cost_minor") / _minor_per_unit(currency)
        is_foreign = ~np.isnan(cost) & ~currency.are(base_currency)
        gaps["contacts_with_foreign_acquisition_cost"] = _gap(snapshot, "contacts", is_foreign)
        known = ~np.isnan(cost) & ~is_foreign
        total = self.totals(self.unit[known], cost[known])
        total[~self.flags(self.unit, known)] = np.nan
        return total


def _places(values: pa.ChunkedArray, within: pa.Array) -> Integers:
    """Return where each value stands in `within`, -1 where it does not."""
    places = pc.index_in(values, value_set=within).fill_null(-1)
    return np.asarray(places.to_numpy(), dtype=np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class _Deals:
    """The won deals, and what deals say about units; instants are -NEVER where there is none."""

    frame: pd.DataFrame
    evidence: dict[str, Any]
    is_open_qualified: Booleans
    last_opened: Integers
    last_won: Integers
    cancelled_at: Integers
    contract_end_day: Floats

    @classmethod
    def read(
        cls,
        snapshot: Snapshot,
        contacts: _Contacts,
        clock: _Clock,
        base_currency: str,
        gaps: dict[str, Gap],
    ) -> _Deals:
        table = snapshot.read("deals", _DEAL_COLUMNS, words=["stage", "currency"])
        unit = contacts.units_of(table.column("contact_id"))
        is_known = unit >= 0
        opened = _instants(table, "opened_at")
        won_at, is_qualified = _stages(snapshot, table, opened, clock)
        is_won = won_at != NEVER
        per_unit, rate = _rates(table, base_currency)
        is_usable = is_won & is_known & ~np.isnan(rate)
        gaps["deals_of_unknown_contacts"] = _gap(snapshot, "deals", is_won & ~is_known)
        gaps["deals_without_fx_rate"] = _gap(snapshot, "deals", is_won & is_known & np.isnan(rate))
        frame = _deal_frame(table, np.flatnonzero(is_usable), unit, won_at, clock, per_unit, rate)
        counted = np.flatnonzero(is_won & is_known)
        cancelled_at, contract_end_day = _contracts(table, counted, unit, contacts, clock)
        begun = np.flatnonzero(is_known & (opened < clock.end))
        return cls(
            frame,
            _evidence(frame, contacts.unit_count),
            contacts.flags(unit, is_qualified & is_known),
            _latest(opened[begun], unit[begun], contacts.unit_count),
            _latest(won_at[counted], unit[counted], contacts.unit_count),
            cancelled_at,
            contract_end_day,
        )


_AMOUNTS = ("amount", "list_amount", "cost", "refund", "cost_recovered", "written_off")
_AFTER_A_REFUND = ("refund", "cost_recovered", "written_off")
_DEAL_COLUMNS = [
    *("id", "contact_id", "stage", "currency", "discount_pct", "fx_rate"),
    *(f"{name}_minor" for name in _AMOUNTS),
    *("opened_at", "closed_at", "refunded_at", "contract_end_at", "contract_cancelled_at"),
]


def _latest(instants: Integers, unit: Integers, unit_count: int) -> Integers:
    latest = np.full(unit_count, -NEVER)
    np.maximum.at(latest, unit, instants)
    return latest


def _stages(
    snapshot: Snapshot, table: pa.Table, opened: Integers, clock: _Clock
) -> tuple[Integers, Booleans]:
    """Return when each deal was won (NEVER if not by the day) and whether it was open, qualified.

    Of a deal that is closed now and was by the day, `closed_at` says all. Only of the others the
    history is read: the last stage entered by the day counts, but not one closed later.
    """
    stage, closed = _Words.of(table.column("stage")), _instants(table, "closed_at")
    is_begun, is_closed = opened < clock.end, stage.are(*_CLOSED)
    is_settled = is_begun & is_closed & (closed < clock.end)
    won_at = np.where(is_settled & stage.are("won"), closed, NEVER)
    is_qualified = np.zeros(len(won_at), dtype=np.bool_)
    unsettled = is_begun & ~is_settled
    if unsettled.any():
        history = snapshot.read("deals", ["stage_history"], where=unsettled)
        deal, entered, entry = _stage_entries(history.column("stage_history"))
        rows = np.flatnonzero(unsettled)[deal]
        is_closed_later = (closed[rows] != NEVER) & entry.are(*_CLOSED)
        counts = np.flatnonzero((entered < clock.end) & ~is_closed_later)
        counts = counts[np.lexsort((entered[counts], rows[counts]))]
        last = counts[np.append(rows[counts][1:] != rows[counts][:-1], True)[: len(counts)]]
        is_won = last[entry.are("won")[last]]
        won_at[rows[is_won]] = entered[is_won]
        is_qualified[rows[last]] = entry.are(*_QUALIFIED)[last]
    return won_at, is_qualified


def _stage_entries(histories: pa.ChunkedArray) -> tuple[Integers, Integers, _Words]:
    """Read JSON lists of stages: place of the history, instant and stage of every entry.

    One reader takes all of them as lines of JSON, several times faster than one by one.
    """
    before, after, between = (pa.scalar(t, pa.large_string()) for t in ('{"entries":', "}\n", ""))
    texts = histories.combine_chunks().cast(pa.large_string())
    lines = pc.binary_join_element_wise(before, texts, after, between)
    entry = pa.struct([("stage", pa.string()), ("entered_at", pa.timestamp("us", tz="UTC"))])
    text = lines.buffers()[2].slice(0, pc.sum(pc.binary_length(lines)).as_py())
    try:
        lists = pa.json.read_json(
            pa.BufferReader(text),
            parse_options=pa.json.ParseOptions(
                explicit_schema=pa.schema([("entries", pa.list_(entry))]),
                unexpected_field_behavior="ignore",
            ),
        ).column("entries")
    except pa.ArrowInvalid:
        raise FrameInvalid("a stage_history is no list of stages") from None
    lists = lists.combine_chunks()
    if len(lists) != len(histories):
        raise FrameInvalid("a stage_history is no list of stages")
    table = pa.Table.from_struct_array(lists.flatten())
    deal = pc.list_parent_indices(lists).to_numpy().astype(np.int64)
    return deal, _instants(table, "entered_at"), _Words.of(table.column("stage"))


def _rates(table: pa.Table, base_currency: str) -> tuple[Floats, Floats]:
    """Return minor units per unit, and base currency per unit, of each deal; NaN unknown."""
    currency = _Words.of(table.column("currency"))
    per_unit = _minor_per_unit(currency)
    rate = _floats(table, "fx_rate")
    rate[~(rate > 0)] = np.nan
    rate[currency.are(base_currency)] = 1.0
    # A deal without any amount has no currency, and nothing that a rate is needed for.
    is_empty = currency.codes < 0
    if is_empty.any():
        for name in _AMOUNTS:
            is_empty &= np.isnan(_floats(table, f"{name}_minor"))
        per_unit[is_empty] = rate[is_empty] = 1.0
    return per_unit, rate


def _deal_frame(
    table: pa.Table,
    rows: Integers,
    unit: Integers,
    won_at: Integers,
    clock: _Clock,
    per_unit: Floats,
    rate: Floats,
) -> pd.DataFrame:
    is_refunded_later = _instants(table, "refunded_at")[rows]
    is_refunded_later = (is_refunded_later >= clock.end) & (is_refunded_later != NEVER)
    columns: dict[str, Any] = {"unit": unit[rows], "day": clock.days(won_at[rows])}
    columns["day"] = columns["day"].astype(np.int32)
    for name in _AMOUNTS:
        columns[name] = (_floats(table, f"{name}_minor") / per_unit * rate)[rows]
        if name in _AFTER_A_REFUND:
            columns[name][is_refunded_later] = np.nan
    columns["discount_pct"] = _floats(table, "discount_pct")[rows]
    columns["deal_id"] = _strings(table.column("id").take(pa.array(rows)))
    return pd.DataFrame({column.name: columns[column.name] for column in DEALS}, copy=False)


def _contracts(
    table: pa.Table, rows: Integers, unit: Integers, contacts: _Contacts, clock: _Clock
) -> tuple[Integers, Floats]:
    """Return when a cancelled contract of each unit ended, and the last end of those that run."""
    ends = _instants(table, "contract_end_at")[rows]
    cancelled = _instants(table, "contract_cancelled_at")[rows]
    unit = unit[rows]
    is_cancelled = cancelled < clock.end
    over = np.where(
        is_cancelled, np.maximum(np.where(ends == NEVER, -NEVER, ends), cancelled), NEVER
    )
    is_over = over < clock.end
    runs = ~is_cancelled & (ends >= clock.end) & (ends != NEVER)
    end_day = np.full(contacts.unit_count, -np.inf)
    np.maximum.at(end_day, unit[runs], clock.days(ends[runs]).astype(np.float64))
    end_day[np.isneginf(end_day)] = np.nan
    return _latest(over[is_over], unit[is_over], contacts.unit_count), end_day


def _evidence(deals: pd.DataFrame, unit_count: int) -> dict[str, Any]:
    """Find the first and the last deal of each unit; of several on a day the one of lowest id."""
    unit, rows = deals["unit"].to_numpy(), np.arange(len(deals))
    day = deals["day"].to_numpy().astype(np.int64)
    key = (day << 32) | rows
    found = {}
    ids = deals["deal_id"].array
    for name, keys in (("first_deal_id", key), ("last_deal_id", (-day << 32) | rows)):
        lowest = np.full(unit_count, NEVER)
        np.minimum.at(lowest, unit, keys)
        row = np.where(lowest == NEVER, -1, lowest & 0xFFFF_FFFF)
        found[name] = ids.take(row, allow_fill=True)
    return found


def _interactions(
    snapshot: Snapshot,
    contacts: _Contacts,
    clock: _Clock,
    parameters: FrameParameters,
    base_currency: str,
    gaps: dict[str, Gap],
) -> dict[str, Any]:
    """Build the columns of the units that interactions alone decide, or together with deals."""
    words = ["kind", "channel", "direction", "outcome", "cost_currency"]
    instants = ["occurred_at", "resolved_at", "effective_at"]
    others = ["contact_id", "resolution", "justified", "cost_minor"]
    table = snapshot.read("interactions", [*words, *instants, *others], words=words)
    occurred = _instants(table, "occurred_at")
    unit, happened = contacts.units_of(table.column("contact_id")), occurred < clock.end
    gaps["interactions_of_unknown_contacts"] = _gap(snapshot, "interactions", happened & (unit < 0))
    happened &= unit >= 0
    kind, outcome = _Words.of(table.column("kind")), _Words.of(table.column("outcome"))
    direction = _Words.of(table.column("direction"))
    is_ours_alone = direction.are("internal")
    responded = outcome.are(*_RESPONDED) | kind.are(*_BY_THE_CUSTOMER)
    responded |= direction.are("inbound")
    reached = outcome.are(*_DELIVERED) | responded | kind.are(*_TALKS)
    in_window = happened & (occurred >= clock.start_of_window(parameters.lead_window_days))
    is_complaint = kind.are("complaint")
    resolved = _instants(table, "resolved_at")
    is_open = (resolved >= clock.end) & (
        (resolved != NEVER) | np.asarray(table.column("resolution").is_null().to_numpy())
    )
    effective = _instants(table, "effective_at")
    effective = np.where(effective == NEVER, occurred, effective)
    is_cancelled = happened & kind.are("cancellation") & (effective < clock.end)
    cost = _interaction_cost(snapshot, table, kind, parameters, base_currency, gaps, happened)
    is_charged = happened & ~_is_own_fault(snapshot, table, kind)
    is_recent = occurred >= clock.start_of_window(parameters.service_window_days)

    def total(rows: Booleans) -> Floats:
        return contacts.totals(unit[rows], cost[rows])

    def flags(rows: Booleans) -> Booleans:
        return contacts.flags(unit, rows)

    return {
        "service_cost": total(is_charged),
        "service_cost_730": total(is_charged & is_recent),
        "is_reached": flags(happened & reached & ~is_ours_alone),
        "has_responded": flags(happened & responded & ~is_ours_alone),
        "has_open_qualified_deal": flags(in_window & kind.are("quote_request")),
        "is_active_in_window": flags(in_window & ~is_ours_alone),
        "has_open_complaint": flags(happened & is_complaint & is_open),
        "cancelled_at": _latest(effective[is_cancelled], unit[is_cancelled], contacts.unit_count),
    }


def _interaction_cost(
    snapshot: Snapshot,
    table: pa.Table,
    kind: _Words,
    parameters: FrameParameters,
    base_currency: str,
    gaps: dict[str, Gap],
    happened: Booleans,
) -> Floats:
    currency = _Words.of(table.column("cost_currency"))
    given = _floats(table, "cost_minor") / _minor_per_unit(currency)
    is_foreign = ~np.isnan(given) & ~currency.are(base_currency)
    gaps["interactions_with_foreign_cost"] = _gap(snapshot, "interactions", happened & is_foreign)
    channel = _Words.of(table.column("channel"))
    by_kind = kind.numbers(lambda word: parameters.kind_cost.get(word, 0.0), empty=0.0)
    by_channel = channel.numbers(lambda word: parameters.channel_cost.get(word, 0.0), empty=0.0)
    default = np.where(kind.are("campaign_touch", "offer"), by_channel, by_kind)
    return np.where(np.isnan(given) | is_foreign, default, given)


def _is_own_fault(snapshot: Snapshot, table: pa.Table, kind: _Words) -> Booleans:
    """Tell the justified complaints and the service requests attached to them (B-HIST)."""
    is_justified = kind.are("complaint") & _booleans(table, "justified")
    is_own_fault = is_justified.copy()
    requests = kind.are("service_request")
    if is_justified.any() and requests.any():
        ids = snapshot.read("interactions", ["id"], where=is_justified).column("id")
        parents = snapshot.read("interactions", ["parent_id"], where=requests).column("parent_id")
        is_attached = pc.is_in(parents, value_set=ids.combine_chunks())
        is_own_fault[requests] = np.asarray(is_attached.to_numpy(), dtype=np.bool_)
    return is_own_fault
