"""What analytics answers is what its document promises, in both languages, for every kind of customer."""

from collections.abc import Iterator
from functools import cache
from typing import Any

import httpx
import pytest
from jsonschema import Draft202012Validator

from services.analytics.app import create_app
from services.analytics.scopes import SCOPES
from services.analytics.settings import Settings
from tests.analytics.published import publish_simulated, unit_id
from tests.conftest import BOTH, Templates, store_key
from tests.fuzz import SEED, cases_in, schemathesis
from tests.live import LiveServer, client

SORTS = [
    f"{minus}{name}"
    for name in ("value", "churn", "value_at_risk", "unit_id")
    for minus in ("", "-")
]


@pytest.fixture(scope="module", params=BOTH)
def http(
    request: pytest.FixtureRequest,
    templates: Templates,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[httpx.Client]:
    """A client of the service with a published base, for all tests; they add refreshes at most."""
    folder = tmp_path_factory.mktemp("contract")
    url = templates.fresh("analytics", request.param, folder)
    publish_simulated(url)
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
    assert set(sort["enum"]) <= set(SORTS)
    for order in sort["enum"]:
        ids: list[str] = []
        following: str | None = f"/v1/customers?sort={order}&limit=170"
        while following:
            page = keeps(http, http.get(following), "/v1/customers")
            ids += [item["unit_id"] for item in page["items"]]
            following = page["next"]
        assert len(ids) == len(set(ids)) == 360
    for phase in ("acquisition", "development", "retention", "winback", "termination"):
        page = keeps(http, http.get("/v1/customers", params={"phase": phase}), "/v1/customers")
        assert {item["phase"] for item in page["items"]} <= {phase}


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


def test_schemathesis_finds_nothing(http: httpx.Client) -> None:
    key = http.headers["authorization"].removeprefix("Bearer ")
    url = str(http.base_url).rstrip("/")
    good, said = schemathesis(url, key, examples=5, seed=SEED, phases="examples,coverage,fuzzing")
    assert good, said
    assert cases_in(said) >= 100, said
