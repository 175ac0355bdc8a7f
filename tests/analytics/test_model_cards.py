"""Model cards over HTTP: every kept version, its verdict in both languages, as documented."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from sqlalchemy import null, update

from services.analytics.app import create_app
from services.analytics.scopes import SCOPES
from services.analytics.settings import Settings
from services.analytics.tables import versions
from services.foundation.connecting import connect
from services.foundation.statements import Statement
from tests.analytics.published import publish_simulated
from tests.analytics.test_contract import keeps
from tests.conftest import BOTH, Templates, store_key
from tests.live import LiveServer, client


@pytest.fixture(params=BOTH)
def url(request: pytest.FixtureRequest, templates: Templates, tmp_path: Path) -> str:
    """A database with a published base."""
    url = templates.fresh("analytics", request.param, tmp_path)
    publish_simulated(url)
    return url


@pytest.fixture
def http(url: str, tmp_path: Path) -> Iterator[httpx.Client]:
    settings = Settings(data_dir=tmp_path, analytics_database_url=url, log_requests=False)
    key = store_key(url, scopes=SCOPES)
    with LiveServer(create_app(settings, schedules=False)) as live, client(live.url, key) as http:
        yield http


def take_card(url: str) -> None:
    """Make the versions as a release before model cards left them."""

    async def run() -> None:
        database = connect(url)
        await database.open()
        try:
            statement = Statement(update(versions).values(model_card=null()))
            await database.write(lambda transaction: transaction.run(statement))
        finally:
            await database.close()

    asyncio.run(run())


@pytest.mark.parametrize(("language", "word"), [("en", "customers"), ("de", "Kunden")])
def test_a_card_tells_what_the_version_rests_on_and_how_it_did(
    http: httpx.Client, language: str, word: str
) -> None:
    answer = http.get("/v1/models/1", headers={"Accept-Language": language})
    assert answer.headers["content-language"] == language
    card = keeps(http, answer, "/v1/models/{version}")
    assert card["model_version"] == 1
    assert [each["name"] for each in card["model"]["estimates"]] == ["r", "alpha", "a", "b"]
    assert card["left_out"] == [{"code": "deals_without_fx_rate", "count": 3}]
    (newest, *_) = card["backtest"]["origins"]
    names = [each["forecaster"] for each in newest["forecasters"]]
    assert {"mbg_nbd", "recency", "same_as_last_period", "all_zero"} <= set(names)
    texts = {each["code"]: each["text"] for each in card["backtest"]["verdict"]}
    assert word in texts["V_LOOKED_BACK"]


def test_latest_is_the_card_of_the_published_version(http: httpx.Client) -> None:
    latest = keeps(http, http.get("/v1/models/latest"), "/v1/models/latest")
    assert latest == http.get("/v1/models/1").json()
    assert latest["model_version"] == http.get("/v1/summary").json()["model_version"]


def test_the_list_shows_every_kept_version_newest_first(http: httpx.Client, url: str) -> None:
    publish_simulated(url)
    listed = keeps(http, http.get("/v1/models"), "/v1/models")["items"]
    assert [each["model_version"] for each in listed] == [2, 1]
    card = http.get("/v1/models/2").json()
    assert listed[0]["headline"] == card["backtest"]["verdict"][0]
    assert listed[0]["forecaster_label"] == card["model"]["forecaster_label"]


def test_a_version_that_is_not_kept_and_one_without_a_card_say_so(
    http: httpx.Client, url: str
) -> None:
    gone = http.get("/v1/models/7")
    assert gone.status_code == 404
    assert keeps(http, gone, "/v1/models/{version}")["code"] == "version_not_kept"
    assert http.get("/v1/models/0").status_code == 422
    assert http.get("/v1/models/newest").status_code == 422
    take_card(url)
    bare = http.get("/v1/models/1", headers={"Accept-Language": "de"})
    assert bare.status_code == 404
    assert bare.json()["code"] == "no_model_card"
    assert "Modellkarte" in bare.json()["title"]
    (item,) = keeps(http, http.get("/v1/models"), "/v1/models")["items"]
    assert item["headline"] is item["forecaster"] is None
