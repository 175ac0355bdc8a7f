"""The stages of imported deals: read also with their pipeline, asked about where they cannot be told."""

from typing import Any

import pytest

from tests.conftest import Crm
from tests.crm_api.test_imports import everything, finished, imported, upload

HUBSPOT = "Record ID,Deal Name,Deal Stage,Close Date,Amount,Associated Contact IDs\n"
QUERY = {"resource": "deals", "currency": "EUR", "create_missing_contacts": "true"}


def _hubspot(*stages: str) -> str:
    rows = [f"7{at},Deal {at},{name},2024-05-01,12.50,5{at}\n" for at, name in enumerate(stages)]
    return HUBSPOT + "".join(rows)


def _stages(crm: Crm, run: dict[str, Any]) -> dict[str, str]:
    assert run["rejected_count"] == 0
    return {
        deal["external_refs"][0]["id"]: deal["stage"] for deal in everything(crm.client, "deals")
    }


def test_a_stage_with_its_pipeline_behind_it_is_that_stage(crm: Crm) -> None:
    file = _hubspot(
        "Closed Won (Sales Pipeline)",
        "Closed Lost (Sales Pipeline)",
        "Appointment Scheduled (Sales Pipeline)",
        "Geschlossen und gewonnen (Vertriebspipeline)",
    )
    assert _stages(crm, imported(crm, file, **QUERY)) == {
        "70": "won",
        "71": "lost",
        "72": "new",
        "73": "won",
    }


def test_a_stage_of_ones_own_is_meant_with_all_it_says(crm: Crm) -> None:
    stages = [
        {"key": "won", "name": "Won", "kind": "won"},
        {"key": "lost", "name": "Lost", "kind": "lost"},
        {"key": "open", "name": "Won (to be signed)", "kind": "open"},
    ]
    made = crm.client.post("/v1/pipelines", json={"key": "own", "name": "Own", "stages": stages})
    assert made.status_code == 201, made.text
    file = "id,customer_id,pipeline,stage,closed_at\n" + "".join(
        f"{at},C1,own,{name},{day}\n"
        for at, (name, day) in enumerate(
            [("Won (to be signed)", ""), ("Won (Own)", "2024-05-01"), ("Lost", "2024-05-01")]
        )
    )
    query = QUERY | {"source": "own", "mapping": "pipeline:pipeline_id"}
    assert _stages(crm, imported(crm, file, **query)) == {"0": "open", "1": "won", "2": "lost"}
    assert upload(crm, _hubspot("Won (to be signed)"), **QUERY).json()["questions"] == []


@pytest.mark.parametrize(
    "file",
    [
        _hubspot("Ordered!", "Closed Won", "Cancelled by us", "Closed Lost"),
        "Deal-ID;Kundennummer;Phase;Abschlussdatum\n1;C1;Gewonnen;1.5.2024\n2;C1;Bestellt!;1.5.2024\n3;C1;Beauftragt;2.5.2024\n",
    ],
)
def test_stages_that_cannot_be_told_are_asked_about(service: Crm, file: str) -> None:
    state = upload(service, file, start="true", **QUERY).json()
    assert state["status"] == "needs_answers"
    (asked,) = [each for each in state["questions"] if each["code"] == "unlikely_cells"]
    assert [each["value"] for each in asked["options"]] == ["stage", "ignore"]


def test_one_stage_of_many_that_is_unknown_is_a_rejected_row(crm: Crm) -> None:
    file = _hubspot("Closed Won", "Closed Lost", "New", "Qualified", "Ordered!")
    answer = upload(crm, file, start="true", **QUERY)
    assert answer.status_code == 202
    state = finished(crm.client, answer.json()["id"])
    assert (state["created_count"], state["rejected_count"]) == (4, 1)
