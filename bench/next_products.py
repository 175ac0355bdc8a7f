"""Next products against popularity, the largest affinity and the own frequency, on held-out time.

    python -m bench next_products

The first year of Online Retail is cut in two: everything is counted on the first part, and five
products are named for each customer that buys a product of that kind in the second. Precision at 5 is
the share of them that it bought. The numbers that rank were chosen on the splits 133+60 and 193+80; the
other two look at later time. Prices and margins are left out here: what is measured is who buys what.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

from bench.accuracy import DATA
from bench.figures import Figure
from bench.online_retail import build_deals, read_lines
from bench.processes import OwnMemory
from services.analytics.calculations.events import Events
from services.analytics.calculations.next_products.choosing import (
    Offers,
    Situation,
    choose_products,
    new_products,
    repeated_products,
)
from services.analytics.calculations.next_products.levels import with_levels
from services.analytics.calculations.next_products.model import (
    AffinityModel,
    estimate_affinities,
)
from services.analytics.calculations.next_products.offering import price_limits
from services.analytics.calculations.next_products.pairs import PairStatistics
from services.analytics.calculations.next_products.parameters import NextProductParameters
from services.analytics.calculations.next_products.pool import Pool
from services.analytics.calculations.next_products.products import Products
from services.analytics.calculations.purchases import summarize_purchases

SPLITS = ((133, 60), (193, 80), (193, 180), (273, 100))
"""Days that are known, and days after."""
NAMED = 5
SEED = 20261127
_PARAMETERS = NextProductParameters()
_UNITS, _PRODUCTS, _OWNED = 1_000_000, 10_000, 5
_SORTINGS_AT_MOST = 60.0


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """What is known on a day, and what is bought after it; matrices of units and products."""

    events: Events
    deals: pd.DataFrame
    products: Products
    model: AffinityModel
    situation: Situation
    owned: Any
    bought: Any


def measure(_: Any, *, is_quick: bool) -> Iterator[Figure]:
    """Yield precision against each yardstick for each split, and what a large base takes."""
    lines = _read()
    for known, horizon in SPLITS[-1:] if is_quick else SPLITS:
        yield from _compare(lines, known, horizon, repetitions=500 if is_quick else 2_000)
    yield from _speed(_UNITS // 10 if is_quick else _UNITS, is_largest=not is_quick)


def _read() -> pd.DataFrame:
    """Return customer, product and day of what was sold and not given back in whole."""
    path = DATA / "online_retail_2009_2010" / "year1_2009-2010_raw.parquet"
    lines, counts = read_lines(path)
    deals = build_deals(lines, counts)
    is_back = deals["refund"] >= deals["amount"]
    sold = lines[(lines["Quantity"] > 0) & ~lines["Invoice"].isin(deals.index[is_back])]
    return pd.DataFrame(
        {
            "customer": sold["Customer ID"].to_numpy(),
            "product": sold["StockCode"].str.strip().str.upper().to_numpy(),
            "day": sold["InvoiceDate"].to_numpy().astype("datetime64[D]").astype(np.int32),
            "amount": (sold["Quantity"] * sold["Price"]).to_numpy(),
        }
    )


def _split(lines: pd.DataFrame, known_days: int, horizon_days: int) -> Split:
    day = int(lines["day"].min()) + known_days
    known = lines[lines["day"] <= day]
    later = lines[(lines["day"] > day) & (lines["day"] <= day + horizon_days)]
    customers = pd.Index(known["customer"].unique())
    ids = pd.Index(np.sort(known["product"].unique()))
    unit = customers.get_indexer(pd.Index(known["customer"]))
    bought = pd.DataFrame(
        {
            "unit": unit,
            "day": known["day"].to_numpy(),
            "product": ids.get_indexer(pd.Index(known["product"])).astype(np.int32),
        }
    )
    events = replace(Events.empty(), bought_products=bought)
    deals = bought.assign(amount=np.nan, refund=np.nan)[["unit", "day", "amount", "refund"]]
    products, model, situation = _prepare(events, deals, tuple(ids), len(customers), day)
    shape = (len(customers), len(ids))
    rows = customers.get_indexer(pd.Index(later["customer"]))
    columns = ids.get_indexer(pd.Index(later["product"]))
    is_known = (rows >= 0) & (columns >= 0)
    return Split(
        events,
        deals,
        products,
        model,
        situation,
        _flags(bought["unit"], bought["product"], shape),
        _flags(rows[is_known], columns[is_known], shape),
    )


def _prepare(
    events: Events, deals: pd.DataFrame, ids: tuple[str, ...], units: int, day: int
) -> tuple[Products, AffinityModel, Situation]:
    products = _plain(ids)
    purchases = summarize_purchases(deals, unit_count=units, as_of_day=day)
    amounts = deals["amount"].to_numpy()
    situation = Situation.of(
        events,
        price_limits(amounts, purchases, parameters=_PARAMETERS),
        as_of_day=day,
        products=products,
        parameters=_PARAMETERS,
    )
    model = estimate_affinities(PairStatistics.of(situation.owned, ids), parameters=_PARAMETERS)
    model = with_levels(
        model,
        events.bought_products,
        unit_count=units,
        products=products,
        as_of_day=day,
        default_margin=1.0,
        parameters=_PARAMETERS,
    )
    return products, model, situation


def _plain(ids: tuple[str, ...]) -> Products:
    """Make products of which nothing is known but that one can buy them again."""
    count, none = len(ids), np.zeros(0, dtype=np.int64)
    unknown, yes = np.full(count, np.nan), np.ones(count, dtype=np.bool_)
    nothing = np.full(count, -1)
    return Products(ids, unknown, unknown, yes, yes, unknown, nothing, none, none, nothing, ())


def _flags(rows: Any, columns: Any, shape: tuple[int, int]) -> Any:
    matrix = sparse.csr_matrix((np.ones(len(rows)), (rows, columns)), shape=shape)
    matrix.data[:] = 1
    return matrix


def _compare(
    lines: pd.DataFrame, known: int, horizon: int, *, repetitions: int
) -> Iterator[Figure]:
    split = _split(lines, known, horizon)
    pool = Pool.of(split.model, split.products, default_margin=1.0, parameters=_PARAMETERS)
    name = f"Online Retail {known}+{horizon}"
    options: dict[str, Any] = {"count": NAMED, "parameters": _PARAMETERS}
    new = new_products(split.situation, pool, split.products, **options)
    repeated = repeated_products(split.situation, pool, split.products, **options)
    aim = (split.bought - split.bought.multiply(split.owned)).tocsr()
    yield from _figures(
        f"{name}, new",
        _hits(new.product, aim),
        {
            "popularity": _hits(_popular(split), aim),
            "largest affinity": _hits(_largest_affinity(split), aim),
        },
        repetitions,
    )
    aim = split.bought.multiply(split.owned).tocsr()
    yield from _figures(
        f"{name}, repeated",
        _hits(repeated.product, aim),
        {
            "own frequency": _hits(_frequent(split, ties=False), aim),
            "own frequency, popular first": _hits(_frequent(split, ties=True), aim),
        },
        repetitions,
    )
    _print_calibration(split, {"new": new, "repeated": repeated})


def _hits(named: NDArray[np.int64], aim: Any) -> NDArray[np.float64]:
    """Return the share of hits of every unit that bought any of that kind."""
    aim.eliminate_zeros()
    rows = np.flatnonzero(np.diff(aim.indptr))
    wanted = aim[rows].toarray()
    places = named[rows]
    found = np.take_along_axis(wanted, np.maximum(places, 0), axis=1) * (places >= 0)
    hits: NDArray[np.float64] = found.sum(axis=1) / NAMED
    return hits


def _figures(
    name: str, ours: NDArray[np.float64], yardsticks: dict[str, Any], repetitions: int
) -> Iterator[Figure]:
    dice = np.random.default_rng(SEED)
    draws = dice.integers(0, len(ours), (repetitions, len(ours)))
    for yardstick, theirs in yardsticks.items():
        ratios = ours[draws].mean(axis=1) / theirs[draws].mean(axis=1)
        low, high = np.quantile(ratios, [0.025, 0.975])
        own, other = (
            np.quantile(each[draws].mean(axis=1), [0.025, 0.975]) for each in (ours, theirs)
        )
        yield Figure(
            "next_products",
            name,
            float(ours.mean() / theirs.mean()),
            yardstick,
            at_least=1.0,
            spread=(float(low), float(high)),
            details={
                "precision": f"{ours.mean():.4f} ({own[0]:.4f}-{own[1]:.4f})",
                "yardstick": f"{theirs.mean():.4f} ({other[0]:.4f}-{other[1]:.4f})",
                "customers": f"{len(ours):,}",
            },
        )


def _popular(split: Split) -> NDArray[np.int64]:
    """Name what most own and the unit does not."""
    score = np.tile(split.model.owner_count.astype(np.float64), (split.owned.shape[0], 1))
    score[split.owned.nonzero()] = -1
    return np.argsort(-score, axis=1, kind="stable")[:, :NAMED]


def _largest_affinity(split: Split) -> NDArray[np.int64]:
    """Rank as domain specification 6.6 has it: by the largest affinity to an owned product."""
    owned, count = split.owned.tocsr(), split.model.owner_count
    pairs = (owned.T @ owned).toarray()
    prior = _PARAMETERS.prior_units
    affinity = (pairs + prior * count / split.model.unit_count) / (count[:, None] + prior)
    named = np.empty((owned.shape[0], NAMED), dtype=np.int64)
    for unit in range(owned.shape[0]):
        own = owned.indices[owned.indptr[unit] : owned.indptr[unit + 1]]
        score = affinity[own].max(axis=0)
        score[own] = -1
        named[unit] = np.argsort(-score, kind="stable")[:NAMED]
    return named


def _frequent(split: Split, *, ties: bool) -> NDArray[np.int64]:
    """Name what a unit bought on most days; of equal ones the latest, or what most own."""
    owned = split.situation.owned
    second = split.model.owner_count[owned.product] if ties else owned.last_day
    order = np.lexsort((-second, -owned.day_count, owned.unit))
    rank = np.arange(len(order)) - owned.starts[owned.unit]
    named = np.full((len(owned.starts) - 1, NAMED), -1, dtype=np.int64)
    is_named = rank < NAMED
    named[owned.unit[is_named], rank[is_named]] = owned.product[order][is_named]
    return named


def _print_calibration(split: Split, kinds: dict[str, Offers]) -> None:
    """Say what became of the affinities shown: bought by those who bought anything, in the horizon."""
    buyers = np.flatnonzero(np.diff(split.bought.indptr))
    wanted = split.bought[buyers].toarray()
    levels = {"new": split.model.new_level, "repeated": split.model.repeat_level}
    for kind, offers in kinds.items():
        places, shown = offers.product[buyers, :3], offers.affinity[buyers, :3]
        came = np.take_along_axis(wanted, np.maximum(places, 0), axis=1)[places >= 0]
        print(
            f"    {kind:<9} of the first three: affinity {np.nanmean(shown):.3f}, chance as looked up "
            f"before {np.nanmean(shown) * levels[kind]:.3f}, bought {came.mean():.3f}"
        )


def _speed(units: int, *, is_largest: bool) -> Iterator[Figure]:
    """Count pairs and choose for a large base, against sorting its rows once."""
    dice = np.random.default_rng(SEED)
    count = units * _OWNED
    product = np.minimum(dice.pareto(1.0, count) * 40, _PRODUCTS - 1).astype(np.int32)
    bought = pd.DataFrame(
        {
            "unit": dice.integers(0, units, count),
            "day": dice.integers(19_000, 20_000, count).astype(np.int32),
            "product": dice.permutation(_PRODUCTS).astype(np.int32)[product],
        }
    )
    events = replace(Events.empty(), bought_products=bought)
    deals = bought.assign(amount=100.0, refund=np.nan)[["unit", "day", "amount", "refund"]]
    ids = tuple(f"{number:036d}" for number in range(_PRODUCTS))
    started = time.process_time()
    bought.sort_values(["unit", "product", "day"])
    sorting = time.process_time() - started
    memory = OwnMemory()
    memory.start()
    started = time.process_time()
    products, model, situation = _prepare(events, deals, ids, units, 20_000)
    counted = time.process_time() - started
    pool = Pool.of(model, products, default_margin=1.0, parameters=_PARAMETERS)
    choose_products(situation, pool, products, count=3, parameters=_PARAMETERS)
    seconds = time.process_time() - started
    memory.stop()
    yield Figure(
        "next_products",
        f"next products of {units:,} customers",
        seconds / sorting,
        "sorting the rows",
        at_most=_SORTINGS_AT_MOST if is_largest else None,
        details={
            "counting": f"{counted:.1f} s",
            "choosing": f"{seconds - counted:.1f} s",
            "sorting": f"{sorting:.2f} s",
            "pairs kept": f"{len(model.strength):,}",
            "peak": f"{memory.look():,.0f} MiB",
        },
    )
