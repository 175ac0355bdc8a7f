"""The closed lists of the CRM are the ids of the catalogue, or say which of them they are."""

from pathlib import Path
from typing import Any, get_args

import pytest
import yaml

from services.crm_api import words
from services.crm_api.deals.schemas import WonReason
from services.crm_api.imports.values.labels import CHOICES
from services.crm_api.interactions import schemas as interactions
from services.crm_api.meta.labels import LABELS

CATALOGUE: dict[str, list[dict[str, Any]]] = yaml.load(
    (
        Path(__file__).resolve().parents[2] / "services/analytics/catalogue/catalogue.yaml"
    ).read_text(),
    Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader),
)


def ids(section: str) -> list[str]:
    return [entry["id"] for entry in CATALOGUE[section]]


@pytest.mark.parametrize(
    ("section", "words_of", "labels"),
    [
        ("channels", words.Channel, "channel"),
        ("touchpoints", words.Touchpoint, "touchpoint"),
        ("purchase_motives", words.PurchaseMotive, "purchase_motive"),
        ("communication_styles", words.CommunicationStyle, "communication_style"),
        ("satisfaction_dimensions", words.Dimension, "satisfaction_dimension"),
        ("phases", words.Phase, "phase"),
    ],
)
def test_a_closed_list_is_its_section_of_the_catalogue(
    section: str, words_of: Any, labels: str
) -> None:
    assert list(get_args(words_of)) == ids(section)
    assert list(LABELS[labels]) == ids(section)


def test_consents_are_given_for_the_channels_that_need_one() -> None:
    needing = [each["id"] for each in CATALOGUE["channels"] if each["consent"] != "none"]
    assert list(get_args(words.ConsentChannel)) == list(LABELS["consent_channel"]) == needing


def test_touchpoints_are_told_apart_by_office() -> None:
    for office in ("front", "back"):
        those = [each["id"] for each in CATALOGUE["touchpoints"] if each["office"] == office]
        assert list(LABELS[f"{office}_office_touchpoint"]) == those


def test_every_advantage_that_motivates_a_purchase_is_a_reason_to_win() -> None:
    # A-MOTIVE infers the motive from the reasons for which deals were won.
    reasons = {"offer": "product"}
    for motive in ids("purchase_motives"):
        advantage = motive.removeprefix("advantage_")
        if advantage != motive:
            assert reasons.get(advantage, advantage) in get_args(WonReason)


def test_the_kinds_that_triggers_of_the_catalogue_read_can_be_recorded() -> None:
    kinds = get_args(interactions.Kind)
    rules = [
        str(entry.get("trigger") or entry.get("rule"))
        for section in ("marketing_events", "conditions")
        for entry in CATALOGUE[section]
    ]
    for kind in ("life_event", "complaint", "offer", "survey invitation"):
        assert any(kind in rule for rule in rules)
        assert kind.replace(" ", "_") in kinds
    event = str(interactions.NewInteraction.model_fields["event_type"].description)
    assert "household_growth" in event


def test_files_may_call_a_word_what_people_read() -> None:
    for name, meant in (
        ("channel", words.Channel),
        ("touchpoint", words.Touchpoint),
        ("purchase_motive", words.PurchaseMotive),
    ):
        assert set(CHOICES[name].values()) == set(get_args(meant))
