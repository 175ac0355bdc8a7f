"""E-CHAN and E-CAP: the worked examples E2 and E3, and what holds for everybody."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.analytics.calculations.reach.channels import (
    CONSENTS,
    channel_barriers,
    channel_quality,
)
from services.analytics.calculations.reach.parameters import ChannelRule, ReachParameters
from services.analytics.calculations.reach.pressure import (
    Pressure,
    contact_pressure,
    unanswered_of_late,
)
from services.analytics.catalogue.catalogue import load_catalogue
from services.analytics.catalogue.options import reach_parameters

PARAMETERS = ReachParameters()
CHANNELS = reach_parameters(load_catalogue()).channels
CONSENT = st.lists(
    st.integers(0, len(CONSENTS) - 1), min_size=len(CHANNELS), max_size=len(CHANNELS)
)
FLAGS = st.lists(st.booleans(), min_size=len(CHANNELS), max_size=len(CHANNELS))


def pressure_of(*ages: int, style: str = "normal", unanswered: bool = False) -> Pressure:
    return contact_pressure(
        np.zeros(len(ages), dtype=np.int64),
        np.array(ages, dtype=np.int64),
        cap=np.array([PARAMETERS.style_caps[style]]),
        is_unanswered=np.array([unanswered]),
        parameters=PARAMETERS,
    )


def test_e2_channels() -> None:
    found = channel_quality(
        np.array([[1, 3, 0]]),
        np.array([[20, 6, 4]]),
        np.ones((1, 3), dtype=np.bool_),
        np.array([1]),
        base_response=np.array([0.05, 0.15, 0.03]),
        parameters=PARAMETERS,
    )
    assert found.response_rate[0].round(4).tolist() == [0.05, 0.2812, 0.0214]
    assert found.quality[0].round(4).tolist() == [0.8358, 1.5, 0.597]


@pytest.mark.parametrize(
    ("ages", "facts", "used", "cap", "allowed", "wait"),
    [
        ((5, 12), {}, 2, 4, True, 0),
        ((1, 12), {}, 2, 4, False, 2),
        ((4, 9, 15, 28), {}, 4, 4, False, 3),
        ((10, 20), {"style": "brief"}, 2, 2, False, 11),
        ((6, 14), {"unanswered": True}, 2, 2, False, 17),
    ],
    ids=lambda value: str(value) if isinstance(value, tuple) else "",
)
def test_e3_pressures(
    ages: tuple[int, ...], facts: dict[str, Any], used: int, cap: int, allowed: bool, wait: int
) -> None:
    found = pressure_of(*ages, **facts)
    assert (found.used[0], found.cap[0], found.allowed[0], found.wait_days[0]) == (
        *(used, cap, allowed, wait),
    )


def test_a_halved_cap_is_never_below_one_and_a_touch_ahead_is_an_error() -> None:
    assert pressure_of(style="brief", unanswered=True).cap[0] == 1
    with pytest.raises(ValueError, match="ahead"):
        pressure_of(-1)


@given(
    st.lists(st.integers(0, 60), max_size=12), st.sampled_from(["brief", "normal"]), st.booleans()
)
def test_after_the_wait_a_touch_is_allowed_and_not_before(
    ages: list[int], style: str, unanswered: bool
) -> None:
    found = pressure_of(*ages, style=style, unanswered=unanswered)
    wait = int(found.wait_days[0])
    for days in range(wait + 1):
        later = pressure_of(*(age + days for age in ages), style=style, unanswered=unanswered)
        assert bool(later.allowed[0]) is (days == wait)
        assert later.wait_days[0] == wait - days


def test_the_touches_of_people_are_kept_apart() -> None:
    person, age = np.array([1, 0, 1, 3, 1]), np.array([7, 1, 40, 30, 4])
    found = contact_pressure(
        person,
        age,
        cap=np.array([4, 2, 4, 1]),
        is_unanswered=np.zeros(4, dtype=np.bool_),
        parameters=PARAMETERS,
    )
    assert found.used.tolist() == [1, 2, 0, 1]
    assert found.wait_days.tolist() == [2, 24, 0, 1]


def test_who_turned_to_us_later_has_answered() -> None:
    person, at = np.repeat([0, 1, 2], 3), np.array([5, 9, 7] * 3)
    answered = np.zeros(9, dtype=np.bool_)
    turned = np.array([5, 6, 10])
    found = unanswered_of_late(person, at, answered, turned_at=turned, parameters=PARAMETERS)
    assert found.tolist() == [True, False, False]


def barriers(consent: list[int], addresses: list[bool]) -> Any:
    return channel_barriers(
        np.array([consent], dtype=np.int8),
        np.array([addresses]),
        np.ones(1, dtype=np.bool_),
        channels=CHANNELS,
    )[0]


@given(CONSENT, FLAGS)
def test_no_channel_without_consent_and_address(consent: list[int], addresses: list[bool]) -> None:
    found = barriers(consent, addresses)
    for channel, said, has_address, barrier in zip(
        CHANNELS, consent, addresses, found, strict=True
    ):
        wanted = ("granted",) if channel.consent == "opt_in" else ("unknown", "granted", "pending")
        assert bool(barrier == 0) is (has_address and CONSENTS[said] in wanted)


@given(CONSENT, FLAGS, st.integers(0, len(CHANNELS) - 1))
def test_a_refusal_adds_no_channel_and_a_consent_removes_none(
    consent: list[int], addresses: list[bool], place: int
) -> None:
    before = {*np.flatnonzero(barriers(consent, addresses) == 0)}
    refused, granted = [*consent], [*consent]
    refused[place], granted[place] = CONSENTS.index("refused"), CONSENTS.index("granted")
    assert {*np.flatnonzero(barriers(refused, addresses) == 0)} == before - {place}
    assert {*np.flatnonzero(barriers(granted, addresses) == 0)} >= before


@given(st.data())
def test_the_quality_of_channels_keeps_its_bounds_and_is_missing_where_not_allowed(
    data: st.DataObject,
) -> None:
    count = len(CHANNELS)
    touches = np.array([data.draw(st.lists(st.integers(0, 50), min_size=count, max_size=count))])
    allowed = np.array([data.draw(FLAGS)])
    quality = channel_quality(
        touches // data.draw(st.integers(1, 5)),
        touches,
        allowed,
        np.array([data.draw(st.integers(-1, count - 1))]),
        base_response=np.array([channel.base_response for channel in CHANNELS]),
        parameters=PARAMETERS,
    ).quality
    assert (np.isnan(quality) == ~allowed).all()
    assert ((quality[allowed] >= 0.5) & (quality[allowed] <= 1.5)).all()


def test_opt_out_needs_no_word_and_nothing_else_does_without() -> None:
    rules = (
        ChannelRule("a", "opt_out", 0.1, "postal"),
        ChannelRule("b", "none", 0.1, "postal"),
        ChannelRule("c", "opt_in", 0.1, "postal"),
    )
    found = channel_barriers(
        np.zeros((1, 3), dtype=np.int8),
        np.ones((1, 3), dtype=np.bool_),
        np.ones(1, dtype=np.bool_),
        channels=rules,
    )
    assert (found[0] == 0).tolist() == [True, True, False]
