"""Every example of the document of analytics is sent to the service and answers as documented."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from services.analytics.app import create_app
from services.analytics.plans.schemas import EXAMPLE as PLAN
from services.analytics.scopes import SCOPES
from services.analytics.settings import Settings
from tests.analytics.beside import empty_crm
from tests.analytics.published import publish_simulated, unit_id
from tests.conftest import BOTH, Templates, store_key
from tests.examples import Request, Validators, check, examples, operations, send, undescribed
from tests.live import LiveServer, client


@pytest.fixture(params=BOTH)
def http(
    request: pytest.FixtureRequest, templates: Templates, tmp_path: Path
) -> Iterator[httpx.Client]:
    url = templates.fresh("analytics", request.param, tmp_path)
    publish_simulated(url, data_dir=tmp_path)
    key = store_key(url, scopes=SCOPES)
    with empty_crm(request.param, templates, tmp_path) as crm_url:
        settings = Settings(
            data_dir=tmp_path, analytics_database_url=url, crm_url=crm_url, log_requests=False
        )
        with (
            LiveServer(create_app(settings, schedules=False)) as live,
            client(live.url, key) as http,
        ):
            yield http


def _undecided(http: httpx.Client) -> dict[str, str]:
    """Name a recommendation that nobody has decided on."""
    items = http.get("/v1/recommendations", params={"limit": 50}).json()["items"]
    chosen = items[len(http.get("/v1/decisions").json()["items"])]
    step = [*chosen["obligations"], *chosen["steps"]][0]["id"]
    return {"unit_id": chosen["unit_id"], "recommendation_id": step}


def prepare(http: httpx.Client, request: Request) -> Request:
    """Let an example name what exists."""
    path, query, headers = dict(request.path), dict(request.query), dict(request.headers)
    body = request.body
    if request.operation.name == "create_experiment":
        body = {**body, "key": uuid4().hex}  # a key names one experiment
    if request.operation.name == "create_decision":
        body = {**body, **_undecided(http)}
    if "decision_id" in path:
        made = http.post("/v1/decisions", json={**_undecided(http), "decision": "accepted"})
        path["decision_id"] = made.json()["id"]
    if "experiment_id" in path:
        path["experiment_id"] = http.get("/v1/experiments").json()["items"][0]["id"]
    if "If-Match" in headers:
        headers["If-Match"] = "*"
    if "unit_id" in path:
        path["unit_id"] = unit_id(1)
    if "version" in path:
        path["version"] = "1"
    if "refresh_id" in path:
        path["refresh_id"] = http.get("/v1/refreshes").json()["items"][0]["id"]
    if "plan_id" in path:
        path["plan_id"] = http.get("/v1/plans").json()["items"][-1]["id"]
    if request.operation.name == "cancel_plan":
        made = http.post("/v1/plans", json=PLAN)
        path["plan_id"] = made.json()["id"]
        headers |= {"If-Match": made.headers["etag"]}
    if "quarter" in query:
        latest = http.get("/v1/termination-fairness").json()["as_of"]
        query["quarter"] = f"{latest[:4]}-Q{(int(latest[5:7]) + 2) // 3}"
    if "cursor" in query:
        asked = request.operation.path.format(**path)
        following = http.get(asked, params={"limit": 1}).json()["next"]
        if following is None:
            del query["cursor"]
        else:
            query["cursor"] = following.partition("cursor=")[2]
    return replace(request, path=path, query=query, headers=headers, body=body)


def test_everything_is_described_and_every_example_answers_as_documented(
    http: httpx.Client,
) -> None:
    document: dict[str, Any] = http.get("/openapi.json").json()
    assert undescribed(document) == []
    known = Validators()
    found = [
        each
        for operation in operations(document)
        # It computes from the records, which this base has none of: `end_to_end/test_customer_card`.
        if operation.name != "explain_what_if"
        # Each step of due process needs what came before: `test_termination_cases`.
        and not operation.path.startswith("/v1/termination-cases")
        for each in examples(operation)
    ]
    # What is made or asked for comes first, so that there is something to be read.
    for request in sorted(found, key=lambda each: each.operation.method != "post"):
        ready = prepare(http, request)
        check(send(http, ready), ready, known)
