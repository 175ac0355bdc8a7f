"""Computes the customers of the mirror, part after part, with what was estimated from all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from functools import partial
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from services.analytics.calculations.backtest.origins import Known, sample_share
from services.analytics.calculations.estimates import Estimates, estimate, estimate_with_signals
from services.analytics.calculations.feedback.known import Feedback
from services.analytics.calculations.next_products.levels import with_levels
from services.analytics.calculations.next_products.model import estimate_affinities
from services.analytics.calculations.next_products.owned import Owned
from services.analytics.calculations.next_products.pairs import PairStatistics
from services.analytics.calculations.next_products.parameters import NextProductParameters
from services.analytics.calculations.parameters import Parameters, RhythmParameters
from services.analytics.calculations.quality import Quality
from services.analytics.calculations.recommendations.candidates import StrategyOptions
from services.analytics.calculations.recommendations.facts import Decided
from services.analytics.calculations.recommendations.triage import triage
from services.analytics.calculations.scores import score
from services.analytics.calculations.standing.ambassadors import referral_values
from services.analytics.calculations.standing.ranks import place_by_rank
from services.analytics.calculations.statistics import Observed, Statistics, observe
from services.analytics.catalogue.catalogue import Catalogue
from services.analytics.catalogue.options import (
    combination_parameters,
    occasion_window_days,
    reach_parameters,
    strategy_options,
)
from services.analytics.frame_files import FrameFiles
from services.analytics.frames.building import Frames, build_frames
from services.analytics.frames.cases import no_cases, with_cases
from services.analytics.frames.clock import day_number
from services.analytics.frames.parameters import FrameParameters
from services.analytics.mirror.snapshot import Snapshot
from services.analytics.referrals import read_referrals, referrals_by, referred_numbers
from services.analytics.settings import Settings
from services.analytics.tables import REACH_COLUMNS
from shared.money import currency_exponent

RECORDS_PER_PART = 1_000_000
"""Contacts, deals and interactions together; what one part may hold in memory at a time."""
SAMPLED_PARTS = 2
"""Parts of a large base that are looked at where a sample says enough."""

BESIDE = (
    *("unit_id", "kind", "has_active_contract", "has_profiling_objection", "has_open_complaint"),
    *("deals_without_fx_rate_count", "owner_id"),
)
"""What is stored of units beside their numbers."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What the numbers depend on beside the records."""

    as_of: date
    time_zone: ZoneInfo
    base_currency: str
    frames: FrameParameters
    parameters: Parameters
    options: StrategyOptions
    decided: Decided = field(default_factory=dict)
    cases: pd.DataFrame = field(default_factory=no_cases, compare=False)
    feedback: Feedback = field(default_factory=Feedback)
    catalogue_mark: str = ""
    """Names the numbers and switches of the catalogue that an overlay file changed."""

    @property
    def as_of_day(self) -> int:
        """Days since 1970-01-01."""
        return day_number(self.as_of)

    def frames_of(self, snapshot: Snapshot, *, as_of: date | None = None) -> Frames:
        """Build the frames of a snapshot or of a part of one."""
        frames = build_frames(
            snapshot,
            as_of=as_of or self.as_of,
            time_zone=self.time_zone,
            base_currency=self.base_currency,
            parameters=self.frames,
        )
        return with_cases(frames, self.cases)


def rules_of(
    settings: Settings, catalogue: Catalogue, *, as_of: date, feedback: Feedback | None = None
) -> Rules:
    return Rules(
        as_of,
        ZoneInfo(settings.business_time_zone),
        settings.base_currency,
        FrameParameters(
            channel_cost={channel.id: channel.unit_cost for channel in catalogue.channels},
            occasion_window_days=occasion_window_days(catalogue),
            reach=reach_parameters(catalogue),
        ),
        Parameters(
            rhythm=RhythmParameters(family=settings.analytics_purchase_model),
            combination=combination_parameters(catalogue),
            smallest_amount=10.0 ** -currency_exponent(settings.base_currency),
        ),
        strategy_options(catalogue).informed_by(feedback or Feedback()),
        feedback=feedback or Feedback(),
        catalogue_mark=catalogue.adjustments.mark,
    )


def decided_by(rules: Rules) -> frozenset[tuple[str, str]]:
    """List unit and instrument of everything that was decided on."""
    return frozenset(
        (unit_id, instrument) for instrument, units in rules.decided.items() for unit_id in units
    )


@dataclass(frozen=True, slots=True, eq=False)
class Computed:
    """The customers of a base or of a part of it, and what goes past their numbers.

    Attributes
    ----------
    customers
        All that is stored of each but the ranks; ordered by ``unit_id``, which is a column.
    unconverted
        Won deals without a rate to base currency: ``unit_id``, ``currency``, ``amount_minor``.
    erased
        Units that are in totals only.
    quality
        What is missing or doubtful in the records.
    """

    customers: pd.DataFrame
    unconverted: pd.DataFrame
    erased: frozenset[str]
    quality: Quality


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """What the records of some units say before anything is computed: who they are, what is missing."""

    units: Sequence[str]
    quality: Quality


def part_count(snapshot: Snapshot) -> int:
    """Say in how many parts a base is worked through."""
    return 1 + sum(snapshot.row_counts.values()) // RECORDS_PER_PART


def sample_part(
    snapshot: Snapshot, rules: Rules, *, size: int, kept: FrameFiles | None = None
) -> Snapshot:
    """Return a sample of whole units, about `size` of which have bought: all of a small base.

    The same units on every day, as their ids decide.
    """
    count = part_count(snapshot)
    part = next(snapshot.partitions(count))
    frames = _frames_of(part, 0, rules, kept)
    share = sample_share(Known(frames.as_of_day, frames.units, frames.deals), size=size)
    # Parts of a part begin with the same ids: the finer one lies within it.
    return part if 2 * share > 1 else next(part.partitions(int(count / share)))


def estimate_base(snapshot: Snapshot, rules: Rules, *, kept: FrameFiles | None = None) -> Estimates:
    """Take the statistics of all parts of a base and estimate what holds for it.

    What needs scored units is estimated from the first parts, which are a sample of units. The
    frames are kept for what comes after, if there is a place for them.
    """
    count, parameters = part_count(snapshot), rules.parameters
    statistics: list[Statistics] = []
    pairs: PairStatistics | None = None
    sample: list[Observed] = []
    for number, part in enumerate(snapshot.partitions(count)):
        frames = rules.frames_of(part)
        if kept is not None:
            kept.keep(number, frames)
        observed = observe_frames(frames, rules)
        statistics.append(Statistics.of(observed, parameters=parameters))
        if len(observed.products):
            # Joined at once: there may be as many pairs in a part as in the whole.
            own = count_pairs(observed, parameters=parameters.next_products)
            pairs = own if pairs is None else PairStatistics.join([pairs, own])
        if len(sample) < SAMPLED_PARTS:
            sample.append(observed)
    estimates = estimate(
        Statistics.join(statistics),
        as_of_day=rules.as_of_day,
        parameters=parameters,
    )
    if pairs is not None:
        affinities = with_levels(
            estimate_affinities(pairs, parameters=parameters.next_products),
            sample[0].events.bought_products,
            unit_count=len(sample[0].units),
            products=sample[0].products,
            as_of_day=rules.as_of_day,
            default_margin=parameters.value.default_margin,
            parameters=parameters.next_products,
        )
        estimates = replace(estimates, affinities=affinities)
    return estimate_with_signals(estimates, sample, parameters=parameters)


def observe_frames(frames: Frames, rules: Rules) -> Observed:
    return observe(
        frames.units,
        frames.deals,
        frames.events,
        as_of_day=frames.as_of_day,
        parameters=rules.parameters,
        reach=frames.reach,
        products=frames.products,
    )


def count_pairs(observed: Observed, *, parameters: NextProductParameters) -> PairStatistics:
    """Count which products the units of a part own together."""
    products = observed.products
    owned = Owned.of(
        observed.events.bought_products,
        unit_count=len(observed.units),
        product_count=len(products),
        as_of_day=observed.purchases.as_of_day,
        recent_days=parameters.recent_days,
    )
    return PairStatistics.of(owned, products.ids)


def compute_base(
    snapshot: Snapshot, rules: Rules, estimates: Estimates, *, kept: FrameFiles | None = None
) -> Computed:
    """Score all units, part after part, and place them."""
    referrals = read_referrals(snapshot, rules.frames_of)
    parts = [
        compute_frames(_frames_of(part, number, rules, kept), rules, estimates, referrals=referrals)
        for number, part in enumerate(snapshot.partitions(part_count(snapshot)))
    ]
    return place(join_computed(parts), rules, estimates, referrals=referrals)


def _frames_of(part: Snapshot, number: int, rules: Rules, kept: FrameFiles | None) -> Frames:
    """Return the frames of a part of the base, as they were kept or built anew."""
    build = partial(rules.frames_of, part)
    return build() if kept is None else kept.read(number, build)


def read_part(part: Snapshot, rules: Rules) -> Part:
    """Read who is in a part and what is missing there; nothing is scored."""
    frames = rules.frames_of(part)
    return Part(frames.units["unit_id"].tolist(), frames.quality)


def compute_part(
    part: Snapshot, rules: Rules, estimates: Estimates, *, referrals: pd.DataFrame
) -> Computed:
    """Score the units of a part of the records."""
    return compute_frames(rules.frames_of(part), rules, estimates, referrals=referrals)


def compute_frames(
    frames: Frames, rules: Rules, estimates: Estimates, *, referrals: pd.DataFrame
) -> Computed:
    """Score the units of frames; but for the referrals their numbers depend on no other unit."""
    events = replace(frames.events, referrals=referrals_by(frames.units, referrals))
    scored = score(
        observe_frames(replace(frames, events=events), rules),
        estimates=estimates,
        parameters=rules.parameters,
        options=rules.options,
        decided=rules.decided,
    )
    beside = pd.concat([frames.units[list(BESIDE)], frames.evidence, shown_reach(frames)], axis=1)
    unconverted = frames.unconverted
    unit_id = frames.units["unit_id"].array.take(unconverted["unit"].to_numpy())
    return _ordered(
        Computed(
            pd.concat([scored, beside], axis=1),
            unconverted.drop(columns="unit").assign(unit_id=unit_id),
            frames.erased,
            frames.quality,
        )
    )


def shown_reach(frames: Frames) -> pd.DataFrame:
    """Return what is stored of who may be reached; a person that is the unit itself is left out."""
    reach = frames.reach
    other = reach["person"].where(reach["person"] != frames.units["unit_id"])
    stored = [name for name in REACH_COLUMNS if name in reach]
    return reach[stored].assign(person=other)


def place(
    computed: Computed, rules: Rules, estimates: Estimates, *, referrals: pd.DataFrame
) -> Computed:
    """Add what a unit has only among all: its ranks, and the value of whom it referred."""
    customers = computed.customers
    ids = pd.Index(customers["unit_id"])
    named = referrals_by(customers, referrals)
    referred = customers[["clv_365", "purchase_count"]].iloc[:0]
    if len(named):
        places = ids.get_indexer(pd.Index(referrals["referred_unit_id"]))
        referred = customers[["clv_365", "purchase_count"]].take(places[places >= 0])
        referred = referred.set_axis(pd.Index(referred_numbers(customers, referrals)[places >= 0]))
    value = referral_values(
        named,
        referred,
        unit_count=len(customers),
        as_of_day=rules.as_of_day,
        base=estimates.referrals,
        parameters=rules.parameters.standing.ambassadors,
    )
    ranks = place_by_rank(customers).assign(complaint_priority=triage(customers))
    worth = pd.Series(value, index=customers.index, name="referral_value")
    return replace(computed, customers=pd.concat([customers, ranks, worth], axis=1))


def join_computed(parts: Sequence[Computed]) -> Computed:
    """Put parts together; the columns are handed over and ordered one by one, as they are large."""
    if len(parts) == 1:
        return parts[0]
    frames = [part.customers for part in parts]
    order = _order_of(pd.concat([frame["unit_id"] for frame in frames]))
    joined = pd.DataFrame(
        {
            name: joined_column([frame.pop(name) for frame in frames])
            .take(order)
            .reset_index(drop=True)
            for name in map(str, frames[0])
        },
        copy=False,
    )
    return Computed(
        joined,
        ordered_amounts(pd.concat([part.unconverted for part in parts], ignore_index=True)),
        frozenset().union(*(part.erased for part in parts)),
        sum((part.quality for part in parts), Quality()),
    )


def joined_column(columns: Sequence[pd.Series]) -> pd.Series:
    """Put a column together; categories may differ from part to part."""
    if isinstance(columns[0].dtype, pd.CategoricalDtype):
        joined = pd.api.types.union_categoricals([column.array for column in columns])
        return pd.Series(joined)
    return pd.concat(columns, ignore_index=True)


def _ordered(computed: Computed) -> Computed:
    return Computed(
        computed.customers.iloc[_order_of(computed.customers["unit_id"])].reset_index(drop=True),
        ordered_amounts(computed.unconverted),
        computed.erased,
        computed.quality,
    )


def _order_of(ids: pd.Series) -> np.ndarray:
    """Order by id, so that sums over all customers add up in one order whatever the parts were."""
    return np.argsort(ids.to_numpy(dtype=object), kind="stable")


def ordered_amounts(unconverted: pd.DataFrame) -> pd.DataFrame:
    return unconverted.sort_values(["unit_id", "currency", "amount_minor"], ignore_index=True)
