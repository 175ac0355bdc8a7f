"""The catalogue: what comes with the package is whole, and a broken copy is refused by name."""

from __future__ import annotations

from collections.abc import Callable
from importlib.resources import files

import pytest
import yaml

from services.analytics.calculations.recommendations.candidates import SITUATIONS
from services.analytics.calculations.recommendations.recommending import GAPS
from services.analytics.catalogue.catalogue import (
    Catalogue,
    CatalogueError,
    checked_catalogue,
    parse_catalogue,
)
from services.analytics.catalogue.options import strategy_options

DOCUMENT = (files("services.analytics.catalogue") / "catalogue.yaml").read_text(encoding="utf-8")
RAW = yaml.load(DOCUMENT, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
CATALOGUE = parse_catalogue(DOCUMENT)


def broken(change: Callable[[dict[str, list[dict[str, object]]]], object]) -> str:
    """Return the message with which a changed copy is refused."""
    copy = {
        name: [dict(item) for item in value]
        if isinstance(value, list) and value[0:1] != ["en"]
        else value
        for name, value in RAW.items()
    }
    change(copy)
    with pytest.raises(CatalogueError) as refused:
        checked_catalogue(copy)
    return str(refused.value)


def test_every_section_of_the_file_is_a_section_of_the_catalogue() -> None:
    sections = {
        name for name, value in RAW.items() if isinstance(value, list) and name != "language"
    }
    assert set(CATALOGUE.sections) == sections
    assert {name: len(items) for name, items in CATALOGUE.sections.items()} == {
        name: len(RAW[name]) for name in sections
    }


def test_every_entry_has_a_name_and_a_description_in_both_languages() -> None:
    for entries in CATALOGUE.sections.values():
        for entry in entries.values():
            for language in ("en", "de"):
                assert entry.name(language).strip()
                assert entry.description(language).strip()


def test_every_section_says_in_both_languages_what_it_holds() -> None:
    assert set(CATALOGUE.section_texts) == set(CATALOGUE.sections)
    for texts in CATALOGUE.section_texts.values():
        assert texts.name("en") and texts.name("de")
        assert texts.description("en") != texts.description("de")


def test_entries_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        CATALOGUE.phases[0].order = 9  # type: ignore[misc]


def test_an_unknown_id_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        CATALOGUE.entry("phases", "autumn")


@pytest.mark.parametrize(
    ("change", "where"),
    [
        (lambda c: c["strategies"][0].update(instruments=["bribe"]), "strategies.stimulation.instruments: there is no bribe in instruments"),
        (lambda c: c["phases"][1].update(states=["gone"]), "phases.development.states: there is no gone in lifecycle_states"),
        (lambda c: c["lead_stages"][0].update(next_goal="fame"), "lead_stages.unaware.next_goal: there is no fame in goals"),
        (lambda c: c["goals"][0].update(prerequisites=["luck"]), "goals.attention.prerequisites: there is no luck in conditions"),
        (lambda c: c["goals"][0].update(source=["nowhere.txt"]), "goals.attention.source: there is no nowhere.txt in sources"),
        (lambda c: c["purchase_motives"][0].update(affinity={"magic": 1.0}), "purchase_motives.monopoly.affinity: there is no magic in strategies"),
        (lambda c: c["marketing_events"][0].update(action="magic"), "marketing_events.product_opened.action: there is no magic in instruments"),
        (lambda c: c["channels"].append(dict(c["channels"][0])), "channels.email.id: is there twice"),
        (lambda c: c["channels"][1].pop("de"), "channels.post.de: Field required"),
        (lambda c: c["channels"][1].update(desc_de=""), "channels.post.desc_de: String should have at least 1 character"),
        (lambda c: c["channels"][1].update(colour="red"), "channels.post.colour: Extra inputs are not permitted"),
        (lambda c: c["conditions"][0].update(unknown="maybe"), "conditions.addressable.unknown: Input should be a valid boolean"),
        (lambda c: c["terminate_profiles"][0].pop("remedy_de"), "terminate_profiles.serial_complainer.remedy_de: Field required"),
        (lambda c: c["terminate_profiles"][0].update(signal="noise"), "terminate_profiles.serial_complainer.signal: there is no noise in termination_signals"),
        (lambda c: c["marketing_events"][0].update(wait_days=-1), "marketing_events.product_opened.wait_days: Input should be greater than or equal to 0"),
        (lambda c: c["communication_styles"][0].update(avoid=["talk"]), "communication_styles.brief.avoid: there is no talk in instruments"),
        (lambda c: c["value_quadrants"][0].update(default_strategies=["hope"]), "value_quadrants.partners.default_strategies: there is no hope in strategies"),
        (lambda c: c["satisfaction_dimensions"][0].update(responds_with=["hope"]), "satisfaction_dimensions.product.responds_with: there is no hope in instruments"),
        (lambda c: c["data_gaps"][8].update(effect_de="{kunden}"), "data_gaps.deals_without_fx_rate: Value error, effect_de has unknown values: kunden"),
        (lambda c: c.update(section_texts={"goals": RAW["section_texts"]["goals"]}), "section_texts.phases.id: is in one of the two only"),
        (lambda c: c["strategies"][27].pop("risk_en"), "strategies.covert_unbundling.risk_en: is missing"),
        (lambda c: c["reason_codes"][0].update(desc_de="{tage}"), "reason_codes.R_OVERDUE: Value error, desc_de and params differ in gap, median_gap, rank, tage"),
        (lambda c: c["reason_codes"][0].update(params={"gap": "days", "median_gap": "days", "rank": "stars"}), "reason_codes.R_OVERDUE.params: rank is of the unknown kind stars"),
        (lambda c: c.pop("goals"), "goals: Field required"),
    ],
)  # fmt: skip
def test_a_broken_copy_is_refused_with_section_id_and_field(
    change: Callable[[dict[str, list[dict[str, object]]]], object], where: str
) -> None:
    assert where in broken(change)


def test_every_fault_is_named_at_once() -> None:
    def change(copy: dict[str, list[dict[str, object]]]) -> None:
        copy["goals"][0]["phases"] = ["spring"]
        copy["strategies"][0]["goals"] = ["fame"]

    assert broken(change).splitlines() == [
        "goals.attention.phases: there is no spring in phases",
        "strategies.stimulation.goals: there is no fame in goals",
    ]


@pytest.mark.parametrize("document", ["", "[1, 2]", "phases: [", "phases: 5"])
def test_what_is_no_catalogue_is_refused(document: str) -> None:
    with pytest.raises(CatalogueError):
        parse_catalogue(document)


def test_groups_obligations_and_mass_instruments_are_no_candidates() -> None:
    options = strategy_options(CATALOGUE)
    strategies = {item.id: item for item in CATALOGUE.strategies}
    instruments = {item.id: item for item in CATALOGUE.instruments}
    assert options.candidates
    for candidate in options.candidates:
        strategy = strategies[candidate.strategy_id]
        instrument = instruments[candidate.instrument_id]
        assert strategy.auto_recommend
        assert not strategy.children
        assert instrument.addressable
        assert instrument.type not in ("obligation", "mass", "termination")
        assert candidate.phase in strategy.phases
        assert candidate.phase in instrument.phases
        assert "addressable" in {check.condition_id for check in candidate.checks}
        assert candidate.channels


def test_situations_and_gaps_name_what_the_catalogue_has(catalogue: Catalogue = CATALOGUE) -> None:
    pairs = {
        (item.strategy_id, item.instrument_id) for item in strategy_options(catalogue).candidates
    }
    for row in SITUATIONS:
        assert row.state in catalogue.sections["lifecycle_states"]
        assert row.lead_stage is None or row.lead_stage in catalogue.sections["lead_stages"]
        assert row.motive is None or row.motive in catalogue.sections["purchase_motives"]
        assert row.strategy_id in catalogue.sections["strategies"]
        assert {(row.strategy_id, name) for name in row.instrument_ids} <= pairs
    assert set(GAPS) <= set(catalogue.sections["data_gaps"])
