"""Publishes a version with its customers: whole, or not at all."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from itertools import chain
from typing import Any

import numpy as np
import pandas as pd
from sqlalchemy import bindparam, delete, insert

from services.analytics.store import NEWEST
from services.analytics.tables import (
    COUNT_COLUMNS,
    EVIDENCE_COLUMNS,
    NUMBER_COLUMNS,
    ORDERS,
    TEXT_COLUMNS,
    UNKNOWN_ORDER,
    customers,
    versions,
)
from services.foundation.columns import Texts
from services.foundation.constructs import any_of
from services.foundation.database import Database, Transaction
from services.foundation.statements import Statement

_CHUNK = 20_000
_SCORES = [
    *(name for name in TEXT_COLUMNS if name != "recommendation_basis"),
    *(*COUNT_COLUMNS, *NUMBER_COLUMNS, *EVIDENCE_COLUMNS),
]
_ADD_VERSION = Statement(insert(versions))
_OLD = Statement(delete(versions).where(versions.c.number <= bindparam("up_to")))
_ERASED = Statement(
    delete(customers).where(any_of(customers.c.unit_id, bindparam("ids", type_=Texts)))
)
_OLD_CUSTOMERS = Statement(delete(customers).where(customers.c.version <= bindparam("up_to")))


@dataclass(frozen=True)
class NewVersion:
    """Everything of a version but its customers."""

    as_of: date
    currency: str
    crm_read_at: datetime
    mirror_cursor: str
    fingerprint: str
    model: Mapping[str, Any]
    data_gaps: Mapping[str, Any]
    summary: Mapping[str, Any]
    model_card: Mapping[str, Any] | None = None
    standing: Mapping[str, Any] | None = None


async def publish(
    database: Database,
    new: NewVersion,
    frame: pd.DataFrame,
    *,
    erased: frozenset[str] = frozenset(),
    now: datetime,
    kept: int,
) -> int:
    """Store a version with its customers and remove old ones; readers see all of it or nothing.

    `frame` has the columns of `tables`; its rows are stored by unit id. Of customers who object to
    profiling nothing is stored but that they do; those who were `erased` are in the totals of `new`,
    and in no version any more.
    """
    shown = frame[~frame["unit_id"].isin(erased)] if erased else frame

    async def work(transaction: Transaction) -> int:
        last = await transaction.first(NEWEST)
        number = 1 if last is None else last["number"] + 1
        row = {**new.__dict__, "number": number, "published_at": now, "customer_count": len(shown)}
        await transaction.run(_ADD_VERSION, row)
        await transaction.copy(customers, customer_rows(shown, number))
        if erased:
            await transaction.run(_ERASED, {"ids": sorted(erased)})
        await transaction.run(_OLD_CUSTOMERS, {"up_to": number - kept})
        await transaction.run(_OLD, {"up_to": number - kept})
        return number

    return await database.write(work)


def customer_rows(frame: pd.DataFrame, number: int) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of `customers` in the order of its columns, made chunk by chunk."""
    ordered = frame.sort_values("unit_id")
    starts = range(0, len(ordered), _CHUNK)
    return chain.from_iterable(_rows(ordered.iloc[at : at + _CHUNK], number) for at in starts)


def _without_scores_of_objectors(frame: pd.DataFrame) -> pd.DataFrame:
    """Source: domain specification 10, privacy."""
    objects = frame["has_profiling_objection"].to_numpy(dtype=np.bool_, na_value=False)
    if not objects.any():
        return frame
    return frame.assign(**{name: frame[name].mask(objects) for name in _SCORES})


def _rows(frame: pd.DataFrame, number: int) -> Iterator[tuple[Any, ...]]:
    frame = _without_scores_of_objectors(frame)
    columns: list[list[Any]] = [[number] * len(frame)]
    columns += [_texts(frame[name]) for name in ("unit_id", "kind", *TEXT_COLUMNS)]
    columns += [_counts(frame[name]) for name in COUNT_COLUMNS]
    columns += [_numbers(frame[name]) for name in NUMBER_COLUMNS]
    columns += [_texts(frame[name]) for name in EVIDENCE_COLUMNS]
    for name in ("is_cost_estimated", "has_active_contract", "has_profiling_objection"):
        columns.append(frame[name].to_numpy(dtype=np.bool_, na_value=False).tolist())
    columns.append(frame["has_open_complaint"].to_numpy(dtype=np.bool_, na_value=False).tolist())
    for name in ORDERS.values():
        values = frame[name].to_numpy(dtype=np.float64, na_value=np.nan)
        columns.append(np.where(np.isnan(values), UNKNOWN_ORDER, values).tolist())
    return zip(*columns, strict=True)


def _texts(column: pd.Series) -> list[Any]:
    values = column.astype(object)
    return list(values.where(values.notna(), None))


def _numbers(column: pd.Series) -> list[Any]:
    values = column.to_numpy(dtype=np.float64, na_value=np.nan)
    plain: list[Any] = values.tolist()
    for place in np.flatnonzero(~np.isfinite(values)):
        plain[place] = None
    return plain


def _counts(column: pd.Series) -> list[Any]:
    values = column.to_numpy(dtype=np.float64, na_value=np.nan)
    is_known = np.isfinite(values)
    plain: list[Any] = np.where(is_known, values, 0).astype(np.int64).tolist()
    for place in np.flatnonzero(~is_known):
        plain[place] = None
    return plain
