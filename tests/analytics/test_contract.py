"""What analytics answers is what its document promises, in both languages, for every kind of customer."""

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any
from urllib.parse import urlencode

import httpx
import numpy as np
import pytest
from jsonschema_rs import Draft202012Validator

from services.analytics.app import create_app
from services.analytics.scopes import SCOPES
from services.analytics.settings import Settings
from services.analytics.tables import ORDERS
from tests.analytics.published import publish_simulated, unit_id
from tests.conftest import BOTH, Templates, store_key
from tests.fuzz import SEED, cases_in, schemathesis
from tests.live import LiveServer, client

SORTS = {f"{minus}{name}" for name in ORDERS for minus in ("", "-")}


@pytest.fixture(scope="module", params=BOTH)
def http(
    request: pytest.FixtureRequest,
    templates: Templates,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[httpx.Client]:
    """A client of the service with a published base, for all tests; they add refreshes at most."""
    folder = tmp_path_factory.mktemp("contract")
    url = templates.fresh("analytics", request.param, folder)
    publish_simulated(url, data_dir=folder)
    settings = Settings(
        data_dir=folder,
        analytics_database_url=url,
        analytics_requests_per_minute=10_000_000,
        log_requests=False,
    )
    key = store_key(url, scopes=SCOPES)
    with LiveServer(create_app(settings, schedules=False)) as live, client(live.url, key) as http:
        yield http


@cache
def document_of(http: httpx.Client) -> Any:
    return http.get("/openapi.json").json()


def keeps(http: httpx.Client, answer: httpx.Response, path: str, method: str = "get") -> Any:
    """Check an answer against the document and return it."""
    document = document_of(http)
    responses = document["paths"][path][method]["responses"]
    promised = responses.get(str(answer.status_code), responses["default"])
    if "$ref" in promised:
        promised = document["components"]["responses"][promised["$ref"].rpartition("/")[2]]
    media = answer.headers["content-type"].partition(";")[0]
    schema = promised["content"][media]["schema"] | {"components": document["components"]}
    found = answer.json()
    errors = [error.message for error in Draft202012Validator(schema).iter_errors(found)]
    assert not errors, errors[:3]
    return found


@pytest.mark.parametrize("language", ["de", "en"])
def test_customers_of_every_phase_are_as_promised(http: httpx.Client, language: str) -> None:
    headers = {"Accept-Language": language}
    following: str | None = "/v1/customers?limit=50"
    seen: dict[str | None, list[str]] = {}
    while following:
        answer = http.get(following, headers=headers)
        assert answer.headers["content-language"] == language
        page = keeps(http, answer, "/v1/customers")
        for item in page["items"]:
            seen.setdefault(item["phase"], []).append(item["unit_id"])
        following = page["next"]
    assert sum(map(len, seen.values())) == 360
    assert {None, "acquisition", "development", "retention", "winback"} <= seen.keys()
    for ids in seen.values():
        for each in ids[:5]:
            answer = http.get(f"/v1/customers/{each}", headers=headers)
            keeps(http, answer, "/v1/customers/{unit_id}")


def test_lists_are_as_promised_by_every_sort_and_filter(http: httpx.Client) -> None:
    document = document_of(http)
    parameters = document["paths"]["/v1/customers"]["get"]["parameters"]
    (sort,) = [each["schema"] for each in parameters if each["name"] == "sort"]
    assert set(sort["enum"]) == SORTS
    for order in sort["enum"]:
        ids: list[str] = []
        following: str | None = f"/v1/customers?sort={order}&limit=190"
        while following:
            page = http.get(following).json()
            ids += [item["unit_id"] for item in page["items"]]
            following = page["next"]
        assert len(ids) == len(set(ids)) == 360
    for phase in ("acquisition", "development", "retention", "winback", "termination"):
        page = keeps(http, http.get("/v1/customers", params={"phase": phase}), "/v1/customers")
        assert {item["phase"] for item in page["items"]} <= {phase}


def test_filters_and_bounds_keep_what_they_say(http: httpx.Client) -> None:
    everybody: list[dict[str, Any]] = []
    following: str | None = "/v1/customers?limit=200"
    while following:
        page = http.get(following).json()
        everybody += [http.get(f"/v1/customers/{each['unit_id']}").json() for each in page["items"]]
        following = page["next"]

    def ids(**asked: Any) -> set[str]:
        found: list[str] = []
        path: str | None = f"/v1/customers?{urlencode(asked, doseq=True)}"
        while path:
            page = http.get(path).json()
            found += [item["unit_id"] for item in page["items"]]
            path = page["next"]
        assert len(found) == len(set(found))
        return set(found)

    def of(is_meant: Callable[[dict[str, Any]], Any]) -> set[str]:
        meant = {each["unit_id"] for each in everybody if is_meant(each)}
        assert 0 < len(meant) < len(everybody)
        return meant

    def amount(value: dict[str, str] | None) -> float:
        return np.nan if value is None else float(value["amount"])

    def id_of(choice: dict[str, str] | None) -> str:
        return "" if choice is None else choice["id"]

    assert ids(tier="A") == of(lambda each: each["tier"] == "A")
    assert ids(quadrant=["partners", "occasional"], tier=["B", "C"]) == of(
        lambda each: (
            id_of(each["quadrant"]) in ("partners", "occasional") and each["tier"] in ("B", "C")
        )
    )
    assert ids(newness="diverted") == of(
        lambda each: "diverted" in map(id_of, each["standing"]["newness"])
    )
    assert ids(signal=["leave_intent", "support_burst"]) == of(
        lambda each: any(
            signal["strength"]
            for signal in each["signals"]
            if signal["id"] in ("leave_intent", "support_burst")
        )
    )
    assert ids(signal_gte="0.5") == of(
        lambda each: any((signal["strength"] or 0) >= 0.5 for signal in each["signals"])
    )
    assert ids(
        signal=["payment_delay", "inactivity"], signal_gte="0.9", sort="-signal_inactivity"
    ) == of(
        lambda each: any(
            (signal["strength"] or 0) >= 0.9
            for signal in each["signals"]
            if signal["id"] in ("payment_delay", "inactivity")
        )
    )
    assert ids(motive_basis="unknown") == of(
        lambda each: each["standing"]["motive_basis"] == "unknown"
    )
    assert ids(termination_step="observe", limit=3) == of(
        lambda each: id_of((each["termination"] or {}).get("step")) == "observe"
    )
    assert ids(loyalty_rung="client", churn_basis="rhythm", motive="habit", kind="person") == of(
        lambda each: (
            id_of(each["loyalty_rung"]) == "client"
            and each["churn"]["basis"] == "rhythm"
            and id_of(each["standing"]["motive"]) == "habit"
        )
    )
    assert ids(value_gte="10.5", value_lt="80", sort="churn", limit=7) == of(
        lambda each: 10.495 <= amount(each["value"]["clv_365"]) < 79.995
    )
    assert ids(satisfaction_difference_lt="0") == of(
        lambda each: (each["satisfaction"]["difference"] or 0) < 0
    )
    assert ids(churn_lt="0.5") == of(lambda each: (each["churn"]["probability"] or 1) < 0.5)
    day = sorted(each["rhythm"]["last_purchase_date"] or "" for each in everybody)[200]
    assert ids(last_purchase_date_gte=day, purchase_count_lt=3) == of(
        lambda each: (
            (each["rhythm"]["last_purchase_date"] or "") >= day
            and each["rhythm"]["purchase_count"] < 3
        )
    )


def test_the_parts_of_an_answer_fit_together(http: httpx.Client) -> None:
    for item in http.get("/v1/customers?sort=-churn&limit=40").json()["items"]:
        body = http.get(
            f"/v1/customers/{item['unit_id']}", headers={"Accept-Language": "de"}
        ).json()
        churn = body["explanations"]["churn_probability"]
        assert churn["value"] == body["churn"]["probability"]
        assert churn["model_version"] == body["model_version"]
        strengths = {each["id"]: each["strength"] for each in body["signals"]}
        if body["strongest_signal"] is None:
            assert not any(strengths.values())
        else:
            strongest = body["strongest_signal"]
            assert strongest["strength"] == strengths[strongest["id"]] > 0
        for each in body["signals"]:
            shown = [proof for proof in churn["evidence"] if proof["role"] == each["id"]]
            assert shown == each["evidence"]
        if body["termination"] is not None:
            assert "Menschen" in body["termination"]["note"]


def test_a_customer_says_how_it_can_be_reached_and_why_not(http: httpx.Client) -> None:
    seen: set[str] = set()
    for number in range(60):
        path = f"/v1/customers/{unit_id(number)}"
        body = http.get(path, headers={"Accept-Language": "de"}).json()
        contact = body["contact"]
        if body["state"] is None:  # objects to profiling
            assert contact is None
            continue
        of_another = number % 3 != 0
        assert contact["person_id"] == unit_id(number + (30_000 if of_another else 0))
        email, *others = contact["channels"]
        assert (email["channel"], email["allowed"], email["quality"]) == ("email", False, None)
        assert email["why_not"]["code"] == "R_CHANNEL_NO_CONSENT"
        assert "Einwilligung" in email["why_not"]["text"]
        for each in others:
            assert each["allowed"] is (each["why_not"] is None) is (each["quality"] is not None)
        best = [each for each in others if each["channel"] == contact["preferred_channel"]]
        assert all(each["quality"] is None or each["quality"] >= 0.5 for each in best)
        pressure = contact["pressure"]
        is_now = pressure["next_possible_on"] == body["as_of"]
        codes = {each["code"] for each in contact["reasons"]}
        assert pressure["allowed"] is is_now is ("R_CAP" not in codes)
        assert ("R_NO_CONSENT" in codes) is not any(each["allowed"] for each in others)
        seen |= codes
    assert "R_CAP" in seen


def test_what_a_customer_was_before_is_as_promised(http: httpx.Client) -> None:
    (item,) = http.get("/v1/customers?limit=1").json()["items"]
    path = "/v1/customers/{unit_id}/history"
    page = keeps(http, http.get(f"/v1/customers/{item['unit_id']}/history"), path)
    assert (page["items"], page["next"]) == ([], None)
    missing = http.get(f"/v1/customers/{unit_id(99_999)}/history")
    assert keeps(http, missing, path)["code"] == "customer_missing"


def test_summary_and_refreshes_are_as_promised(http: httpx.Client) -> None:
    summary = keeps(http, http.get("/v1/summary"), "/v1/summary")
    assert summary["total"]["customer_count"] == 360
    assert sum(each["customer_count"] for each in summary["states"]) <= 360
    asked = http.post("/v1/refreshes", json={"as_of": "2020-01-01", "is_full": True})
    assert asked.status_code == 202
    made = keeps(http, asked, "/v1/refreshes", "post")
    shown = http.get(asked.headers["location"])
    assert keeps(http, shown, "/v1/refreshes/{refresh_id}") == made
    assert keeps(http, http.get("/v1/refreshes"), "/v1/refreshes")["items"][0] == made


@pytest.mark.parametrize(
    ("path", "template", "status"),
    [
        (f"/v1/customers/{unit_id(99_999)}", "/v1/customers/{unit_id}", 404),
        ("/v1/customers/no-id", "/v1/customers/{unit_id}", 422),
        ("/v1/customers?sort=age", "/v1/customers", 422),
        ("/v1/customers?phase=retired", "/v1/customers", 422),
        ("/v1/customers?unheard=of", "/v1/customers", 422),
        ("/v1/customers?value_gte=1e3", "/v1/customers", 422),
        ("/v1/customers?churn_lt=1.5", "/v1/customers", 422),
        (f"/v1/customers/{unit_id(1)}/history?cursor=bad", "/v1/customers/{unit_id}/history", 422),
        ("/v1/customers?cursor=bad", "/v1/customers", 422),
        ("/v1/customers?limit=0", "/v1/customers", 422),
        ("/v1/summary?x=1", "/v1/summary", 422),
        (f"/v1/refreshes/{unit_id(1)}", "/v1/refreshes/{refresh_id}", 404),
    ],
)
def test_refusals_are_as_promised(
    http: httpx.Client, path: str, template: str, status: int
) -> None:
    answer = http.get(path)
    assert answer.status_code == status
    problem = keeps(http, answer, template)
    assert problem["status"] == status


@pytest.mark.parametrize("http", ["postgresql"], indirect=True)
def test_schemathesis_finds_nothing(http: httpx.Client) -> None:
    key = http.headers["authorization"].removeprefix("Bearer ")
    url = str(http.base_url).rstrip("/")
    good, said = schemathesis(url, key, examples=3, seed=SEED, phases="fuzzing")
    assert good, said
    assert cases_in(said) >= 100, said
