"""Plans over HTTP: computed from the ledger, kept, listed, canceled, and taken as lists for campaigns."""

import asyncio
import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Any

import httpx
import numpy as np
import orjson
import pandas as pd
import pytest

from services.analytics.app import create_app
from services.analytics.calculations.budget import exact
from services.analytics.calculations.quality import Quality
from services.analytics.catalogue.catalogue import load_catalogue
from services.analytics.catalogue.options import strategy_options
from services.analytics.frames.clock import day_number
from services.analytics.ledger import Ledger, Mark
from services.analytics.plans import solving
from services.analytics.plans.operations import forget_units
from services.analytics.plans.schemas import EXAMPLE
from services.analytics.scopes import SCOPES
from services.analytics.settings import Settings
from services.analytics.turns import Turns
from services.foundation.connecting import connect
from tests.analytics.beside import BEGINNING, empty_crm
from tests.analytics.published import PRODUCTS, publish_simulated, unit_id
from tests.conftest import BOTH, Templates, store_key
from tests.live import LiveServer, client

CATALOGUE = load_catalogue()
CANDIDATES = strategy_options(CATALOGUE).candidates
CHANNELS = [channel.id for channel in CATALOGUE.channels if channel.addressable]
COUNT = 120
PLAIN: dict[str, Any] = {
    "name": "Spring",
    "budget": {"amount": "100.00", "currency": "EUR"},
    "period": {"from": "2026-03-01", "until": "2026-05-31"},
}


def invented_steps(version: int) -> Ledger:
    """Make a ledger whose customers have up to three steps, with phases, tiers and owners."""
    dice = np.random.default_rng(3)
    phases = sorted({each.phase for each in CANDIDATES} - {"termination"})
    phase = dice.integers(0, len(phases), COUNT)
    of_phase = [[at for at, each in enumerate(CANDIDATES) if each.phase == name] for name in phases]
    columns: dict[str, Any] = {
        "unit_id": [unit_id(number) for number in range(COUNT)],
        "phase": [phases[code] for code in phase],
        "tier": dice.choice(["A", "B", "C"], COUNT),
        "owner_id": dice.choice(["anna", "ben"], COUNT),
        "rfm_segment": dice.choice(["champions", "hibernating"], COUNT),
        "quadrant": dice.choice(["partners", "occasional"], COUNT),
        "has_profiling_objection": False,
    }
    for step in (1, 2, 3):
        option = [float(dice.choice(of_phase[code])) for code in phase]
        has_step = dice.random(COUNT) < 1 / step
        columns |= {
            f"step{step}_option": np.where(has_step, option, np.nan),
            f"step{step}_channel": np.where(
                has_step, dice.integers(0, len(CHANNELS), COUNT), np.nan
            ),
            f"step{step}_product": np.nan,
            f"step{step}_value": np.where(has_step, dice.lognormal(2, 1, COUNT), np.nan),
            f"step{step}_contact_cost": np.where(has_step, dice.lognormal(1, 1, COUNT), np.nan),
            f"step{step}_until_day": np.where(
                dice.random(COUNT) < 0.3, day_number(date(2026, 3, 31)), np.nan
            ),
            f"step{step}_incentive_cost": np.where(dice.random(COUNT) < 0.3, 2.0, 0.0),
        }
    nobody = frozenset({unit_id(COUNT - 1)})
    frame = pd.DataFrame(columns)
    return Ledger(Mark(version, BEGINNING, ""), frame, pd.DataFrame(), Quality({}, {}, {}), nobody)


@dataclass
class Plans:
    """The service, its database, and the ledger that it finds, which tests may change."""

    http: httpx.Client
    url: str
    address: str
    ledger: Ledger

    def with_scopes(self, *scopes: str) -> httpx.Client:
        return client(self.address, store_key(self.url, scopes=scopes, name="agent"))

    def make(self, *, language: Any = "en", **changes: Any) -> dict[str, Any]:
        headers = {"Accept-Language": language}
        answer = self.http.post("/v1/plans", json=PLAIN | changes, headers=headers)
        assert answer.status_code in (200, 201), answer.text
        body: dict[str, Any] = answer.json()
        return body

    def choices(self, plan_id: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        following: str | None = f"/v1/plans/{plan_id}/choices?limit=40"
        while following:
            page = self.http.get(following).json()
            found += page["items"]
            following = page["next"]
        return found


@pytest.fixture(scope="module", params=BOTH)
def plans(
    request: pytest.FixtureRequest, templates: Templates, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Plans]:
    folder = tmp_path_factory.mktemp("plans")
    url = templates.fresh("analytics", request.param, folder)
    ledger = invented_steps(publish_simulated(url, count=100))
    key = store_key(url, scopes=SCOPES, name="anna")
    with (
        pytest.MonkeyPatch.context() as patch,
        empty_crm(request.param, templates, folder) as crm_url,
        LiveServer(
            create_app(
                Settings(
                    data_dir=folder,
                    analytics_database_url=url,
                    crm_url=crm_url,
                    log_requests=False,
                ),
                schedules=False,
            )
        ) as live,
        client(live.url, key) as http,
    ):
        found = Plans(http, url, live.url, ledger)
        patch.setattr(solving, "read_ledger", lambda _: found.ledger)
        yield found


def amount(money: dict[str, str]) -> float:
    return float(money["amount"])


def test_a_plan_keeps_its_budget_adds_up_and_says_how_good_it_is(plans: Plans) -> None:
    answer = plans.http.post("/v1/plans", json=PLAIN)
    assert answer.status_code == 201
    plan = answer.json()
    assert answer.headers["location"] == f"/v1/plans/{plan['id']}"
    assert answer.headers["etag"] == '"1"'
    assert 0 < amount(plan["spent"]) <= 100
    assert amount(plan["expected_value"]) <= amount(plan["upper_bound"])
    assert 0 <= plan["gap"] < 0.01
    assert plan["shadow_price"] > 0
    assert plan["created_by"]["name"] == "anna"
    for parts in plan["breakdown"].values():
        assert sum(part["chosen_count"] for part in parts) == plan["chosen_count"]
        for name in ("spent", "expected_value"):
            total = sum(Decimal(part[name]["amount"]) for part in parts)
            assert total == Decimal(plan[name]["amount"])
    items = plans.choices(plan["id"])
    assert len(items) == len({item["unit_id"] for item in items}) <= plan["chosen_count"]
    values = [amount(item["expected_value"]) for item in items]
    assert values == sorted(values, reverse=True)
    assert unit_id(COUNT - 1) not in {item["unit_id"] for item in items}
    assert plans.http.get(answer.headers["location"]).json() == plan
    german = plans.http.get(answer.headers["location"], headers={"Accept-Language": "de"})
    assert german.headers["content-language"] == "de"
    labels = {part["id"]: part["label"] for part in german.json()["breakdown"]["phase"]}
    assert labels == {
        name: CATALOGUE.entry("phases", name).name("de") for name in labels if name is not None
    }


def test_a_search_that_ends_by_its_time_proves_nothing_and_says_so(
    plans: Plans, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_most = {"kind": "tier", "id": "A", "most_customers": 7}
    asked = {"save": False, "budget": {"amount": "31.00", "currency": "EUR"}, "limits": [at_most]}
    best = plans.make(**asked)
    assert (best["is_optimal"], best["gap"]) == (True, 0)
    monkeypatch.setattr(exact, "_SECONDS", 0.0)
    plan = plans.make(**asked)
    assert not plan["is_optimal"]
    assert 0 < plan["gap"] < 0.1
    assert amount(plan["expected_value"]) <= amount(best["expected_value"])
    assert amount(best["expected_value"]) <= amount(plan["upper_bound"])
    assert amount(plan["spent"]) <= 31
    assert plan["limits"][0]["chosen_count"] <= 7
    assert plan["shadow_price"] > 0


def test_more_budget_brings_more_and_limits_are_kept(plans: Plans) -> None:
    plain = plans.make(save=False)
    richer = plans.make(save=False, budget={"amount": "200.00", "currency": "EUR"})
    assert amount(richer["expected_value"]) > amount(plain["expected_value"])
    channel = max(plain["breakdown"]["channel"], key=lambda part: amount(part["spent"]))
    limits = [
        {"kind": "channel", "id": channel["id"], "most_customers": 1},
        {"kind": "tier", "id": "A", "budget": {"amount": "15.00", "currency": "EUR"}},
        {
            "kind": "campaign",
            "id": "spring-2026",
            "covers": {"phase": "winback", "channel": CHANNELS[0]},
            "most_customers": 0,
        },
    ]
    limited = plans.make(save=False, limits=limits)
    assert amount(limited["expected_value"]) <= amount(plain["expected_value"])
    by_channel, by_tier, by_campaign = limited["limits"]
    assert by_channel["chosen_count"] <= 1
    assert amount(by_channel["value_of_one_more_customer"]) > 0
    assert amount(by_tier["spent"]) <= 15
    assert (by_tier["label"], by_campaign["label"]) == ("A", "spring-2026")
    assert by_campaign["chosen_count"] == 0
    parts = {part["id"]: part for part in limited["breakdown"]["tier"]}
    assert parts["A"]["spent"] == by_tier["spent"]


def test_a_campaign_is_what_it_covers_and_a_step_counts_in_each_limit_that_covers_it(
    plans: Plans,
) -> None:
    parts = plans.make(save=False)["breakdown"]["channel"]
    channel = max(parts, key=lambda part: part["chosen_count"])["id"]
    campaign = {"kind": "campaign", "id": "not entered yet", "covers": {"channel": channel}}
    limits = [
        {"kind": "channel", "id": channel, "most_customers": 5},
        campaign | {"most_customers": 3},
    ]
    by_channel, by_campaign = plans.make(save=False, limits=limits)["limits"]
    assert by_campaign["label"] == "not entered yet"
    assert by_channel["chosen_count"] == by_campaign["chosen_count"] == 3
    assert by_channel["spent"] == by_campaign["spent"]


@pytest.mark.parametrize(
    ("kind", "word", "column"),
    [("segment", "champions", "rfm_segment"), ("quadrant", "occasional", "quadrant")],
)
def test_segments_and_quadrants_can_be_limited(
    plans: Plans, kind: str, word: str, column: str
) -> None:
    of = plans.ledger.customers.set_index("unit_id")[column]
    limit = {"kind": kind, "id": word, "most_customers": 2}
    plan = plans.make(limits=[limit])
    inside = [each for each in plans.choices(plan["id"]) if of[each["unit_id"]] == word]
    assert len(inside) == plan["limits"][0]["chosen_count"] == 2
    refused = plans.http.post("/v1/plans", json=PLAIN | {"limits": [limit | {"id": "friends"}]})
    assert refused.status_code == 422
    assert word in refused.json()["errors"][0]["message"]


def test_what_ends_before_the_period_is_not_planned(plans: Plans) -> None:
    spring = plans.make(save=False)
    summer = plans.make(save=False, period={"from": "2026-04-01", "until": "2026-08-31"})
    frame = plans.ledger.customers
    lasting = [
        (frame[f"step{step}_value"] > 0) & frame[f"step{step}_until_day"].isna()
        for step in (1, 2, 3)
    ]
    has_one = lasting[0] | lasting[1] | lasting[2]
    is_there = ~frame["unit_id"].isin(plans.ledger.erased)
    assert summer["candidate_count"] == int((has_one & is_there).sum())
    assert summer["candidate_count"] < spring["candidate_count"]


def test_filters_leave_out_whom_they_do_not_name(plans: Plans) -> None:
    frame = plans.ledger.customers.set_index("unit_id")
    strategy = CANDIDATES[int(frame["step1_option"].dropna().iloc[0])].strategy_id
    plan = plans.make(
        filters={"phase": ["winback", "retention"], "tier": ["A", "B"], "owner": ["anna"]},
    )
    items = plans.choices(plan["id"])
    assert items
    assert {item["phase"] for item in items} <= {"winback", "retention"}
    assert {frame.loc[item["unit_id"], "owner_id"] for item in items} == {"anna"}
    assert "C" not in {item["tier"] for item in items}
    one = plans.make(filters={"strategy": [strategy]})
    assert {part["id"] for part in one["breakdown"]["strategy"]} == {strategy}


def test_a_what_if_is_answered_with_200_and_nothing_is_kept(plans: Plans) -> None:
    before = plans.http.get("/v1/plans").json()["items"]
    answer = plans.http.post("/v1/plans", json=PLAIN | {"save": False})
    assert answer.status_code == 200
    assert "location" not in answer.headers
    body = answer.json()
    assert (body["id"], body["created_by"], body["status"]) == (None, None, None)
    assert plans.http.get("/v1/plans").json()["items"] == before


def test_the_same_idempotency_key_makes_one_plan(plans: Plans) -> None:
    headers = {"Idempotency-Key": "plan-once"}
    first, second = (plans.http.post("/v1/plans", json=PLAIN, headers=headers) for _ in "ab")
    assert first.json() == second.json()
    assert second.headers["idempotent-replayed"] == "true"
    other = plans.http.post("/v1/plans", json=PLAIN | {"name": "Summer"}, headers=headers)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")


def test_a_canceled_plan_stays_to_be_read_and_gives_no_list(plans: Plans) -> None:
    path = f"/v1/plans/{plans.make()['id']}"
    assert plans.http.post(f"{path}/cancel").status_code == 428
    assert plans.http.post(f"{path}/cancel", headers={"If-Match": '"9"'}).status_code == 412
    canceled = plans.http.post(f"{path}/cancel", headers={"If-Match": '"1"'})
    assert (canceled.status_code, canceled.headers["etag"]) == (200, '"2"')
    body = plans.http.get(path).json()
    assert (body["status"], body["canceled_by"]["name"]) == ("canceled", "anna")
    again = plans.http.post(f"{path}/cancel", headers={"If-Match": "*"})
    assert (again.status_code, again.json()["code"]) == (409, "plan_canceled")
    export = plans.http.get(f"{path}/export?reason=too+late")
    assert (export.status_code, export.json()["code"]) == (409, "plan_canceled")


def test_a_list_drops_whom_the_newest_version_does_not_recommend_it_to(plans: Plans) -> None:
    plan = plans.make()
    path, before = f"/v1/plans/{plan['id']}", plans.ledger
    items = plans.choices(plan["id"])
    erased, objecting, moved = (item["unit_id"] for item in items[:3])
    customers = before.customers.copy()
    customers.loc[customers["unit_id"] == objecting, "has_profiling_objection"] = True
    customers.loc[customers["unit_id"] == moved, [f"step{k}_value" for k in (1, 2, 3)]] = np.nan
    plans.ledger = Ledger(
        before.mark, customers, before.unconverted, before.quality, before.erased | {erased}
    )
    try:
        answer = plans.http.get(f"{path}/export", params={"reason": "Mailing of March"})
        lines = plans.http.get(f"{path}/export?reason=Again&format=ndjson")
    finally:
        plans.ledger = before
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    wanted = plan["chosen_count"] - 3
    assert answer.headers["x-listed-count"] == str(wanted)
    told_of = dict(each.split("=") for each in answer.headers["x-dropped"].split(", "))
    assert (told_of.pop("erased"), told_of.pop("profiling_objection")) == ("1", "1")
    # The customer's row, which has nothing to do with this ledger, says which of these it is.
    (why,) = (reason for reason, count in told_of.items() if count != "0")
    assert why in ("no_consent", "unreachable", "contact_cap", "no_longer_recommended")
    assert told_of[why] == "1"
    units = {row["unit_id"] for row in rows}
    assert len(rows) == len(units) == wanted
    assert units.isdisjoint({erased, objecting, moved})
    assert (rows[0]["from"], rows[0]["currency"]) == ("2026-03-01", "EUR")
    told = [orjson.loads(line) for line in lines.content.splitlines()]
    assert [each["unit_id"] for each in told] == [row["unit_id"] for row in rows]
    exports = plans.http.get(path).json()["exports"]
    assert [each["reason"] for each in exports] == ["Again", "Mailing of March"]
    assert exports[1]["exported_by"]["name"] == "anna"
    assert {each["reason"]: each["count"] for each in exports[1]["dropped"]} == {
        "erased": 1,
        "profiling_objection": 1,
        why: 1,
    }


def test_who_is_erased_leaves_all_plans(plans: Plans) -> None:
    plan = plans.make()
    gone = plans.choices(plan["id"])[0]["unit_id"]

    async def forget() -> None:
        database = connect(plans.url)
        await database.open()
        await forget_units(database, {gone})
        await database.close()

    asyncio.run(forget())
    left = plans.choices(plan["id"])
    assert gone not in {item["unit_id"] for item in left}
    assert left
    answer = plans.http.get(f"/v1/plans/{plan['id']}/export?reason=Mailing")
    assert answer.headers["x-dropped"].startswith("erased=1, ")
    assert int(answer.headers["x-listed-count"]) == plan["chosen_count"] - 1


@pytest.mark.parametrize(
    ("changes", "pointer", "code"),
    [
        ({"period": {"from": "2026-03-02", "until": "2026-03-01"}}, "/body/period/until", None),
        (
            {"period": {"from": "1900-01-01", "until": "1900-12-31"}},
            "/body/period/until",
            "in_the_past",
        ),
        (
            {"period": {"from": "1900-01-01", "until": "9999-12-31"}},
            "/body/period/until",
            "out_of_range",
        ),
        ({"budget": {"amount": "5.00", "currency": "USD"}}, "/body/budget/currency", None),
        ({"budget": {"amount": "-5.00", "currency": "EUR"}}, "/body/budget/amount", None),
        ({"limits": [{"kind": "tier", "id": "A"}]}, "/body/limits/0", "limits_nothing"),
        (
            {"limits": [{"kind": "tier", "id": "D", "most_customers": 1}]},
            "/body/limits/0/id",
            "unknown_id",
        ),
        (
            {"limits": [{"kind": "campaign", "id": "x", "most_customers": 1}]},
            "/body/limits/0/covers",
            "covers_campaigns_only",
        ),
        ({"filters": {"strategy": ["hypnosis"]}}, "/body/filters/strategy/0", "unknown_id"),
        (
            {"filters": {"instrument": ["complaint_handling"]}},
            "/body/filters/instrument/0",
            "unknown_id",
        ),
        (
            {"limits": [{"kind": "channel", "id": "tv", "most_customers": 3}]},
            "/body/limits/0/id",
            "unknown_id",
        ),
        (
            {"filters": {"strategy": ["covert_price_increase"]}},
            "/body/filters/strategy/0",
            "unknown_id",
        ),
        (
            {"limits": [{"kind": "strategy", "id": "covert_deescalation", "most_customers": 1}]},
            "/body/limits/0/id",
            "unknown_id",
        ),
        (
            {"limits": [{"kind": "instrument", "id": "price_increase", "most_customers": 1}]},
            "/body/limits/0/id",
            "unknown_id",
        ),
        ({"filters": {"mood": ["good"]}}, "/body/filters/mood", None),
    ],
)
def test_what_cannot_be_planned_is_refused_in_both_languages(
    plans: Plans, changes: dict[str, Any], pointer: str, code: str | None
) -> None:
    answer = plans.http.post("/v1/plans", json=PLAIN | changes, headers={"Accept-Language": "de"})
    assert answer.status_code == 422, answer.text
    (fault,) = answer.json()["errors"]
    assert fault["pointer"] == pointer
    assert code in (None, fault["code"])
    day = r"Ein Plan endet nicht vor dem \d\d\.\d\d\.\d{4}\."
    assert code != "in_the_past" or re.fullmatch(day, fault["message"])
    assert "covert" not in fault["message"]
    assert "gradual_reduction" not in fault["message"]
    assert answer.headers["content-language"] == "de"


def test_each_step_needs_its_scope_and_a_list_a_reason(plans: Plans) -> None:
    path = f"/v1/plans/{plans.make()['id']}"
    with plans.with_scopes("analytics:read") as reader, plans.with_scopes("plans:export") as taker:
        assert reader.get(path).status_code == 200
        assert reader.post("/v1/plans", json=PLAIN).status_code == 403
        assert reader.get(f"{path}/export?reason=curious").status_code == 403
        assert taker.get(path).status_code == 403
        assert taker.get(f"{path}/export").status_code == 422
        assert taker.get(f"{path}/export?reason=x").status_code == 422
        assert taker.get(f"{path}/export?reason=Mailing").status_code == 200
        missing = taker.get(f"/v1/plans/{unit_id(1)}/export?reason=Mailing")
        assert (missing.status_code, missing.json()["code"]) == (404, "plan_missing")


def test_a_list_has_its_header_whoever_is_dropped_first(
    plans: Plans, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, before = f"/v1/plans/{plans.make()['id']}/export?reason=Mailing", plans.ledger

    def listed() -> list[str]:
        rows = csv.DictReader(io.StringIO(plans.http.get(path).text))
        return [row["unit_id"] for row in rows]

    first, *others = listed()
    monkeypatch.setattr("services.analytics.plans.listing._AT_ONCE", 1)
    plans.ledger = Ledger(
        before.mark, before.customers, before.unconverted, before.quality, before.erased | {first}
    )
    try:
        assert listed() == others
    finally:
        plans.ledger = before


def test_a_plan_of_nobody_chooses_nobody(plans: Plans) -> None:
    plan = plans.make(save=False, filters={"owner": ["nobody.at.all"]})
    assert (plan["candidate_count"], plan["chosen_count"]) == (0, 0)
    assert (amount(plan["spent"]), set(map(len, plan["breakdown"].values()))) == (0, {0})


def test_a_limit_is_named_in_german_whatever_it_is_of(plans: Plans) -> None:
    limits: list[dict[str, Any]] = [
        {"kind": "quadrant", "id": "partners", "most_customers": 3},
        {"kind": "segment", "id": "cannot_lose", "most_customers": 3},
    ]
    made = plans.make(limits=limits, save=False, language="de")
    sections = ("value_quadrants", "rfm_segments")
    named = [
        CATALOGUE.entry(section, limit["id"]).name("de")
        for section, limit in zip(sections, limits, strict=True)
    ]
    assert [each["label"] for each in made["limits"]] == named


def test_a_list_for_a_german_spreadsheet_opens_as_it_should(plans: Plans) -> None:
    plan = plans.make()
    path = f"/v1/plans/{plan['id']}/export?reason=Mailing&format=excel_csv"
    answer = plans.http.get(path, headers={"Accept-Language": "de"})
    assert answer.headers["content-disposition"].endswith('.csv"')
    assert answer.content.startswith(b"\xef\xbb\xbf")
    rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig")), delimiter=";"))
    spent = sum(float(row["cost"].replace(",", ".")) for row in rows)
    assert len(rows) == int(answer.headers["x-listed-count"])
    assert all("," in row["cost"] for row in rows)
    assert spent == pytest.approx(amount(plan["spent"]), abs=1)
    english = plans.http.get(path, headers={"Accept-Language": "en"})
    assert b"," in english.content.splitlines()[0]


def test_choices_name_products_by_id_and_key(plans: Plans) -> None:
    before = plans.ledger
    customers = before.customers.copy()
    for step in (1, 2, 3):
        customers[f"step{step}_product"] = 1.0
    plans.ledger = replace(before, customers=customers)
    try:
        item = plans.choices(plans.make()["id"])[0]
    finally:
        plans.ledger = before
    assert (item["product_id"], item["product_key"]) == (PRODUCTS[1].id, PRODUCTS[1].key)


def test_a_text_that_would_be_a_formula_is_made_harmless(plans: Plans) -> None:
    from services.analytics.plans.listing import Form, _csv

    line = {"unit_id": "1", "product_id": '=HYPERLINK("x")'}
    assert b"\"'=HYPERLINK(" in _csv([line], Form(), has_header=True)


def test_while_many_are_computed_others_are_asked_to_wait(
    plans: Plans, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Turns, "_is_full", True)
    answer = plans.http.post("/v1/plans", json=PLAIN)
    assert (answer.status_code, answer.json()["code"]) == (503, "plans_busy")
    assert answer.headers["retry-after"] == "5"


def test_the_documented_example_can_be_planned(plans: Plans) -> None:
    assert plans.http.post("/v1/plans", json=EXAMPLE).status_code == 201
