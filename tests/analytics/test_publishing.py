"""Publishing on both databases: whole versions, few changes, what is kept of before and what is not."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sqlalchemy import select

from services.analytics import store
from services.analytics.catalogue.catalogue import load_catalogue
from services.analytics.customers.filters import ListCustomers, ListHistory
from services.analytics.customers.operations import (
    CustomerMissing,
    find_customer,
    list_customers,
    list_history,
    personal_data,
)
from services.analytics.packing import pack, unpack
from services.analytics.publication import Publication, Publications
from services.analytics.publishing import (
    NewVersion,
    WholeVersionNeeded,
    publish,
    publish_changes,
)
from services.analytics.tables import RANK_COLUMNS, SIGNALS, SLOTS, score_history, versions
from services.foundation import migrating
from services.foundation.connecting import connect
from services.foundation.database import Database, UniqueViolation
from services.foundation.statements import Record, Statement
from tests.analytics.published import unit_id
from tests.conftest import BOTH, Templates

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
Run = Callable[[Callable[[Database], Awaitable[Any]]], Any]


@pytest.fixture(params=BOTH)
def url(request: pytest.FixtureRequest, templates: Templates, tmp_path: Path) -> str:
    return templates.fresh("analytics", request.param, tmp_path)


@pytest.fixture
def run(url: str) -> Run:
    """Run something on a fresh database."""

    def on_database(work: Callable[[Database], Awaitable[Any]]) -> Any:
        async def opened() -> Any:
            database = connect(url)
            await database.open()
            try:
                return await work(database)
            finally:
                await database.close()

        return asyncio.run(opened())

    return on_database


def version(as_of: date = date(2026, 3, 10)) -> NewVersion:
    return NewVersion(
        as_of=as_of,
        currency="EUR",
        crm_read_at=NOW,
        mirror_cursor="",
        fingerprint="",
        model={"basis": "fitted"},
        data_gaps={},
        summary={},
    )


def scored(count: int, **columns: Any) -> pd.DataFrame:
    """Make customers of whom few columns are known, in falling order of their ids."""
    places = np.arange(count)[::-1]
    known: dict[str, Any] = {
        "unit_id": [unit_id(place) for place in places],
        "kind": "person",
        "state": pd.Categorical(["retained"] * count),
        "phase": pd.Categorical(["retention"] * count),
        "tier": "B",
        "churn_probability": 0.2,
        "clv_365": 100.0 + places,
        "purchase_count": 3,
        "has_profiling_objection": False,
        "recommendation_basis": "do_nothing",
    }
    return pd.DataFrame(known | columns, index=pd.RangeIndex(count))


def changed(frame: pd.DataFrame, place: int, **values: Any) -> pd.DataFrame:
    """Return the row of one customer with other values."""
    row = frame[frame["unit_id"] == unit_id(place)]
    return row.assign(**values)


def with_changes(frame: pd.DataFrame, *rows: pd.DataFrame) -> pd.DataFrame:
    new = pd.concat(rows)
    return pd.concat([frame[~frame["unit_id"].isin(new["unit_id"])], new], ignore_index=True)


async def current(database: Database) -> Publication:
    newest = await store.newest_version(database)
    assert newest is not None
    return Publication(newest, None)


async def rows_of(database: Database, letter: str) -> dict[str, Record]:
    """Return what a table of customers holds, by id and without the rows' own numbers."""
    slot = SLOTS[letter]
    rows = await database.all(Statement(select(slot).order_by(slot.c.unit_id)))
    return {row.pop("unit_id"): {**row, "number": None} for row in rows}


async def history_of(database: Database, place: int) -> list[tuple[int, float]]:
    publication = await current(database)
    rows, _ = await list_history(database, publication, unit_id(place), ListHistory())
    return [(row["version"], row["churn_probability"]) for row in rows]


NO_RANKS = pd.DataFrame({"unit_id": [], **{name: [] for name in RANK_COLUMNS}}, dtype=object)


def test_a_whole_version_is_shown_from_the_table_that_nobody_saw(run: Run) -> None:
    async def work(database: Database) -> None:
        first = scored(5)
        for number, frame in enumerate((first, scored(3, churn_probability=0.9), first), 1):
            assert await publish(database, version(), frame, now=NOW) == number
            publication = await current(database)
            assert publication.version["slot"] == "aba"[number - 1]
            assert publication.version["customer_count"] == len(frame)
            rows, following = await list_customers(
                database, publication, ListCustomers(sort="value")
            )
            assert [row["unit_id"] for row in rows] == sorted(frame["unit_id"])
            assert {row["churn_probability"] for row in rows} == {*frame["churn_probability"]}
            assert following is None

    run(work)


def test_what_fails_half_way_leaves_the_version_shown_and_the_next_one_is_whole(run: Run) -> None:
    async def work(database: Database) -> None:
        await publish(database, version(), scored(5), now=NOW)
        twice = pd.concat([scored(4), scored(1)], ignore_index=True)
        with pytest.raises(UniqueViolation):
            await publish(database, version(), twice, now=NOW)
        publication = await current(database)
        assert publication.number == 1
        assert (await find_customer(database, publication, unit_id(4)))["clv_365"] == 104.0
        assert await publish(database, version(), scored(2), now=NOW) == 2
        assert list(await rows_of(database, "b")) == [unit_id(0), unit_id(1)]

    run(work)


def test_few_changes_end_as_the_whole_does(run: Run) -> None:
    async def work(database: Database) -> None:
        frame = scored(6)
        await publish(database, version(), frame, now=NOW)
        one = changed(frame, 1, churn_probability=0.7, state="at_risk")
        new = scored(9).head(1)
        moved = pd.DataFrame({"unit_id": [unit_id(2)], "tier": ["A"], "rfm_recency": [4.0]})
        number = await publish_changes(
            database, version(), pd.concat([one, new]), moved, [unit_id(3)], now=NOW
        )
        assert number == 2
        assert (await current(database)).version["customer_count"] == 6
        after = await rows_of(database, "a")
        whole = with_changes(frame, one, new, changed(frame, 2, tier="A", rfm_recency=4.0))
        whole = whole[whole["unit_id"] != unit_id(3)]
        await publish(database, version(), whole, now=NOW)
        assert await rows_of(database, "b") == after
        assert list(after) == [unit_id(place) for place in (0, 1, 2, 4, 5, 8)]

    run(work)


def test_changes_need_a_version_with_the_same_columns(run: Run) -> None:
    async def work(database: Database) -> None:
        frame = scored(2)
        with pytest.raises(WholeVersionNeeded):
            await publish_changes(database, version(), frame, NO_RANKS, [], now=NOW)

    run(work)


def test_readers_of_a_remembered_version_are_shown_one_whole_version(run: Run) -> None:
    async def work(database: Database) -> None:
        frame = scored(3)
        await publish(database, version(), frame, now=NOW)
        publications = Publications(
            database, clock=lambda: NOW, overdue_after=None, day_at=datetime.date
        )

        async def ask() -> tuple[int, float]:
            publication, row = await publications.read(
                lambda current: find_customer(database, current, unit_id(1))
            )
            return publication.number, row["churn_probability"]

        assert await ask() == (1, 0.2)
        await publish(database, version(), scored(3, churn_probability=0.3), now=NOW)
        assert await ask() == (2, 0.3)
        one = changed(frame, 1, churn_probability=0.4)
        await publish_changes(database, version(), one, NO_RANKS, [], now=NOW)
        assert await ask() == (3, 0.4)
        await publish_changes(database, version(), one.head(0), NO_RANKS, [unit_id(1)], now=NOW)
        with pytest.raises(CustomerMissing):
            await ask()

    run(work)


@pytest.mark.parametrize("is_whole", [True, False])
def test_noticeable_changes_and_ends_of_months_are_kept(run: Run, is_whole: bool) -> None:
    async def work(database: Database) -> None:
        frame = scored(4)
        await publish(database, version(date(2026, 3, 30)), frame, now=NOW)

        async def change(as_of: date, *rows: pd.DataFrame) -> None:
            nonlocal frame
            if is_whole:
                frame = with_changes(frame, *rows)
                await publish(database, version(as_of), frame, now=NOW)
            else:
                new = pd.concat(rows)
                await publish_changes(database, version(as_of), new, NO_RANKS, [], now=NOW)

        much = changed(frame, 1, churn_probability=0.26)
        little = changed(frame, 2, churn_probability=0.24)
        await change(date(2026, 3, 31), much, little, changed(frame, 3, tier="A"))
        assert [await history_of(database, place) for place in range(4)] == [
            [], [(1, 0.2)], [], [(1, 0.2)]
        ]  # fmt: skip
        await change(date(2026, 4, 1), little)
        assert await history_of(database, 1) == [(2, 0.26), (1, 0.2)]
        assert [len(await history_of(database, place)) for place in range(4)] == [1, 2, 1, 2]
        await change(date(2026, 4, 2), much)
        assert [len(await history_of(database, place)) for place in range(4)] == [1, 2, 1, 2]
        page, cursor = await list_history(
            database, await current(database), unit_id(1), ListHistory(limit=1)
        )
        following, _ = await list_history(
            database, await current(database), unit_id(1), ListHistory(limit=1, cursor=cursor)
        )
        assert [row["version"] for row in (*page, *following)] == [2, 1]

    run(work)


def test_scores_are_deleted_after_24_months_and_small_steps_after_30_versions(run: Run) -> None:
    async def work(database: Database) -> None:
        frame = scored(2)
        await publish(database, version(date(2026, 3, 31)), frame, now=NOW)
        await publish(database, version(date(2026, 4, 1)), frame, now=NOW)
        for place in range(31):
            one = changed(frame, 1, churn_probability=0.9 if place % 2 else 0.1)
            await publish_changes(database, version(date(2026, 4, 1)), one, NO_RANKS, [], now=NOW)
        # The end of March, and the 29 before the newest.
        past = [number for number, _ in await history_of(database, 1)]
        assert past == [*range(32, 3, -1), 1]
        assert await history_of(database, 0) == [(1, 0.2)]
        later = NOW + timedelta(days=731)
        await publish(database, version(date(2026, 4, 1)), frame, now=later)
        assert await history_of(database, 1) == []
        assert len(await database.all(Statement(select(versions.c.number)))) == 1
        assert await database.all(Statement(select(score_history))) == []

    run(work)


@pytest.mark.parametrize("is_whole", [True, False])
@pytest.mark.parametrize("why", ["erased", "objects"])
def test_nothing_is_left_of_who_was_erased_or_objects(run: Run, is_whole: bool, why: str) -> None:
    async def work(database: Database) -> None:
        frame = scored(3)
        await publish(database, version(date(2026, 2, 28)), frame, now=NOW)
        await publish(database, version(date(2026, 3, 1)), frame, now=NOW)
        erased = frozenset({unit_id(1)}) if why == "erased" else frozenset()
        one = changed(frame, 1, has_profiling_objection=why == "objects")
        if is_whole:
            whole = with_changes(frame, one)
            await publish(database, version(), whole, erased=erased, now=NOW)
        else:
            await publish_changes(database, version(), one, NO_RANKS, [], erased=erased, now=NOW)
        assert await history_of(database, 0) == [(1, 0.2)]
        past = await database.all(Statement(select(score_history)))
        assert {row["unit_id"] for row in past} == {unit_id(0), unit_id(2)}
        publication = await current(database)
        hidden = await rows_of(database, "b" if publication.version["slot"] == "a" else "a")
        assert unit_id(1) not in hidden
        if why == "erased":
            with pytest.raises(CustomerMissing):
                await list_history(database, publication, unit_id(1), ListHistory())
            with pytest.raises(CustomerMissing):
                await personal_data(
                    database, publication, unit_id(1), catalogue=load_catalogue(), language="en"
                )
            return
        row = await find_customer(database, publication, unit_id(1))
        beside = ("published", "number", "unit_id", "kind", "recommendation_basis")
        scores = {name: value for name, value in row.items() if name not in beside}
        known = {name for name, value in scores.items() if value and value > 0}
        assert known == {"has_profiling_objection"}
        assert await list_history(database, publication, unit_id(1), ListHistory()) == ([], None)

    run(work)


def test_the_schema_goes_down_and_up_again_with_a_version_in_it(run: Run, url: str) -> None:
    async def work(database: Database) -> int:
        return await publish(database, version(), scored(3), now=NOW)

    assert run(work) == 1
    migrating.downgrade("analytics", url, "2026_11_24_keys")
    migrating.upgrade("analytics", url)
    assert run(work) == 1


@given(
    arrays(
        np.float64,
        st.tuples(st.integers(0, 4), st.integers(1, 20)),
        elements=st.one_of(
            st.just(0.0), st.just(np.nan), st.floats(allow_infinity=False, allow_nan=False)
        ),
    )
)
@settings(max_examples=50, deadline=None)
def test_packed_numbers_come_back_to_the_last_digit(numbers: np.ndarray[Any, Any]) -> None:
    columns = [f"column_{place}" for place in range(numbers.shape[1])]
    packed = pack(numbers)
    assert len(packed) == len(numbers)
    for given_row, value in zip(numbers.tolist(), packed, strict=True):
        row = unpack({"unit_id": "x", "numbers": bytes(value)}, columns)
        assert row.pop("unit_id") == "x"
        assert list(row.values()) == [None if each != each else each for each in given_row]


def test_the_signals_are_those_of_the_catalogue() -> None:
    assert set(SIGNALS) == set(load_catalogue().sections["churn_signals"])
