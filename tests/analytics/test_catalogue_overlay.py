"""The overlay file: what it changes, what it must not, and that every fault is told with its line."""

import asyncio
import logging
import os
from importlib.resources import files
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from starlette.datastructures import State

from services.analytics.catalogue.catalogue import (
    Catalogue,
    CatalogueError,
    Instrument,
    load_catalogue,
    parse_catalogue,
)
from services.analytics.catalogue.following import following_overlay
from services.analytics.catalogue.options import strategy_options
from services.analytics.catalogue.overlay import apply_overlay
from services.analytics.catalogue.overlay_fields import CHANGEABLE, OWN_FIELDS, expectation
from services.analytics.catalogue_command import run_catalogue
from services.analytics.settings import Settings

PACKAGE = parse_catalogue(
    (files("services.analytics.catalogue") / "catalogue.yaml").read_text(encoding="utf-8")
)
BIRTHDAY_CALL = """\
  birthday_call:
    en: Birthday call
    de: Geburtstagsanruf
    desc_en: A call on the customer's birthday.
    desc_de: Ein Anruf zum Geburtstag des Kunden.
    prerequisites: [tier_a_or_b]
    contraindications: []
    phases: [development, retention]
    type: gesture
    channels: [phone]
    unit_cost: 4
    uplift: [0.03, 0.02]
"""
GOOD = f"""\
instruments:
  newsletter:
    unit_cost: 0.05
    uplift: [0.006, 0.003]
  gift: {{enabled: false}}
{BIRTHDAY_CALL}
strategies:
  attachment:
    instruments: [customer_service, birthday_call, memorable_moment]
channels:
  phone: {{unit_cost: 4.5, base_response: 0.12}}
  visit: {{enabled: false}}
reason_codes:
  R_CANCELLED:
    desc_de: Es liegt eine Kündigung vor.
goals:
"""


def adjusted(document: str) -> Catalogue:
    return apply_overlay(PACKAGE, document, name="own.yaml")


def refused(document: str) -> list[str]:
    """Return the lines with which a file is refused."""
    with pytest.raises(CatalogueError) as error:
        adjusted(document)
    return str(error.value).splitlines()


def instrument(catalogue: Catalogue, name: str) -> Instrument:
    return cast(Instrument, catalogue.entry("instruments", name))


def test_a_file_changes_what_it_names_and_nothing_else() -> None:
    found = adjusted(GOOD)
    assert instrument(found, "newsletter").unit_cost == 0.05
    assert instrument(found, "newsletter").uplift == (0.006, 0.003)
    assert found.entry("reason_codes", "R_CANCELLED").description("de").startswith("Es liegt")
    untouched = {
        (section, name)
        for section, entries in found.sections.items()
        for name, entry in entries.items()
        if entry == PACKAGE.sections[section].get(name)
    }
    everything = {
        (section, name) for section, entries in found.sections.items() for name in entries
    }
    assert everything - untouched == {
        *(("instruments", name) for name in ("newsletter", "gift", "birthday_call")),
        *(("channels", name) for name in ("phone", "visit")),
        ("strategies", "attachment"),
        ("reason_codes", "R_CANCELLED"),
    }
    assert found.adjustments.of("channels", "phone") == ("base_response", "unit_cost")
    assert found.adjustments.of("channels", "email") == ()


def test_what_is_switched_off_is_never_a_candidate_and_what_is_added_is_one() -> None:
    before, after = (strategy_options(each).candidates for each in (PACKAGE, adjusted(GOOD)))
    assert "gift" in {each.instrument_id for each in before}
    assert "gift" not in {each.instrument_id for each in after}
    calls = [each for each in after if each.instrument_id == "birthday_call"]
    assert {each.phase for each in calls} == {"development", "retention"}
    assert {each.strategy_id for each in calls} == {"attachment"}
    channels = strategy_options(adjusted(GOOD)).channels
    assert {
        each.unit_cost + channels[place].unit_cost for each in calls for place in each.channels
    } == {4 + 4.5}
    assert {each.instrument_id for each in after if each.strategy_id == "attachment"} == {
        *("customer_service", "birthday_call", "memorable_moment")
    }


def test_a_strategy_or_all_channels_of_an_instrument_can_be_switched_off() -> None:
    off = "{enabled: false}"
    found = adjusted(
        f"strategies:\n  service_strategy: {off}\nchannels:\n  post: {off}\n  event: {off}"
    )
    options = strategy_options(found)
    assert "service_strategy" not in {each.strategy_id for each in options.candidates}
    assert "direct_mail" not in {each.instrument_id for each in options.candidates}
    assert "post" not in {each.channel_id for each in options.channels}
    assert "service_strategy" not in {each.strategy_id for each in options.duties}
    assert "complaint_handling" in {each.instrument_id for each in options.duties}


def test_own_prices_and_barriers_keep_to_the_guard_rails() -> None:
    for kind, forbidden in (
        ("price", {"deal_hunter", "open_complaint"}),
        ("barrier", {"dissatisfied", "open_complaint"}),
    ):
        own = BIRTHDAY_CALL.replace("gesture", kind)
        found = adjusted(
            f"instruments:\n{own}strategies: {{attachment: {{instruments: [birthday_call]}}}}"
        )
        for each in strategy_options(found).candidates:
            if each.instrument_id == "birthday_call":
                checks = {check.condition_id for check in each.checks if not check.must_hold}
                assert forbidden <= checks


@pytest.mark.parametrize(
    ("document", "line"),
    [
        ("instrumnts:\n  newsletter:\n    unit_cost: 1", "1: instrumnts: There is no section `instrumnts`; did you mean `instruments`"),
        ("# costs\n\ninstruments:\n  newsleter:\n    unit_cost: 1", "4: instruments.newsleter: There is no entry `newsleter`; did you mean `newsletter`?"),
        ("goals:\nevents: {}", "2: events: There is no section `events`"),
        ("goals:\nnonsense:", "2: nonsense: There is no section `nonsense`"),
        ("conditions:\n  dissatisfied:\n    holds: false", "3: conditions.dissatisfied.holds: holds is told by the records of a customer, not by the company; leave `holds` out"),
        ("channels:\n  fax: {unit_cost: 1}", "2: channels.fax: There is no entry `fax`; there are: email, post"),
        ("instruments:\n  gift:\n    unitcost: 1", "3: instruments.gift.unitcost: There is no field `unitcost`; did you mean `unit_cost`"),
        ("instruments:\n  gift:\n    channels: [post]", "3: instruments.gift.channels: an overlay file does not change this; it may change: enabled"),
        ("strategies:\n  bondage_long_term:\n    prerequisites: []", "3: strategies.bondage_long_term.prerequisites: an overlay file does not change this"),
        ("instruments:\n  gift:\n    unit_cost: cheap", "3: instruments.gift.unit_cost: an amount of base currency per contact, 0 or more is expected, such as `unit_cost: 0.5`"),
        ("instruments:\n  gift:\n    unit_cost: -1", "3: instruments.gift.unit_cost: an amount"),
        ("instruments:\n  gift:\n    unit_cost: .nan", "3: instruments.gift.unit_cost: an amount"),
        ("instruments:\n  gift:\n    unit_cost:", "3: instruments.gift.unit_cost: an amount"),
        ("instruments:\n  gift:\n    uplift: [0.03]", "3: instruments.gift.uplift: a list of two shares"),
        ("instruments:\n  gift:\n    uplift:\n      - 0.03\n      - 2", "3: instruments.gift.uplift: a list of two shares"),
        ("instruments:\n  gift:\n    enabled: maybe", "3: instruments.gift.enabled: true or false is expected, such as `enabled: false`"),
        ("instruments:\n  gift:\n    incentive_pct: 101", "3: instruments.gift.incentive_pct: a percentage of the order value from 0 to 100"),
        ("channels:\n  email:\n    base_response: 5", "3: channels.email.base_response: a share above 0, from 0.000001 to 1"),
        ("channels:\n  email:\n    base_response: 0", "3: channels.email.base_response: a share above 0"),
        ("communication_styles:\n  brief:\n    cap_30d: 0", "3: communication_styles.brief.cap_30d: a whole number of contacts from 1 to 30"),
        ("goals:\n  interest:\n    en: ''", "3: goals.interest.en: a text of one line with at most 200 characters"),
        ('goals:\n  interest:\n    desc_de: "a\\nb"', "3: goals.interest.desc_de: a text of one line with at most 1000 characters"),
        ("strategies:\n  attachment:\n    instruments: [hug]", "3: strategies.attachment.instruments: there is no hug in instruments; a list of ids"),
        ("strategies:\n  attachment:\n    instruments: [termination_letter]", "3: strategies.attachment.instruments: termination_letter ends relationships"),
        ("strategies:\n  open_explained:\n    instruments: [gift]", "3: strategies.open_explained.instruments: ending a relationship keeps its instruments"),
        ("strategies:\n  negative_retention:\n    auto_recommend: true", "3: strategies.negative_retention.auto_recommend: this is for people to choose"),
        ("instruments:\n  complaint_handling:\n    enabled: false", "3: instruments.complaint_handling.enabled: an obligation cannot be switched off"),
        ("strategies:\n  attachment:\n    risk_en: too much of it", "2: strategies.attachment.risk_de: is missing"),
        ("marketing_events:\n  season_start:\n    action: sing", "3: marketing_events.season_start.action: there is no sing in instruments; the id of an instrument"),
        ("reason_codes:\n  R_LEAVE:\n    desc_de: In {tagen} Tagen.", "3: reason_codes.R_LEAVE.desc_de: desc_de and params differ in days, tagen; write the values in braces: {days}"),
        ("data_gaps:\n  deals_without_amount:\n    effect_en: '{all} of them.'", "3: data_gaps.deals_without_amount.effect_en: effect_en has unknown values: all"),
        ("instruments:\n  gift: 5", "2: instruments.gift: fields are expected under it, such as `unit_cost: 0.5`"),
        ("instruments: [gift]", "1: instruments: ids of entries are expected under it, such as `newsletter:`"),
        ("- instruments", "1: sections are expected, such as `instruments:`"),
        ("instruments:\n  gift: {unit_cost: 1}\n  gift: {unit_cost: 2}", "3: instruments.gift: is there twice, first on line 2; keep one of the two"),
        ("instruments:\n\tgift: 1", "2: this is no YAML: "),
        ("a: [\n", "1: this is no YAML: "),
        ("a: \x07", "1: this is no YAML: "),
        (f"instruments:\n{BIRTHDAY_CALL.replace('    uplift: [0.03, 0.02]', '')}", "2: instruments.birthday_call.uplift: is missing: a list of two shares"),
        (f"instruments:\n{BIRTHDAY_CALL.replace('gesture', 'obligation')}", "10: instruments.birthday_call.type: one of price, product"),
        (f"instruments:\n{BIRTHDAY_CALL.replace('retention]', 'termination]')}", "9: instruments.birthday_call.phases: ending a relationship has no measures of your own"),
        (f"instruments:\n{BIRTHDAY_CALL.replace('tier_a_or_b', 'sunshine')}", "7: instruments.birthday_call.prerequisites: there is no sunshine in conditions"),
        (f"instruments:\n{BIRTHDAY_CALL.replace('birthday_call', 'BirthdayCall')}", "2: instruments.BirthdayCall: an id of at most 64 small letters"),
    ],
)  # fmt: skip
def test_a_fault_is_told_with_line_section_id_field_and_what_is_expected(
    document: str, line: str
) -> None:
    (found,) = refused(document)
    assert found.startswith(f"own.yaml:{line}")


def test_all_faults_are_told_at_once_in_the_order_of_the_lines() -> None:
    document = GOOD.replace("0.05", "cheap").replace("[phone]", "[pigeon]").replace("4.5", "-1")
    lines = refused(f"{document}  interest:\n    metric: 1\n    de:\n")
    assert [line.split(": ")[:2] for line in lines] == [
        ["own.yaml:3", "instruments.newsletter.unit_cost"],
        ["own.yaml:15", "instruments.birthday_call.channels"],
        ["own.yaml:23", "channels.phone.unit_cost"],
        ["own.yaml:30", "goals.interest.metric"],
        ["own.yaml:31", "goals.interest.de"],
    ]


def test_the_example_of_every_field_can_be_copied() -> None:
    def example(name: str) -> str:
        return expectation(name).partition("`")[2].rstrip("`")

    for section, names in CHANGEABLE.items():
        lines = "".join(f"    {example(name)}\n" for name in names)
        entries = PACKAGE.sections[section]
        if section == "conditions":
            entries = {each.id: each for each in PACKAGE.conditions if each.declarable}
        adjusted(f"{section}:\n  {next(iter(entries))}:\n{lines}")
    for section, (required, optional) in OWN_FIELDS.items():
        lines = "".join(f"    {example(name)}\n" for name in (*required, *optional))
        assert "mine" in adjusted(f"{section}:\n  mine:\n{lines}").sections[section]


def test_the_example_in_the_readme_is_good() -> None:
    readme = (Path(__file__).resolve().parents[2] / "README.md").read_text(encoding="utf-8")
    example = readme.partition("catalogue.yaml <<'END'\n")[2].partition("\nEND\n")[0]
    fields = adjusted(example).adjustments.fields
    assert set(fields) == {"channels", "conditions", "instruments", "strategies"}


def test_what_is_computed_has_another_name_with_every_number_and_none_with_texts() -> None:
    marks = {
        adjusted(document).adjustments.mark
        for document in (
            GOOD,
            "instruments: {gift: {unit_cost: 9}}",
            "instruments: {gift: {unit_cost: 9.5}}",
            "instruments: {gift: {enabled: false}}",
        )
    }
    assert len(marks) == 4
    for document in (
        "",
        "# nothing yet\ninstruments:\n",
        "instruments: {gift: {unit_cost: 8}}",
        "instruments: {gift: {de: Präsent}}",
    ):
        assert adjusted(document).adjustments.mark == ""
    assert adjusted("instruments: {gift: {unit_cost: 8}}").adjustments.fields == {}
    assert (
        adjusted("instruments: {gift: {de: Präsent, unit_cost: 9}}").adjustments.mark
        == adjusted("# dearer\ninstruments:\n  gift:\n    unit_cost: 9.0").adjustments.mark
    )


def test_an_own_entry_that_is_gone_is_named_by_its_id() -> None:
    assert PACKAGE.label("instruments", "birthday_call", "de") == "birthday_call"
    assert adjusted(GOOD).label("instruments", "birthday_call", "de") == "Geburtstagsanruf"
    with pytest.raises(KeyError):
        PACKAGE.label("goals", "fame", "en")


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(CatalogueError, match=r"none\.yaml: the overlay cannot be read: No such"):
        load_catalogue(tmp_path / "none.yaml")
    latin = tmp_path / "latin.yaml"
    latin.write_bytes("goals:\n  interest:\n    de: für\n".encode("latin-1"))
    with pytest.raises(CatalogueError, match=r"latin\.yaml:3: the overlay is not UTF-8"):
        load_catalogue(latin)


def test_the_command_tells_what_a_good_file_changes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "own.yaml"
    path.write_text(GOOD, encoding="utf-8")
    run_catalogue(Settings(_env_file=None), SimpleNamespace(overlay=path))  # type: ignore[arg-type]
    head, *lines = capsys.readouterr().out.splitlines()
    assert head == f"fine: {path} changes 7 entries"
    assert "  channels.phone: base_response, unit_cost" in lines


def test_a_changed_file_is_followed_and_a_faulty_one_changes_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    path, state = tmp_path / "own.yaml", State()
    path.write_text("goals: {interest: {de: Erstes}}", encoding="utf-8")

    async def until(word: str) -> None:
        async with asyncio.timeout(20):
            while state.catalogue.label("goals", "interest", "de") != word:
                await asyncio.sleep(0.01)

    async def run() -> None:
        async with following_overlay(path, state, look_seconds=0.01):
            state.catalogue = PACKAGE
            await until("Erstes")
            path.write_text("goals: {interest: {de: }}", encoding="utf-8")
            async with asyncio.timeout(20):
                while not caplog.records:
                    await asyncio.sleep(0.01)
            await until("Erstes")
            path.write_text("goals: {interest: {de: Zweites}}", encoding="utf-8")
            os.utime(path)
            await until("Zweites")

    asyncio.run(run())
    (record,) = caplog.records
    fields: Any = record.__dict__["fields"]
    assert "own.yaml:1: goals.interest.de: a text of one line" in fields["faults"]
