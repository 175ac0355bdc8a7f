"""Experiments: what may be planned and changed, who is assigned, what is closed, shown and learned."""

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from sqlalchemy import update

from services.analytics.app import create_app
from services.analytics.calculations.feedback.arms import arm_numbers
from services.analytics.calculations.feedback.known import Feedback
from services.analytics.calculations.feedback.parameters import FeedbackParameters
from services.analytics.catalogue.catalogue import load_catalogue
from services.analytics.catalogue.options import strategy_options
from services.analytics.crm_client import SCHEMAS
from services.analytics.customers.showing import EPOCH
from services.analytics.decisions.table import decisions
from services.analytics.experiments.assigning import Today, assign_new, forget
from services.analytics.experiments.closing import Ground, close_due
from services.analytics.experiments.loading import load_feedback
from services.analytics.experiments.table import experiments
from services.analytics.frames.clock import day_number
from services.analytics.mirror.writer import Mirror
from services.analytics.scopes import SCOPES
from services.analytics.settings import Settings
from services.foundation.database import Database, Transaction
from services.foundation.statements import Statement
from tests.analytics.test_frames import BERLIN, DAY, contact, deal, identify
from tests.conftest import BOTH, Templates, store_key
from tests.databases import on_database
from tests.live import LiveServer, client

MERGE = "application/merge-patch+json"
PLAN = {
    "key": "winback-1",
    "name": "Return offer",
    "phase": "winback",
    "strategy_id": "winback_factual",
    "instrument_id": "return_offer",
    "holdout_share": 0.4,
    "hypothesis": "A return offer brings more back.",
}
FIRST_DAY = day_number(DAY) - 130
PEOPLE = [f"p{number:03}" for number in range(240)]
NOW = datetime(2026, 6, 16, 6, tzinfo=UTC)
OPTIONS = strategy_options(load_catalogue())
PARAMETERS = FeedbackParameters(permutations=99)


class Service:
    """A running service of analytics and its database."""

    def __init__(self, url: str, http: httpx.Client, base: str) -> None:
        self.url, self.http, self.base = url, http, base

    def on_database(self, work: Callable[[Database], Awaitable[Any]]) -> Any:
        return on_database(self.url, work)

    def plan(self, **fields: Any) -> dict[str, Any]:
        answer = self.http.post("/v1/experiments", json=PLAN | fields)
        assert answer.status_code == 201, answer.text
        made: dict[str, Any] = answer.json()
        return made

    def patch(self, experiment_id: str, version: int | str = "*", **fields: Any) -> httpx.Response:
        headers = {"Content-Type": MERGE, "If-Match": "*" if version == "*" else f'"{version}"'}
        return self.http.patch(f"/v1/experiments/{experiment_id}", json=fields, headers=headers)

    def started(self, **fields: Any) -> str:
        made = self.plan(**fields)
        assert self.patch(made["id"], made["version"], status="running").status_code == 200
        return str(made["id"])

    def get(self, path: str, **query: Any) -> Any:
        answer = self.http.get(f"/v1/{path}", params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def assign(self, customers: pd.DataFrame, **today: Any) -> None:
        """Assign as a refresh does; the customers of later ones follow those of the first."""
        day = replace(Today(FIRST_DAY, BERLIN, "EUR", NOW, 1, None), **today)
        if "open_experiment_ids" not in customers:  # its step is open to everybody
            ids = " ".join(each["id"] for each in self.get("experiments")["items"])
            column = pd.Categorical([ids] * len(customers))
            customers = customers.assign(open_experiment_ids=column)
        self.on_database(
            lambda database: assign_new(
                database,
                customers,
                Feedback(),
                day,
                options=OPTIONS,
                erased=frozenset({identify("p001")}),
                parameters=PARAMETERS,
            )
        )


@pytest.fixture(params=BOTH)
def service(
    request: pytest.FixtureRequest, templates: Templates, tmp_path: Path
) -> Iterator[Service]:
    url = templates.fresh("analytics", request.param, tmp_path)
    settings = Settings(
        data_dir=tmp_path,
        analytics_database_url=url,
        log_requests=False,
        as_of=EPOCH + timedelta(days=FIRST_DAY),
    )
    with (
        LiveServer(create_app(settings, schedules=False)) as live,
        client(live.url, store_key(url, scopes=SCOPES, name="Marketing")) as http,
    ):
        yield Service(url, http, live.url)


def customers(names: list[str], **columns: Any) -> pd.DataFrame:
    plain: dict[str, Any] = {
        "unit_id": [identify(name) for name in names],
        "phase": pd.Categorical(["winback"] * len(names), ["winback", "retention"]),
        "tier": pd.Categorical(["A", "B"] * (len(names) // 2) + ["A"] * (len(names) % 2)),
        "churn_basis": "rhythm",
        "has_profiling_objection": False,
        "churn_horizon_days": 45.2,
        "churn_probability": 0.5,
        "clv_365": 365.0,
        "purchase_count": 3,
        "gap_days": np.nan,
        **{
            f"step{rank}_{part}": np.nan
            for rank in (1, 2, 3)
            for part in ("option", "contact_cost")
        },
    }
    return pd.DataFrame(plain | columns)


def test_a_plan_is_checked_started_once_fixed_then_and_every_step_is_remembered(
    service: Service,
) -> None:
    made = service.plan(minimum_effect=0.05, channel_id="post")
    path = made["id"]
    assert (made["status"], made["version"]) == ("planned", 1)
    assert made["instrument_label"] == "Return offer or discount"
    twice = service.http.post("/v1/experiments", json=PLAN)
    assert (twice.status_code, twice.json()["code"]) == (409, "experiment_exists")
    assert twice.json()["experiment_id"] == path
    assert twice.json()["detail"] == f"The experiment {path} has the key winback-1."
    assert service.patch(path, 7, name="Other").status_code == 412
    assert service.patch(path, 1, holdout_share=0.3, channel_id=None).json()["channel_id"] is None
    wrong = service.patch(path, 2, phase="retention").json()
    assert {each["pointer"] for each in wrong["errors"]} == {
        "/body/strategy_id",
        "/body/instrument_id",
    }
    assert service.patch(path, 2, status="stopped").json()["code"] == "wrong_state"
    assert service.patch(path, 2, status="running").json()["status"] == "running"
    assert service.patch(path, status="running").json()["version"] == 3
    german = {"Content-Type": MERGE, "If-Match": "*", "Accept-Language": "de"}
    fixed = service.http.patch(f"/v1/experiments/{path}", json={"tiers": ["A"]}, headers=german)
    assert (fixed.status_code, fixed.json()["code"]) == (409, "already_started")
    assert fixed.json()["title"].startswith("Was ein Experiment erprobt")
    other = service.plan(key="winback-2")
    refused = service.patch(other["id"], status="running").json()
    assert (refused["code"], refused["experiment_id"]) == ("same_step_tried", path)
    assert refused["detail"] == f"The experiment winback-1 ({path}) is running."
    assert service.patch(path, review_note="Seen.").json()["code"] == "wrong_state"
    assert service.patch(path, status="stopped", name="Ended").json()["stopped_at"] is not None
    shown = service.get(f"experiments/{path}")
    assert [step["action"] for step in shown["history"]] == [
        "created",
        "changed",
        "started",
        "stopped",
    ]
    assert shown["history"][1]["changes"] == ["channel_id", "holdout_share"]
    assert {step["key_name"] for step in shown["history"]} == {"Marketing"}
    assert all(step["request_id"] and step["at"] for step in shown["history"])
    page = service.get("experiments", limit=1)
    following = service.http.get(page["next"]).json()
    assert [each["key"] for each in page["items"] + following["items"]] == [
        "winback-2",
        "winback-1",
    ]
    found = service.get("experiments", status="stopped", phase="winback")["items"]
    assert [each["key"] for each in found] == ["winback-1"]


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"strategy_id": "no_such"}, "strategy_id"),
        ({"strategy_id": "covert_price_increase"}, "strategy_id"),
        ({"instrument_id": "price_increase"}, "instrument_id"),
        ({"instrument_id": "loyalty_card"}, "instrument_id"),
        ({"channel_id": "tv"}, "channel_id"),
        (
            {
                "phase": "development",
                "strategy_id": "service_strategy",
                "instrument_id": "complaint_handling",
            },
            "instrument_id",
        ),
        (
            {
                "phase": "retention",
                "strategy_id": "negative_retention",
                "instrument_id": "exit_fee",
            },
            "strategy_id",
        ),
        (
            {"starts_at": "2026-02-01T00:00:00Z", "ends_at": "2026-02-01T00:00:00Z"},
            "ends_at",
        ),
        ({"holdout_share": 1.0}, "holdout_share"),
        ({"tiers": ["A", "A"]}, "tiers"),
        ({"hypothesis": ""}, "hypothesis"),
    ],
)
@pytest.mark.parametrize("service", ["sqlite"], indirect=True)
def test_what_the_catalogue_does_not_have_cannot_be_tried(
    service: Service, fields: dict[str, Any], pointer: str
) -> None:
    answer = service.http.post("/v1/experiments", json=PLAN | fields)
    assert answer.status_code == 422
    fault = answer.json()["errors"][0]
    assert fault["pointer"] == f"/body/{pointer}"
    # What is hidden is as unknown as what is not there.
    hidden = {"covert_price_increase", "price_increase"} & {str(each) for each in fields.values()}
    assert not hidden or fault["code"] == "unknown_id"
    reader = client(service.base, store_key(service.url, scopes=("analytics:read",)))
    assert reader.post("/v1/experiments", json=PLAN).status_code == 403


@pytest.mark.parametrize("service", ["sqlite"], indirect=True)
def test_what_can_be_tried_is_named_and_checked_again_at_the_start(service: Service) -> None:
    owed = {"phase": "development", "strategy_id": "service_strategy"}
    answer = service.http.post(
        "/v1/experiments",
        json=PLAN | owed | {"instrument_id": "complaint_handling"},
        headers={"Accept-Language": "de"},
    )
    assert answer.json()["errors"][0]["code"] == "obligation"
    assert answer.json()["detail"].startswith("Es steht jedem zu, den es betrifft;")
    assert "guarantee" in answer.json()["detail"]
    unknown = service.http.post("/v1/experiments", json=PLAN | {"strategy_id": "foo"}).json()
    assert "winback_emotional, winback_factual" in unknown["detail"]
    # The catalogue may have changed since it was planned.
    made = service.plan(**owed, instrument_id="guarantee")
    change = Statement(update(experiments).values(instrument_id="complaint_handling"))
    service.on_database(lambda database: database.write(lambda it: it.run(change)))
    refused = service.patch(made["id"], status="running").json()
    assert [(each["pointer"], each["code"]) for each in refused["errors"]] == [
        ("/body/status", "obligation")
    ]


def test_people_are_assigned_once_and_forgotten_with_what_they_are_counted_in(
    service: Service,
) -> None:
    experiment = service.started(tiers=["A"], ends_at="2026-05-01T00:00:00Z")
    phases = pd.Categorical(["winback"] * 19 + ["retention"])
    frame = customers(PEOPLE[:20], phase=phases, has_profiling_objection=[True] + [False] * 19)
    service.assign(frame)
    service.assign(frame)
    people = service.get(f"experiments/{experiment}/assignments")["items"]
    # Of twenty, ten are of tier A; one of these objects to profiling.
    assert [each["unit_id"] for each in people] == [identify(name) for name in PEOPLE[2:20:2]]
    numbers = arm_numbers("winback-1", [each["unit_id"] for each in people])
    for each, u in zip(people, numbers, strict=True):
        assert (each["u"], each["arm"]) == (u, "control" if u < 0.4 else "treatment")
        assert each["expected_contribution"]["amount"] == "120.00"
        assert each["expected_effect"] > 0
        assert each["has_succeeded"] is None
    days = {(each["assigned_on"], each["window_ends_on"]) for each in people}
    assert days == {("2026-02-05", "2026-06-05")}
    treated = service.get(f"experiments/{experiment}/assignments", arm="treatment")["items"]
    arms = service.get(f"experiments/{experiment}")["arms"]
    assert arms == {"treatment_count": len(treated), "control_count": 9 - len(treated)}
    # What follows from changes alone looks at those only, if all others were looked at before.
    more = customers(PEOPLE[:40])
    service.assign(more, version=2, touched=frozenset({identify("p020")}))
    service.assign(more, version=9, touched=frozenset(), as_of_day=FIRST_DAY - 1)
    page = service.get(f"experiments/{experiment}/assignments", limit=8)
    following = service.http.get(page["next"]).json()
    assert len(page["items"]) + len(following["items"]) == 10
    # A gap in what was looked at: everybody is looked at again.
    service.assign(more, version=9, touched=frozenset())
    gone = [identify(name) for name in ("p002", "p004")]
    service.on_database(
        lambda database: database.write(lambda transaction: forget(transaction, gone))
    )
    left = service.get(f"experiments/{experiment}/assignments")["items"]
    assert len(left) == 18  # p000 objects no more; two are gone
    assert not {*gone} & {each["unit_id"] for each in left}
    arms = service.get(f"experiments/{experiment}")["arms"]
    assert arms["treatment_count"] + arms["control_count"] == 18


def test_only_those_are_taken_in_to_whom_the_step_is_open(service: Service) -> None:
    experiment = service.started()
    other = identify("other")
    words = pd.Categorical([None, other, experiment, f"{other} {experiment}"])
    frame = customers(PEOPLE[10:14], open_experiment_ids=words)
    service.assign(frame)
    place = f"experiments/{experiment}/assignments"
    taken = [each["unit_id"] for each in service.get(place)["items"]]
    assert taken == [identify(name) for name in PEOPLE[12:14]]
    seen = service.get(f"experiments/{experiment}")["intake"]
    assert seen == {"as_of": "2026-02-05", "concerned_count": 4, "open_count": 2}
    # Once taken in, they stay; others come as soon as the step is open to them.
    later = frame.assign(open_experiment_ids=pd.Categorical([experiment, None, None, None]))
    service.assign(later, version=2, as_of_day=FIRST_DAY + 1)
    people = {each["unit_id"]: each for each in service.get(place)["items"]}
    assert list(people) == [identify(name) for name in (PEOPLE[10], *PEOPLE[12:14])]
    assert people[identify(PEOPLE[10])]["assigned_on"] == "2026-02-06"


def test_nobody_is_assigned_as_of_a_day_before_the_start(service: Service) -> None:
    experiment = service.started()
    assert service.get(f"experiments/{experiment}")["started_on"] == "2026-02-05"
    service.assign(customers(PEOPLE[:4]), as_of_day=FIRST_DAY - 1)
    assert service.get(f"experiments/{experiment}/assignments")["items"] == []
    service.assign(customers(PEOPLE[:4]))
    assert len(service.get(f"experiments/{experiment}/assignments")["items"]) == 3


def sold(name: str, days_after: int, **fields: Any) -> dict[str, Any]:
    at = datetime(1970, 1, 1, 12, tzinfo=UTC) + timedelta(days=FIRST_DAY + days_after)
    amounts = {"amount_minor": 10_000, "cost_minor": 4_000}
    return deal(
        f"{name[1:]}{days_after % 1000:03}", name, opened_at=at, closed_at=at, **amounts | fields
    )


def mirrored(folder: Path, deals: list[dict[str, Any]]) -> Ground:
    """Put people and their deals into a mirror, but one who was deleted."""
    rows: dict[Any, list[dict[str, Any]]] = {
        "contacts": [contact(name) for name in PEOPLE if name != "p005"],
        "deals": deals,
        "interactions": [],
        "products": [],
        "competitor-activities": [],
    }
    ids = ("id", "contact_id")
    with Mirror(folder) as mirror:
        snapshot = mirror.load(
            {
                name: pa.Table.from_pylist(
                    [{k: identify(v) if k in ids else v for k, v in row.items()} for row in some],
                    schema=SCHEMAS[name],
                ).to_batches()
                for name, some in rows.items()
            },
            cursor="1",
            now=NOW,
        )
    return Ground(snapshot, DAY, day_number(DAY), BERLIN, "EUR", 0.35)


def is_treated(name: str, key: str = "winback-1") -> bool:
    return bool(arm_numbers(key, [identify(name)])[0] >= 0.4)


def close(service: Service, ground: Ground) -> int:
    count: int = service.on_database(
        lambda database: close_due(database, ground, now=NOW, parameters=PARAMETERS)
    )
    return count


def test_a_result_is_told_when_all_windows_have_closed_and_taught_once(
    service: Service, tmp_path: Path
) -> None:
    experiment = service.started(ends_at="2026-02-06T00:00:00Z")
    service.assign(customers(PEOPLE))
    deals = [sold(name, 10) for name in PEOPLE if is_treated(name)]
    control = [n for n in PEOPLE if not is_treated(n) and n not in ("p001", "p005")]
    deals += [sold(name, 120) for name in control[:10]]
    # Too early, too late, refunded in full.
    deals += [sold(control[20], 0), sold(control[21], 121)]
    deals.append(sold(control[22], 9, refund_minor=10_000, refunded_at=NOW - timedelta(days=30)))
    ground = mirrored(tmp_path / "mirror", deals)
    early = replace(ground, as_of=DAY - timedelta(days=11), as_of_day=ground.as_of_day - 11)
    assert close(service, early) == 0
    waiting = service.get(f"experiments/{experiment}/result")
    assert (waiting["is_final"], waiting["total"], waiting["tiers"]) == (False, None, [])
    assert waiting["known_on"] == "2026-06-06"
    assert "6 Jun 2026" in waiting["text"]
    assert close(service, ground) == 1
    assert close(service, ground) == 0
    result = service.get(f"experiments/{experiment}/result")
    total = result["total"]
    assert (result["is_final"], result["lost_count"]) == (True, 1)
    # One of the 240 was erased, one deleted.
    assert total["treatment_count"] + total["control_count"] == 238
    assert total["treatment_rate"] == 1.0
    assert total["control_rate"] == pytest.approx(10 / total["control_count"])
    assert (total["verdict"], total["verdict_label"]) == ("effective", "Effective")
    assert total["contribution"]["treatment"] == {"amount": "60.00", "currency": "EUR"}
    assert total["contribution"]["verdict"] == "effective"
    assert [row["tier"] for row in result["tiers"]] == ["A", "B"]
    shown = service.get(f"experiments/{experiment}")
    assert (shown["status"], shown["needs_review"]) == ("closed", False)
    assert shown["history"][-1]["action"] == "closed"
    assert shown["history"][-1]["key_id"] is None
    (person,) = service.get(f"experiments/{experiment}/assignments", limit=1)["items"]
    assert person["has_succeeded"] is True
    assert person["contribution"]["amount"] == "60.00"
    (effect,) = service.get("effects", is_learned="true")["items"]
    assert (effect["instrument_id"], effect["phase"]) == ("return_offer", "winback")
    assert effect["posterior"]["mean"] > effect["prior"]["mean"]
    assert effect["experiment_ids"] == [experiment]
    known = service.on_database(load_feedback)
    assert known.effects["return_offer", "winback"][0] == effect["posterior"]["mean"]
    assert known.holdouts == ()
    rows = service.get("effectiveness", strategy_id="winback_factual")["items"]
    assert [row["tier"] for row in rows] == [None, "A", "B"]
    page = service.get("effectiveness", limit=2)
    assert service.http.get(page["next"]).json()["items"] == rows[2:]


def test_harm_is_put_to_a_person_until_it_is_reviewed_and_small_groups_are_hidden(
    service: Service, tmp_path: Path
) -> None:
    experiment = service.started()
    names = PEOPLE[:200]
    tiers = pd.Categorical(["C"] * 4 + ["B"] * 90 + ["A"] * 106)
    service.assign(customers(names, tier=tiers, churn_basis="contract"))
    open_ended = service.get(f"experiments/{experiment}/result")
    assert open_ended["known_on"] is None
    # Under contract it counts whether one still runs when the window ends.
    keeps = {"contract_end_at": NOW + timedelta(days=300)}
    lost = {**keeps, "contract_cancelled_at": NOW - timedelta(days=60)}
    deals = [sold(n, -50, **(lost if is_treated(n) else keeps)) for n in names]
    ground = mirrored(tmp_path / "mirror", deals)
    assert close(service, ground) == 0
    assert service.patch(experiment, status="stopped").status_code == 200
    assert close(service, ground) == 1
    result = service.http.get(
        f"/v1/experiments/{experiment}/result", headers={"Accept-Language": "de"}
    ).json()
    assert (result["total"]["verdict"], result["total"]["verdict_label"]) == (
        "harmful",
        "Schädlich",
    )
    assert (result["total"]["treatment_rate"], result["total"]["control_rate"]) == (0, 1)
    # Of tier C there are too few; with the total it could be told from one of the others alone.
    assert {row["tier"]: row["is_hidden"] for row in result["tiers"]} == {
        "A": False,
        "B": True,
        "C": True,
    }
    pair = ("winback_factual", "return_offer")
    assert service.on_database(load_feedback).held_back == {pair}
    effect = service.get("effects", instrument_id="return_offer", phase="winback")["items"][0]
    assert effect["held_back_strategy_ids"] == ["winback_factual"]
    reviewed = service.patch(experiment, review_note="Wrong list.").json()
    assert (reviewed["needs_review"], reviewed["review_note"]) == (False, "Wrong list.")
    assert service.get(f"experiments/{experiment}")["history"][-1]["action"] == "reviewed"
    assert service.on_database(load_feedback).held_back == frozenset()


def test_an_instrument_is_tried_once_in_a_phase_whatever_the_strategy(service: Service) -> None:
    voucher = {"phase": "development", "instrument_id": "future_purchase_discount"}
    service.started(**voucher, strategy_id="bondage_short_term")
    other = service.plan(**voucher, key="voucher-2", strategy_id="sales_promotion")
    assert service.patch(other["id"], status="running").json()["code"] == "same_step_tried"
    service.started(
        **voucher | {"phase": "retention"}, key="voucher-3", strategy_id="sales_promotion"
    )


@pytest.mark.parametrize("channel", ["phone", None])
def test_a_contact_costs_what_instrument_and_channel_do_unless_somebody_says_what_it_cost(
    service: Service, tmp_path: Path, channel: str | None
) -> None:
    catalogue = load_catalogue()
    instrument = next(each for each in catalogue.instruments if each.id == "return_offer")
    phone = next(each for each in catalogue.channels if each.id == "phone")
    both = (instrument.unit_cost or 0.0) + phone.unit_cost
    experiment = service.started(channel_id=channel, ends_at="2026-02-06T00:00:00Z")
    people = customers(PEOPLE)
    number = next(n for n, c in enumerate(OPTIONS.candidates) if c.instrument_id == "return_offer")
    people["step2_option"], people["step2_contact_cost"] = float(number), both
    service.assign(people)
    (person,) = service.get(f"experiments/{experiment}/assignments", limit=1)["items"]
    assert float(person["contact_cost"]["amount"]) == both
    treated = [name for name in PEOPLE if is_treated(name) and name not in ("p001", "p005")]

    async def execute(transaction: Transaction) -> None:
        plain: dict[str, Any] = dict.fromkeys(column.name for column in decisions.columns)
        for number, (currency, status, days) in enumerate(
            [
                ("EUR", "executed", 1),
                ("USD", "executed", 1),
                ("EUR", "accepted", 1),
                ("EUR", "executed", -1),
            ]
        ):
            row = {
                **plain,
                "id": identify(f"d{number}"),
                "version": 1,
                "unit_id": identify(treated[number]),
                "recommendation_id": identify(f"r{number}"),
                "status": status,
                "instrument_id": "return_offer",
                "snapshot": {},
                "executed_at": NOW + timedelta(days=days),
                "cost_minor": 9_900,
                "cost_currency": currency,
                "decided_at": NOW,
                "updated_at": NOW,
            }
            await transaction.insert_many(decisions, [row])

    service.on_database(lambda database: database.write(execute))
    deals = [sold(name, 10) for name in treated[:50]]
    assert close(service, mirrored(tmp_path / "mirror", deals)) == 1
    total = service.get(f"experiments/{experiment}/result")["total"]
    incentives = instrument.incentive_abs * (50 - 1)
    expected = both * (len(treated) - 1) + incentives + 99.0
    assert float(total["cost"]["amount"]) == pytest.approx(expected, abs=0.01)


@pytest.mark.parametrize(
    ("path", "body", "english", "german"),
    [
        ("experiments", [], "An object is expected", "Ein Objekt wird erwartet"),
        ("experiments", PLAN | {"name": 5}, "A text is expected", "Ein Text wird erwartet"),
        ("experiments", PLAN | {"tiers": "A"}, "A list is expected", "Eine Liste wird erwartet"),
        (
            "experiments",
            PLAN | {"tiers": ["A", "B", "C", "A"]},
            "At most 3 entries are allowed",
            "Höchstens 3 Einträge sind erlaubt",
        ),
        (
            f"customers/{identify('p000')}/explain-what-if",
            {"changes": []},
            "At least one entry is expected",
            "Mindestens ein Eintrag ist nötig",
        ),
        (
            f"customers/{identify('p000')}/explain-what-if",
            {"changes": [{}]},
            "The field `fact` is missing; it tells what is meant",
            "Das Feld `fact` fehlt; es sagt, was gemeint ist",
        ),
        (
            f"customers/{identify('p000')}/explain-what-if",
            {"changes": [{"fact": "nope"}]},
            "The field `fact` takes: ",
            "Im Feld `fact` sind erlaubt: ",
        ),
    ],
)
@pytest.mark.parametrize("service", ["sqlite"], indirect=True)
def test_what_does_not_fit_is_told_plainly_in_both_languages(
    service: Service, path: str, body: Any, english: str, german: str
) -> None:
    for language, expected in (("en", english), ("de", german)):
        answer = service.http.post(f"/v1/{path}", json=body, headers={"Accept-Language": language})
        assert answer.status_code == 422, answer.text
        (error,) = answer.json()["errors"]
        assert error["message"].startswith(expected)
        assert "nope" not in answer.text
    page = service.http.get("/v1/experiments?cursor=bad", headers={"Accept-Language": "de"})
    assert page.json()["detail"].startswith("Das ist keiner unserer Cursor")


def test_an_experiment_that_took_in_nobody_had_too_few(service: Service, tmp_path: Path) -> None:
    experiment = service.started(ends_at="2026-02-06T00:00:00Z")
    assert close(service, mirrored(tmp_path / "mirror", [])) == 1
    total = service.get(f"experiments/{experiment}/result")["total"]
    assert (total["is_hidden"], total["verdict"]) == (False, "too_few")
    assert (total["treatment_count"], total["control_count"]) == (0, 0)
    assert total["verdict_text"].startswith("0 treated and 0 held out")
    assert service.get("effects", is_learned="true")["items"] == []


@pytest.mark.parametrize("service", ["sqlite"], indirect=True)
def test_control_groups_are_told_until_the_end_and_change_the_mark(service: Service) -> None:
    before = service.on_database(load_feedback)
    experiment = service.started()
    running = service.on_database(load_feedback)
    (holdout,) = running.holdouts
    assert (holdout.experiment_id, holdout.instrument_id) == (experiment, "return_offer")
    ids = [identify(name) for name in PEOPLE]
    assert holdout.holds_out(ids).tolist() == [not is_treated(name) for name in PEOPLE]
    assert running.mark != before.mark
    service.patch(experiment, status="stopped")
    assert service.on_database(load_feedback).holdouts == running.holdouts


def test_an_id_that_no_catalogue_had_is_refused_and_one_of_an_earlier_one_found(
    service: Service, tmp_path: Path
) -> None:
    service.started(ends_at="2026-02-06T00:00:00Z")
    service.assign(customers(PEOPLE[10:20]))
    assert close(service, mirrored(tmp_path / "mirror", [])) == 1
    earlier = Statement(update(experiments).values(instrument_id="birthday_call"))
    service.on_database(lambda database: database.write(lambda it: it.run(earlier)))
    (shown,) = service.get("experiments")["items"]
    assert (shown["instrument_id"], shown["instrument_label"]) == ("birthday_call",) * 2
    found = service.get("effectiveness", instrument_id="birthday_call")["items"]
    assert {each["instrument_label"] for each in found} == {"birthday_call"}
    for path, name in (
        ("effectiveness", "strategy_id"),
        ("effectiveness", "instrument_id"),
        ("effects", "instrument_id"),
        ("decisions", "strategy_id"),
        ("decisions", "instrument_id"),
    ):
        answer = service.http.get(f"/v1/{path}", params={name: ["foo"]})
        assert answer.status_code == 422, path
        (error,) = answer.json()["errors"]
        assert (error["pointer"], error["code"]) == (f"/query/{name}/0", "unknown_id")
        assert "return_offer" in error["message"] or "winback_factual" in error["message"]


@pytest.mark.parametrize("service", ["sqlite"], indirect=True)
def test_sample_sizes_are_told_and_impossible_effects_refused(service: Service) -> None:
    asked = {"base_rate": "0.10", "effect": "0.05", "holdout_share": "0.5"}
    found = service.get("sample-size", **asked)
    assert found == {
        "per_arm": 683,
        "treatment_count": 683,
        "control_count": 683,
        "total_count": 1366,
    }
    for effect in ("0", "0.95", "NaN", "x"):
        answer = service.http.get("/v1/sample-size", params=asked | {"effect": effect})
        assert answer.status_code == 422, effect
    for language, told in (("en", "between -0.1 and 0.9"), ("de", "zwischen -0,1 und 0,9")):
        answer = service.http.get(
            "/v1/sample-size",
            params=asked | {"effect": "0.000001"},
            headers={"Accept-Language": language},
        )
        assert told in answer.json()["detail"]
        least = "0,0001" if language == "de" else "0.0001"
        assert least in answer.json()["errors"][0]["message"]
