"""RFM segments, portfolio and ladder over HTTP: what is published is shown, small groups are not."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pandas as pd
import pytest

from services.analytics.app import create_app
from services.analytics.calculations.standing.summary import standing_summary
from services.analytics.calculations.totals import total_customers
from services.analytics.scopes import SCOPES
from services.analytics.settings import Settings
from tests.analytics.published import publish_simulated
from tests.conftest import BOTH, Templates, store_key
from tests.live import LiveServer, client

PATHS = ("/v1/segments/rfm", "/v1/portfolio", "/v1/portfolio?basis=historic", "/v1/loyalty-ladder")
Publish = Callable[[Mapping[str, Any] | None], httpx.Client]


@pytest.fixture(params=BOTH)
def published(
    request: pytest.FixtureRequest, templates: Templates, tmp_path: Path
) -> Iterator[Publish]:
    """Publish what is stored of standing and give a client of the service."""
    url = templates.fresh("analytics", request.param, tmp_path)
    with ExitStack() as stack:

        def publish(standing: Mapping[str, Any] | None) -> httpx.Client:
            publish_simulated(url, count=20, standing=standing)
            settings = Settings(data_dir=tmp_path, analytics_database_url=url, log_requests=False)
            live = stack.enter_context(LiveServer(create_app(settings, schedules=False)))
            return stack.enter_context(client(live.url, store_key(url, scopes=SCOPES)))

        yield publish


def customers(**columns: Any) -> pd.DataFrame:
    """Make customers who are champions, partners of tier A and clients unless told otherwise."""
    count = len(next(iter(columns.values())))
    plain: dict[str, Any] = {
        "unit_id": [f"u{number}" for number in range(count)],
        "state": "retained",
        "churn_probability": 0.25,
        "contribution_730": 10.0,
        "clv_365": 20.0,
        "clv_1095": 50.0,
        "clv_alive_1095": 60.0,
        "value_at_risk": 5.0,
        "historic_value": 30.0,
        "ambassador_score": 0.5,
        "tier": "A",
        "historic_tier": "A",
        "rfm_recency": 5.0,
        "rfm_frequency": 5.0,
        "rfm_segment": "champions",
        "ladder_rung": "client",
        "has_profiling_objection": False,
    }
    return pd.DataFrame(
        {name: columns.get(name, value) for name, value in plain.items()}, range(count)
    )


def by(items: list[dict[str, Any]], name: str) -> dict[str, dict[str, Any]]:
    return {item[name]: item for item in items}


def test_segments_portfolio_and_ladder_show_what_was_published(published: Publish) -> None:
    frame = customers(
        state=["retained"] * 6 + ["lapsed"] * 5,
        tier=["A"] * 6 + ["C"] * 5,
        historic_tier=["A"] * 5 + ["B"] * 6,
        clv_alive_1095=[60.0] * 6 + [-10.0] * 5,
        rfm_recency=[5.0] * 6 + [1.0] * 5,
        rfm_segment=["champions"] * 6 + ["cannot_lose"] * 5,
        ladder_rung=["advocate"] * 6 + ["customer"] * 5,
        ambassador_score=[0.75] * 6 + [0.0] * 5,
        churn_probability=[0.25] * 6 + [float("nan")] * 5,
    )
    http = published(standing_summary(frame))
    rfm = http.get("/v1/segments/rfm", headers={"Accept-Language": "de"}).json()
    segments = by(rfm["segments"], "segment")
    assert list(segments) == [
        "champions",
        "cannot_lose",
        "recent",
        "loyal",
        "hibernating",
        "average",
    ]
    champions = segments["champions"]
    assert champions["label"] == "Spitzenkunden"
    assert champions["customer_count"] == 6
    assert champions["share"] == 6 / 11
    assert champions["clv_365"] == {"amount": "120.00", "currency": "EUR"}
    assert champions["mean_churn_probability"] == 0.25
    assert segments["cannot_lose"]["mean_churn_probability"] is None
    assert segments["loyal"]["customer_count"] == 0
    assert rfm["total"]["contribution_730"]["amount"] == "110.00"
    pairs = {(e["recency"], e["frequency"]): e["customer_count"] for e in rfm["matrix"]}
    assert len(pairs) == 25
    assert (pairs[5, 5], pairs[1, 5], pairs[3, 3]) == (6, 5, 0)
    portfolio = http.get("/v1/portfolio").json()
    assert portfolio["basis"] == "clv"
    quadrants = by(portfolio["quadrants"], "quadrant")
    assert list(quadrants) == ["partners", "value_at_stake", "steady_small", "occasional"]
    partners = quadrants["partners"]
    assert [tier["customer_count"] for tier in partners["tiers"]] == [6, 0]
    assert (partners["value_share"], partners["share"]) == (1.0, 6 / 11)
    assert partners["clv_alive_1095"]["amount"] == "360.00"
    assert quadrants["occasional"]["clv_alive_1095"]["amount"] == "-50.00"
    assert quadrants["occasional"]["value_share"] == 0
    historic = http.get("/v1/portfolio", params={"basis": "historic"}).json()
    at_stake = by(historic["quadrants"], "quadrant")["value_at_stake"]
    assert [tier["customer_count"] for tier in at_stake["tiers"]] == [0, 5]
    assert at_stake["value_share"] == 5 / 11
    ladder = http.get("/v1/loyalty-ladder").json()
    rungs = by(ladder["rungs"], "rung")
    assert next(iter(rungs)) == "suspect"
    assert (rungs["advocate"]["customer_count"], rungs["advocate"]["label"]) == (6, "Advocate")
    assert rungs["advocate"]["mean_ambassador_score"] == 0.75
    assert ladder["total"]["customer_count"] == 11
    assert http.get("/v1/portfolio?basis=hope").status_code == 422


def test_a_version_without_standing_says_that_nothing_is_known(published: Publish) -> None:
    http = published(None)
    for path in PATHS:
        answer = http.get(path)
        assert answer.status_code == 200
        total = answer.json()["total"]
        assert (total["customer_count"], total["is_hidden"], total["share"]) == (None, False, None)
    assert len(http.get("/v1/loyalty-ladder").json()["rungs"]) == 7


def counts(cells: Mapping[str, Mapping[str, Any]]) -> list[int | None]:
    return [cell["customer_count"] for cell in cells.values()]


def test_a_group_of_fewer_than_five_is_hidden_and_so_is_what_would_tell_it() -> None:
    rungs = ["suspect"] * 3 + ["prospect"] * 6 + ["customer"] * 9
    found = standing_summary(customers(ladder_rung=rungs))["loyalty_ladder"]
    assert counts(found["rungs"]) == [None, None, 9, 0, 0, 0, 0]
    assert found["rungs"]["suspect"]["is_hidden"]
    assert found["rungs"]["prospect"]["is_hidden"]
    assert found["rungs"]["prospect"]["mean_ambassador_score"] is None
    assert found["total"]["customer_count"] == 18
    alone = standing_summary(customers(ladder_rung=rungs[:3]))["loyalty_ladder"]
    assert (alone["total"]["customer_count"], alone["total"]["is_hidden"]) == (None, True)
    shown = standing_summary(customers(ladder_rung=rungs), smallest_cell=1)["loyalty_ladder"]
    assert counts(shown["rungs"])[:3] == [3, 6, 9]


def test_the_tiers_of_a_quadrant_tell_no_more_than_the_quadrant() -> None:
    frame = customers(
        tier=["A"] * 10 + ["B"] * 2 + ["C"] * 9,
        state=["retained"] * 12 + ["lapsed"] * 9,
    )
    found = standing_summary(frame)["portfolio"]["clv"]["quadrants"]
    assert counts(found) == [12, 0, 0, 9]
    assert counts(found["partners"]["tiers"]) == [None, None]
    small = standing_summary(frame.iloc[8:])["portfolio"]["clv"]["quadrants"]
    assert counts(small) == [None, 0, 0, None]
    assert counts(small["partners"]["tiers"]) == [None, None]
    assert counts(small["occasional"]["tiers"]) == [None]


def test_who_is_not_listed_is_not_counted() -> None:
    frame = customers(
        state=["excluded"] * 5 + ["retained"] * 15,
        has_profiling_objection=[False] * 17 + [True] * 3,
    )
    found = standing_summary(frame, erased={"u5", "u6"})
    assert found["rfm"]["total"]["customer_count"] == 10
    assert found["portfolio"]["clv"]["total"]["customer_count"] == 10
    assert found["loyalty_ladder"]["total"]["customer_count"] == 10


@pytest.mark.parametrize("objecting", [0, 1, 4, 5, 9])
def test_no_total_less_what_is_listed_tells_of_fewer_than_five_who_object(objecting: int) -> None:
    frame = customers(has_profiling_objection=[True] * objecting + [False] * 20)
    frame["phase"] = "retention"
    deals = pd.DataFrame(
        {"unit_id": frame["unit_id"], "currency": "USD", "amount_minor": np.full(len(frame), 100.0)}
    )
    found = total_customers(frame, deals)
    counted = 20 + (objecting if objecting >= 5 else 0)
    assert found["total"]["customer_count"] == counted
    assert found["total"]["clv_365"] == 20.0 * counted
    assert found["total"]["other_currencies"][0]["deal_count"] == counted
    for group in (found["phases"]["retention"], found["states"]["retained"]):
        assert (group["customer_count"], group["clv_365"]) == (20, 400.0)
        assert group["other_currencies"][0]["deal_count"] == 20


def test_nobody_is_counted_as_nobody_and_order_changes_nothing() -> None:
    none = standing_summary(customers(tier=["A"]).iloc[:0])
    assert none["rfm"]["total"]["customer_count"] == 0
    assert none["portfolio"]["clv"]["total"]["share"] is None
    frame = customers(ladder_rung=["suspect", "client", "client"] * 9)
    frame["historic_value"] = np.arange(len(frame), dtype=np.float64)
    assert standing_summary(frame.sample(frac=1, random_state=1)) == standing_summary(frame)
