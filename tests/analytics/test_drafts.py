"""What is drafted to the customer says what the value of the step was computed with."""

import pytest

from services.analytics.calculations.recommendations.steps import Step
from services.analytics.catalogue.catalogue import Catalogue, load_catalogue
from services.analytics.catalogue.entries import Draft, Instrument
from services.analytics.catalogue.overlay import apply_overlay
from services.analytics.recommendations.drafts import draft_of

PACKAGE = load_catalogue()


def text_of(catalogue: Catalogue, instrument_id: str, language: str) -> str:
    step = Step(1, "r", None, "stimulation", instrument_id, language=language)
    row = {"phase": "retention"}
    draft = draft_of(step, row, catalogue=catalogue, language="en")
    assert draft is not None
    return f"{draft['subject']} {draft['text']}"


@pytest.mark.parametrize(
    ("percent", "language", "written"),
    [(12, "de", "[12 %]"), (12, "en", "[12%]"), (7.5, "de", "[7,5 %]"), (0, "en", "[…%]")],
)
def test_a_draft_offers_the_percentage_of_its_instrument(
    percent: float, language: str, written: str
) -> None:
    document = f"instruments: {{future_purchase_discount: {{incentive_pct: {percent}}}}}"
    adjusted = apply_overlay(PACKAGE, document, name="own.yaml")
    assert written in text_of(adjusted, "future_purchase_discount", language)


def test_only_instruments_with_a_percentage_are_drafted_with_one() -> None:
    for draft in PACKAGE.sections["drafts"].values():
        assert isinstance(draft, Draft)
        if "{incentive" in draft.text_en + draft.text_de:
            instrument = PACKAGE.entry("instruments", draft.id)
            assert isinstance(instrument, Instrument) and instrument.incentive_pct > 0
            for language in ("de", "en"):
                assert f"[{instrument.incentive_pct:g}" in text_of(PACKAGE, draft.id, language)
