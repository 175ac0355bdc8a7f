"""The committed OpenAPI document of analytics is the one that the service has."""

import json
from pathlib import Path

from openapi_spec_validator import validate

from services.analytics.app import create_app
from services.analytics.settings import Settings

COMMITTED = Path(__file__).parents[2] / "docs" / "openapi" / "analytics.json"


def test_the_committed_document_is_the_one_of_the_code_and_valid() -> None:
    document = create_app(Settings(), schedules=False).openapi()  # type: ignore[attr-defined]
    assert json.loads(COMMITTED.read_text()) == document, "run `make openapi` and look at the diff"
    validate(document)
