"""Every example of the CRM's document is sent to the service and answers as documented."""

import json
from typing import Any

import pytest

from services.crm_api.app import create_app
from services.crm_api.settings import Settings
from tests.conftest import BOTH, MakeCrm
from tests.crm_api.world import REACHED, World, in_order
from tests.examples import Validators, check, send, undescribed


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    app: Any = create_app(Settings(crm_database_url="sqlite:///never-opened.sqlite3"))
    made: dict[str, Any] = json.loads(json.dumps(app.openapi()))
    return made


def test_everything_is_described(document: dict[str, Any]) -> None:
    assert undescribed(document) == []


@pytest.mark.parametrize("kind", BOTH)
def test_every_example_answers_as_documented(
    document: dict[str, Any], make_crm: MakeCrm, hook: str, kind: str
) -> None:
    crm = make_crm(kind, **REACHED)
    world, known = World(crm, document, hook=hook), Validators()
    count = 0
    for request in in_order(document):
        ready = world.prepare(request)
        answer = send(crm.client, ready)
        check(answer, ready, known)
        if request.operation.name.startswith("batch_"):
            assert {item["status"] for item in answer.json()["items"]} <= {200, 201}, answer.text
        count += 1
    assert count > 1100, "the document shows less than it did"
