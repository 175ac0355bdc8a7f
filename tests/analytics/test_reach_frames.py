"""Who may be reached, how and how often, as the records of a day say it."""

import math
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pandas as pd
import pytest

from services.analytics.calculations.reach.parameters import BARRIERS
from services.analytics.catalogue.catalogue import load_catalogue
from services.analytics.catalogue.options import reach_parameters
from services.analytics.frames.dictionary import check_frame
from services.analytics.frames.reach_dictionary import reach_columns
from services.analytics.tables import CHANNELS, REACH_COLUMNS
from shared.values import wire_instant
from tests.analytics import test_frames
from tests.analytics.test_frames import (
    BEFORE,
    END,
    LATER,
    PARAMETERS,
    Row,
    contact,
    deal,
    identify,
    interaction,
    known,
    names,
    organisation,
    window_start,
)

REACH = reach_parameters(load_catalogue())
DAY = timedelta(days=1)


def noon(year: int, month: int, day: int) -> datetime:
    return datetime(year, month, day, 12, tzinfo=UTC)


def day_of(number: float) -> date:
    return date(1970, 1, 1) + DAY * number


class Base(test_frames.Base):
    """Records that are mirrored and read with the channels of the catalogue."""

    def reach(self, *args: Any) -> pd.DataFrame:
        frame = self.frames(*args, parameters=replace(PARAMETERS, reach=REACH)).reach
        check_frame(frame, reach_columns(REACH), index="unit")
        return frame

    def all(self, *args: Any) -> list[Mapping[str, Any]]:
        frame = self.reach(*args)
        columns = {str(name): frame[name].tolist() for name in frame}
        return [{name: columns[name][row] for name in columns} for row in range(len(frame))]

    def one(self, *args: Any) -> Mapping[str, Any]:
        (unit,) = self.all(*args)
        return unit


@pytest.fixture
def base(tmp_path: Path) -> Base:
    return Base(tmp_path)


def consents(*said: tuple[str, str, str], since: Any = BEFORE) -> str:
    return orjson.dumps(
        [
            {"channel": channel, "purpose": purpose, "state": state, "since": wire_instant(since)}
            for channel, purpose, state in said
        ]
    ).decode()


def reachable(name: str = "a", *said: tuple[str, str, str], **fields: Any) -> Row:
    """Return a person of whom every address is known."""
    found = {"has_email": True, "has_phone": True, "has_address": True}
    return contact(name, **found, consents=consents(*said), **fields)


def email(name: str, state: str = "granted", **fields: Any) -> Row:
    return reachable(name, ("email", "marketing", state), **fields)


def touch(
    number: int | str, at: Any, of: str = "a", kind: str = "campaign_touch", **fields: Any
) -> Row:
    return interaction(f"t{number}", kind, of, occurred_at=at, channel="email", **fields)


def allowed(unit: Mapping[str, Any]) -> set[str]:
    return {name for name in CHANNELS if not pd.isna(unit[f"quality_{name}"])}


def barrier(unit: Mapping[str, Any], channel: str) -> str:
    place = [rule.id for rule in REACH.channels].index(channel)
    return BARRIERS[unit["channel_barriers"] // len(BARRIERS) ** place % len(BARRIERS)]


def test_what_is_stored_of_channels_is_what_the_catalogue_has() -> None:
    assert tuple(rule.id for rule in REACH.channels) == CHANNELS
    assert set(REACH_COLUMNS) <= {column.name for column in reach_columns(REACH)}
    conditions = load_catalogue().sections["conditions"]
    answered = {column.name for column in reach_columns(REACH) if column.dtype == "boolean"}
    assert answered <= set(conditions)
    assert {"addressable", "pressure_ok", "solvent", "asked_no_contact"} <= answered


def test_an_empty_crm_reaches_nobody(base: Base) -> None:
    assert len(base.reach()) == 0


def test_nothing_told_leaves_the_post_alone(base: Base) -> None:
    unit = base.one([reachable()])
    assert allowed(unit) == {"post"}
    assert unit["quality_post"] == 1.0
    assert unit["addressable"] and unit["pressure_ok"] and unit["survey_allowed"]
    assert not unit["asked_no_contact"]
    assert (unit["touches_30"], unit["cap_30"], unit["wait_days"]) == (0, 4, 0)
    assert unit["service_email"] and unit["service_phone"] and not unit["service_chat"]
    assert barrier(unit, "email") == "no_consent"
    unit = base.one([contact("a")])
    assert allowed(unit) == set() and not unit["addressable"]
    assert barrier(unit, "post") == barrier(unit, "email") == "no_address"
    assert not unit["service_email"]


def test_consent_opens_and_refusal_closes_a_channel(base: Base) -> None:
    cases = [
        ("email", "granted", "allowed"),
        ("email", "pending", "consent_pending"),
        ("email", "withdrawn", "refused"),
        ("email", "objected", "refused"),
        ("post", "granted", "allowed"),
        ("post", "withdrawn", "refused"),
        ("post", "objected", "refused"),
        ("app", "granted", "allowed"),
    ]
    people = [
        reachable(f"{purpose[0]}{place}", (channel, purpose, state))
        for purpose in ("marketing", "survey")
        for place, (channel, state, _) in enumerate(cases)
    ]
    units = base.all(people)
    for place, (channel, _, barred) in enumerate(cases):
        unit, asked = units[place], units[len(cases) + place]
        assert barrier(unit, channel) == barred
        assert (channel in allowed(unit)) is (barred == "allowed")
        assert bool(asked[f"survey_{channel}"]) is (barred == "allowed")
        if channel != "post":  # which nobody has to be asked for
            assert not unit[f"survey_{channel}"]
            assert channel not in allowed(asked)


def test_who_refuses_advertising_is_not_surveyed_there_unless_it_agreed_later(base: Base) -> None:
    def asked(*said: tuple[str, str, Any]) -> bool:
        """Whether who also agreed to e-mail is asked for an opinion by post."""
        told: list[Any] = [orjson.loads(consents(("email", "marketing", "granted")))[0]]
        for purpose, state, since in said:
            told += orjson.loads(consents(("post", purpose, state), since=since))
        unit = base.one([reachable() | {"consents": orjson.dumps(told).decode()}])
        assert not unit["asked_no_contact"]
        return bool(unit["survey_post"])

    later = BEFORE + timedelta(days=1)
    assert asked()
    for refusal in ("withdrawn", "objected"):
        assert not asked(("marketing", refusal, BEFORE))
        assert asked(("marketing", refusal, BEFORE), ("survey", "granted", later))
        assert not asked(("marketing", refusal, later), ("survey", "granted", BEFORE))
        assert not asked(("marketing", refusal, BEFORE), ("survey", "granted", BEFORE))
        assert not asked(("marketing", "granted", later), ("survey", refusal, BEFORE))


def test_permissions_hold_from_when_they_were_given_and_refusals_for_every_day(base: Base) -> None:
    granted = consents(("email", "marketing", "granted"), since=END)
    assert allowed(base.one([reachable() | {"consents": granted}])) == {"post"}
    refused = consents(("post", "marketing", "objected"), since=LATER)
    unit = base.one([reachable() | {"consents": refused}])
    assert allowed(unit) == set() and unit["asked_no_contact"]


def test_who_only_refused_asked_for_no_contact(base: Base) -> None:
    refused, granted = ("email", "marketing", "objected"), ("phone", "marketing", "granted")
    assert base.one([reachable("a", refused)])["asked_no_contact"]
    assert not base.one([reachable("a", refused, granted)])["asked_no_contact"]
    assert not base.one([reachable("a", ("email", "survey", "withdrawn"))])["asked_no_contact"]


@pytest.mark.parametrize(
    "fields", [{"status": "blocked"}, {"status": "terminated"}, {"erased_at": BEFORE}]
)
def test_nobody_is_won_who_is_blocked_or_gone(base: Base, fields: Row) -> None:
    unit = base.one([email("a", **fields)])
    assert allowed(unit) == set() and barrier(unit, "email") == "not_active"
    assert unit["service_email"] is ("erased_at" not in fields)


def test_a_channel_without_an_address_is_open_to_who_came_over_it(base: Base) -> None:
    came = interaction("i", "chat", channel="chat", direction="inbound")
    unit = base.one([reachable()], [], [came])
    assert unit["service_chat"] and barrier(unit, "chat") == "no_consent"
    later = came | {"occurred_at": END}
    assert not base.one([reachable()], [], [later])["service_chat"]


def test_of_an_organisation_the_reachable_person_is_addressed_who_turned_to_us_last(
    base: Base,
) -> None:
    house = organisation("a", language="en")
    anna, bert = email("b", parent_id="a"), email("c", parent_id="a", language="de")
    said = [
        interaction("i", "email", "b", direction="inbound", occurred_at=BEFORE),
        interaction("j", "email", "c", direction="inbound", occurred_at=BEFORE + DAY),
        interaction("k", "email", "b", direction="outbound", occurred_at=BEFORE + 2 * DAY),
        interaction("l", "email", "b", direction="inbound", occurred_at=END),
    ]

    def addressed(*contacts: Row) -> str | None:
        return names([base.one([house, *contacts], [], said)["person"]])[0]

    assert addressed(anna, bert) == "c"
    assert addressed(anna, bert | {"status": "blocked"}) == "b"
    assert addressed(anna, bert | {"consents": consents(), "has_address": None}) == "b"
    assert addressed(anna | {"has_email": None, "has_address": None}) == "a"
    assert addressed(bert | {"created_at": LATER}) == "c", "known from what it said"
    objecting = bert | {"profiling_objection_at": BEFORE}
    assert addressed(anna, objecting) == "b", "who objects to profiling is not chosen"
    assert addressed(objecting) == "a"
    assert addressed(email("d", parent_id="a", created_at=LATER)) == "a"
    assert addressed(email("f", parent_id="a"), email("e", parent_id="a")) == "e"
    unit = base.one([house, anna], [], said)
    assert unit["language"] == "en", "nobody told that of the person"
    assert base.one([house, bert], [], said)["language"] == "de"


def test_a_person_is_found_at_its_organisation_but_not_by_its_mail(base: Base) -> None:
    house = organisation("a", has_email=True, has_phone=True, has_address=True)
    unit = base.one([house, contact("b", parent_id="a")])
    assert names([unit["person"]]) == ["b"]
    assert allowed(unit) == {"post"} and unit["service_phone"] and not unit["service_email"]


def test_touches_press_for_30_days_and_at_least_3(base: Base) -> None:
    ages = (4, 9, 15, 30, 31)
    touches = [touch(n, END - (age + 0.5) * DAY, outcome="clicked") for n, age in enumerate(ages)]
    unit = base.one([email("a")], [], touches)
    assert (unit["touches_30"], unit["wait_days"], unit["pressure_allowed"]) == (4, 1, False)
    assert not known(unit["pressure_ok"])
    touches = [touch(0, END - 1.5 * DAY), touch(1, END), touch(2, END - DAY, "b")]
    unit, _ = base.all([email("a"), email("b")], [], touches)
    assert (unit["touches_30"], unit["wait_days"]) == (1, 2), "not what is ahead, nor of others"


def test_what_presses_is_advertising(base: Base) -> None:
    at = BEFORE
    interactions = [
        touch(0, at),
        touch(1, at, kind="offer"),
        touch(2, at, kind="survey_invitation"),
        touch(3, at, kind="call", direction="outbound", campaign_id="spring"),
        touch(4, at, kind="call", direction="outbound"),
        touch(5, at, kind="call", direction="inbound", campaign_id="spring"),
        touch(6, at, kind="payment_reminder"),
        touch(7, at, kind="email", direction="outbound"),
    ]
    unit = base.one([email("a", communication_style="extensive")], [], interactions)
    assert unit["touches_30"] == 4
    assert (unit["touch_count_email"], unit["response_count_email"]) == (2, 0)
    assert not unit["survey_allowed"]


def test_what_carries_out_a_recommendation_presses_and_costs_unless_it_is_a_service(
    base: Base,
) -> None:
    at, tags = BEFORE, '["phasewise", "marketing"]'
    spent: Row = {"cost_minor": 300, "cost_currency": "EUR"}
    interactions = [
        touch(0, at, kind="email", direction="outbound", tags=tags, **spent),
        touch(1, at, kind="call", direction="outbound", tags=tags, **spent),
        touch(2, at, kind="visit", direction="outbound", tags=tags, **spent),
        touch(3, at, kind="email", direction="outbound", tags='["phasewise"]', **spent),
        touch(4, at, kind="email", direction="inbound", tags=tags, **spent),
        touch(5, at, kind="note", direction="internal", tags=tags, **spent),
        touch(6, END, kind="email", direction="outbound", tags=tags, **spent),
    ]
    unit = base.one([email("a")], [], interactions)
    assert (unit["touches_30"], unit["spent_365"]) == (3, pytest.approx(9.0))
    # What comes of a mail is not recorded: it says nothing of how well the channel is answered.
    assert (unit["touch_count_email"], unit["survey_allowed"]) == (0, True)
    asked = touch(7, at, kind="email", direction="outbound", tags='["phasewise","survey"]')
    unit = base.one([email("a")], [], [asked])
    assert (unit["touches_30"], unit["survey_allowed"]) == (1, False)


def test_three_touches_without_an_answer_halve_the_cap(base: Base) -> None:
    cases: list[tuple[Row, int]] = [
        ({}, 2),
        ({"outcome": "bounced"}, 2),
        ({"outcome": "replied"}, 4),
        ({"outcome": "declined"}, 4),
    ]
    people, touches = [], []
    for place, (last, _) in enumerate(cases):
        for style in ("brief", "normal"):
            of = f"{place}{style[0]}"
            people.append(email(of, communication_style=style))
            own = [touch(f"{of}{n}", BEFORE - n * 20 * DAY, of) for n in range(3)]
            own[0] |= last
            touches += own
    reach = base.reach(people, [], touches)
    assert reach["cap_30"].tolist() == [cap // k for _, cap in cases for k in (2, 1)]
    answered = interaction("i", "email", "0n", direction="inbound", occurred_at=BEFORE - 30 * DAY)
    assert base.reach(people, [], [*touches, answered])["cap_30"].iloc[1] == 4


def test_channels_that_are_answered_are_better(base: Base) -> None:
    said = (("email", "marketing", "granted"), ("phone", "marketing", "granted"))
    touches = [touch(n, BEFORE - n * DAY, outcome="clicked" if n else "sent") for n in range(4)]
    old = touch(9, window_start(730) - timedelta(microseconds=1), outcome="clicked")
    unit = base.one([reachable("a", *said)], [], [*touches, old])
    assert (unit["touch_count_email"], unit["response_count_email"]) == (4, 3)
    ratio = (3 + 10 * 0.05) / 14 / 0.05
    mean = (ratio + 9) / 10  # of all channels, whether they are allowed or not
    assert unit["quality_email"] == pytest.approx(min(ratio / mean, 1.5))
    assert unit["quality_phone"] == unit["quality_post"] == pytest.approx(1 / mean)
    preferring = base.one([reachable("a", *said, preferred_channel="phone")])
    assert (preferring["quality_phone"], preferring["quality_email"]) == (1.2, 1.0)


def test_a_survey_is_sent_once_in_90_days(base: Base) -> None:
    for at, may in (
        (window_start(90), False),
        (window_start(90) - timedelta(microseconds=1), True),
    ):
        asked = touch(0, at, kind="survey_invitation")
        assert base.one([email("a")], [], [asked])["survey_allowed"] is may


def test_what_was_spent_is_advertising_and_discounts_that_it_gave(base: Base) -> None:
    interactions = [
        touch(0, BEFORE, cost_minor=250, cost_currency="EUR"),
        touch(1, BEFORE, kind="offer"),
        touch(2, BEFORE, kind="complaint", severity=1),
        touch(3, window_start(365) - DAY, cost_minor=999, cost_currency="EUR"),
    ]
    deals = [
        deal("d", promo_code="SPRING", amount_minor=9_000, list_amount_minor=10_000),
        deal("e", campaign_id="spring", amount_minor=9_000, discount_pct=10.0),
        deal("f", amount_minor=9_000, list_amount_minor=10_000),
        deal("g", promo_code="SPRING", amount_minor=9_000, discount_pct=10.0, closed_at=END),
    ]
    unit = base.one([contact("a")], deals, interactions)
    assert unit["spent_365"] == pytest.approx(2.50 + 0.02 + 10 + 10)
    assert base.one([contact("a")])["spent_365"] == 0


def test_a_message_waits_for_its_answer(base: Base) -> None:
    cases: list[tuple[Row, Row | None, bool]] = [
        ({}, None, True),
        ({"kind": "social", "is_public": True}, None, True),
        ({"kind": "idea", "is_public": True}, None, True),
        ({"kind": "idea"}, None, False),
        ({"kind": "complaint"}, None, False),
        ({"kind": "call"}, None, False),
        ({"direction": "outbound"}, None, False),
        ({"occurred_at": END - timedelta(hours=24)}, None, False),
        ({"occurred_at": window_start(90) - DAY}, None, False),
        ({}, {"kind": "email", "direction": "outbound"}, False),
        ({}, {"kind": "email", "direction": "outbound", "occurred_at": END}, True),
        ({}, {"kind": "email", "direction": "outbound", "occurred_at": BEFORE - DAY}, True),
        ({}, {"kind": "email", "direction": "inbound"}, True),
        ({}, {"kind": "meeting"}, False),
        ({}, {"kind": "offer"}, False),
        ({}, {"kind": "campaign_touch", "direction": "outbound"}, True),
    ]
    given = []
    for place, (message, answer, _) in enumerate(cases):
        of = f"c{place}"
        told = interaction(f"m{place}", "email", of, direction="inbound", tags="[]", severity=1)
        given.append(told | message)
        if answer is not None:
            then = {"id": f"n{place}", "contact_id": of, "occurred_at": BEFORE + DAY}
            given.append(then | answer)
    people = [contact(f"c{place}") for place in range(len(cases))]
    found = names(base.reach(people, [], given)["must_answer_interaction"])
    assert found == [f"m{place}" if waits else None for place, (*_, waits) in enumerate(cases)]


def test_who_wrote_or_complained_is_told_with_the_record(base: Base) -> None:
    house = [
        organisation("a"),
        contact("b", parent_id="a", language="de"),
        email("c", parent_id="a", language="en"),
    ]
    open_case: Row = {"resolution": None, "resolved_at": None}
    told = [
        interaction("m", "email", "b", direction="inbound"),
        interaction("n", "email", "c", direction="inbound", occurred_at=BEFORE + DAY),
        *(
            interaction(name, "complaint", of, severity=severity, occurred_at=at) | open_case
            for name, of, severity, at in (
                ("p", "c", None, BEFORE),
                ("q", "b", 2, BEFORE + 2 * DAY),
                ("r", "b", 2, BEFORE + DAY),
            )
        ),
        interaction("s", "complaint", "b", severity=3, resolution="fixed", resolved_at=BEFORE),
    ]
    unit = base.one(house, [], told)
    assert unit["person"] == identify("c")
    parts = ("interaction", "person", "language")
    waiting = [unit[f"must_answer_{part}"] for part in parts]
    assert waiting == [identify("m"), identify("b"), "de"]
    complaint = [unit[f"complaint_{part}"] for part in parts]
    assert complaint == [identify("r"), identify("b"), "de"]
    assert unit["complaint_severity"] == 2
    alone = base.one(house, [], told[2:3])
    assert (alone["complaint_severity"], alone["complaint_person"]) == (1, identify("c"))
    assert (unit["complaint_count"], alone["complaint_count"]) == (3, 1)
    assert unit["complaint_due_day"] - alone["complaint_due_day"] == 1 + 7 - 14
    nothing = base.one(house)
    assert nothing["complaint_count"] == 0
    assert pd.isna(nothing["complaint_person"]) and math.isnan(nothing["complaint_severity"])


def test_a_request_of_a_data_subject_is_told_by_its_tag_and_due_within_a_month(base: Base) -> None:
    house = [organisation("a"), contact("b", parent_id="a", language="de"), contact("c")]
    asked: Row = {"resolution": None, "resolved_at": None, "tags": '["vip","privacy_request"]'}
    told = [
        interaction(name, kind, of, occurred_at=at) | asked | fields
        for name, kind, of, at, fields in (
            ("p", "service_request", "b", noon(2024, 1, 31), {}),
            ("q", "complaint", "b", noon(2024, 1, 30), {}),
            ("n", "service_request", "b", noon(2024, 1, 30), {"tags": '["no_privacy_request"]'}),
            ("r", "service_request", "b", noon(2024, 1, 29), {"resolution": "fixed"}),
            ("s", "email", "b", noon(2024, 1, 28), {}),
            ("t", "service_request", "b", noon(2024, 2, 1), {}),
        )
    ]
    reach = base.reach(house, [], told)
    parts = ("interaction", "person", "language")
    first = [reach[f"privacy_{part}"].iloc[0] for part in parts]
    assert first == [identify("p"), identify("b"), "de"]
    assert day_of(reach["privacy_due_day"].iloc[0]) == date(2024, 2, 29)
    assert pd.isna(reach["privacy_interaction"].iloc[1])
    assert math.isnan(reach["privacy_due_day"].iloc[1])
    due_days = [
        base.one(house[2:], [], [interaction("u", "service_request", "c", occurred_at=at) | asked])
        for at in (noon(2023, 12, 15), noon(2023, 12, 31), noon(2023, 1, 30))
    ]
    assert [day_of(each["privacy_due_day"]) for each in due_days] == [
        *(date(2024, 1, 15), date(2024, 1, 31), date(2023, 2, 28))
    ]


def test_who_waits_for_an_answer_itself_has_an_open_request(base: Base) -> None:
    asked: Row = {"kind": "service_request", "resolution": None, "resolved_at": None}
    cases: list[tuple[Row, bool]] = [
        (asked, True),
        (asked | {"kind": "complaint"}, True),
        (asked | {"resolution": "fixed"}, False),
        (asked | {"resolved_at": BEFORE + DAY}, False),
        (asked | {"resolved_at": LATER}, True),
        (asked | {"occurred_at": window_start(90) - DAY}, False),
        (asked | {"kind": "idea"}, False),
        ({"kind": "email"}, True),
        ({"kind": "email", "direction": "outbound"}, False),
    ]
    people = [contact(f"c{place}") for place in range(len(cases))]
    records = [
        interaction(f"i{place}", "note", f"c{place}", direction="inbound") | asked | fields
        for place, (fields, _) in enumerate(cases)
    ]
    found = base.reach(people, [], records)["has_open_request"]
    assert found.tolist() == [asks for _, asks in cases]
    house = [organisation("a"), email("b", parent_id="a"), contact("c", parent_id="a")]
    of_another = interaction("i", "service_request", "c") | asked
    assert not base.one(house, [], [of_another])["has_open_request"]


def test_the_message_that_has_waited_longest_comes_first_and_the_house_may_answer(
    base: Base,
) -> None:
    contacts = [organisation("a"), contact("b", parent_id="a"), contact("c")]
    asked = [
        interaction(name, "email", of, direction="inbound", occurred_at=BEFORE + days * DAY)
        for name, of, days in (("i", "b", 2), ("k", "b", 1), ("j", "b", 1), ("l", "c", 0))
    ]
    found = base.reach(contacts, [], asked)["must_answer_interaction"]
    assert names(found) == ["j", "l"]
    answered = interaction("z", "email", "a", direction="outbound", occurred_at=BEFORE + 1.5 * DAY)
    found = base.reach(contacts, [], [*asked, answered])["must_answer_interaction"]
    assert names(found) == ["i", "l"]


def test_who_pays_is_solvent(base: Base) -> None:
    long_ago = END - 31 * DAY - DAY / 2
    cases: list[tuple[Row, Any, Row, bool | None]] = [
        ({}, None, {}, None),
        ({"credit_hold": True}, None, {}, False),
        ({}, BEFORE, {}, True),
        ({}, long_ago, {}, False),
        ({}, long_ago, {"paid_at": BEFORE}, True),
        ({}, long_ago, {"disputed_at": BEFORE}, True),
        ({}, long_ago, {"paid_at": END}, False),
        ({}, END - 30 * DAY - DAY / 2, {}, True),
        ({"credit_hold": True}, BEFORE, {"paid_at": BEFORE}, False),
    ]
    people = [contact(f"c{place}", **fields) for place, (fields, *_) in enumerate(cases)]
    deals = [
        deal(f"d{place}", f"c{place}", due_at=due, invoiced_at=due - DAY, **more)
        for place, (_, due, more, _) in enumerate(cases)
        if due is not None
    ]
    found = base.reach(people, deals)["solvent"]
    assert [*map(known, found)] == [answer for *_, answer in cases]


def test_further_conditions_are_answered_by_records(base: Base) -> None:
    lines = orjson.dumps([{"product_id": "p", "bundle_id": "b"}, {"bundle_id": "b"}]).decode()
    is_open: Row = {"stage": "proposal", "closed_at": None, "lines": lines}
    stages = orjson.dumps(
        [{"stage": "proposal", "kind": "open", "entered_at": wire_instant(BEFORE)}]
    ).decode()
    contacts = [
        contact("a", individual_price=True, supplier_loyalty="high", communication_style="normal"),
        organisation("b"),
    ]
    interactions = [
        interaction("i", "offer", outcome="declined"),
        interaction("j", "call", tags='["need:lamps"]'),
        interaction("k", "life_event", "b", event_type="household_growth"),
        interaction("l", "offer", "b", outcome="declined", occurred_at=window_start(180) - DAY),
    ]
    reach = base.reach(contacts, [deal("d", stage_history=stages, **is_open)], interactions)
    expected: dict[str, list[bool | None]] = {
        "individual_price_exists": [True, False],
        "is_loyal_to_competitor": [True, False],
        "recently_declined": [True, False],
        "need_voiced": [True, True],
        "offer_has_components": [True, False],
        "brief_style": [False, None],
        "reference_price_ok": [None, True],
    }
    assert {name: [*map(known, reach[name])] for name in expected} == expected


def test_something_can_be_tried_where_a_product_is_a_sample(base: Base) -> None:
    cases: list[tuple[list[bool], bool | None]] = [
        ([], None),
        ([False], False),
        ([False, True], True),
    ]
    for flags, answer in cases:
        listed = [{"id": f"{n}", "key": f"P{n}", "is_sample": flag} for n, flag in enumerate(flags)]
        found = base.reach([contact("a"), contact("b")], [], [], listed)["sample_available"]
        assert [*map(known, found)] == [answer, answer]


def test_lost_deals_and_survey_answers_name_the_problem(base: Base) -> None:
    lost = {"stage": "lost", "lost_reason": "price"}
    assert base.unit([contact("a")], [deal("d", **lost)])["leave_reason_known"]
    assert not base.unit([contact("a")], [deal("d", stage="lost")])["leave_reason_known"]
    told = interaction("i", "survey_response", has_reason=True, ratings="[]")
    assert base.unit([contact("a")], [], [told])["leave_reason_known"]
    assert identify("a") == base.one([contact("a")])["person"]


def test_what_came_later_changes_nothing(base: Base) -> None:
    people = [organisation("a"), email("b", parent_id="a"), email("c", created_at=BEFORE)]
    told = [touch(0, BEFORE, "b", outcome="clicked"), touch(1, BEFORE, "c", kind="offer")]
    deals = [deal("d", "c", promo_code="SPRING", discount_pct=10.0, due_at=BEFORE)]
    later: Row = {"occurred_at": END}
    ahead = [
        touch(2, END, "b"),
        touch(3, END, "c", kind="survey_invitation"),
        touch(4, END, "c", kind="offer", outcome="declined"),
        interaction("i", "message", "c", direction="inbound", tags='["need:lamps"]', **later),
        interaction("j", "chat", "e", direction="inbound", channel="chat", **later),
    ]
    won = deal("e", "c", promo_code="SPRING", discount_pct=10.0, closed_at=END, opened_at=END)
    newcomer = email("e", parent_id="a", created_at=END)
    before = base.reach(people, deals, told)
    after = base.reach([*people, newcomer], [*deals, won], [*told, *ahead])
    pd.testing.assert_frame_equal(before, after)
