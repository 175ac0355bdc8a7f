"""What we sent to people to win them, how they answered, and what it cost."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from services.analytics.calculations.reach.parameters import ReachParameters
from services.analytics.calculations.reach.pressure import (
    Pressure,
    contact_pressure,
    unanswered_of_late,
)
from services.analytics.frames.arrays import (
    NEVER,
    Booleans,
    Floats,
    Integers,
    Words,
    floats_of,
)
from services.analytics.frames.clock import Clock, day_number
from services.analytics.frames.contacts import Contacts
from services.analytics.frames.deals import Deals
from services.analytics.frames.interactions import RESPONDED, Interactions
from services.analytics.frames.tags import has_tag
from services.analytics.mirror.snapshot import Snapshot

TOUCHES = ("campaign_touch", "offer")
_SURVEY_KIND = "survey_invitation"
_TALKS = ("call", "visit", "meeting", "chat")
_MESSAGES = ("email", "social", "message")
MARKETING_KINDS = (*TOUCHES, _SURVEY_KIND, *_TALKS, *_MESSAGES)
"""Of talks and messages only what we made for a campaign, or tagged (domain specification 6.4)."""
MARKETING, SURVEY = "marketing", "survey"
"""Tags of what we say to people: it is to win them, or asks them what they think."""
_ANSWERED = (*RESPONDED, "declined", "unsubscribed")
_GROUNDS = ("campaign_id", "promo_code", "treatment_id")
"""What a deal names whose discount was given to win it."""


@dataclass(frozen=True, slots=True, eq=False)
class Said:
    """What is recorded of each interaction that makes a talk or message of ours marketing.

    Attributes
    ----------
    names_campaign
        It was made for a campaign.
    is_marketing, is_survey
        It is tagged so.
    """

    names_campaign: Booleans
    is_marketing: Booleans
    is_survey: Booleans

    @classmethod
    def nothing(cls, count: int) -> Said:
        return cls(*np.zeros((3, count), dtype=np.bool_))


@dataclass(frozen=True, slots=True, eq=False)
class Touches:
    """The marketing of all contacts.

    Attributes
    ----------
    is_marketing
        Which interactions are: touches of campaigns, offers, invitations to surveys, calls that we
        made for a campaign, and talks and messages of ours that are tagged as advertising, as those
        that carry out a recommendation are (domain specification 6.4).
    is_survey
        Which invited to a survey.
    person
        Row of the person that each interaction was with, -1 if with nobody who is addressed.
    person_count
        How many are addressed: one for each unit.
    """

    interactions: Interactions
    clock: Clock
    parameters: ReachParameters
    is_marketing: Booleans
    is_survey: Booleans
    person: Integers
    person_count: int

    @classmethod
    def read(
        cls,
        snapshot: Snapshot,
        contacts: Contacts,
        interactions: Interactions,
        addressed: Integers,
        clock: Clock,
        parameters: ReachParameters,
    ) -> Touches:
        said = Said.nothing(len(interactions.kind.codes))
        ours = np.flatnonzero(interactions.kind.are(*_TALKS, *_MESSAGES))
        if len(ours):
            told = snapshot.read("interactions", ["campaign_id", "tags"], where=ours)
            said.names_campaign[ours] = np.asarray(told.column("campaign_id").is_valid().to_numpy())
            said.is_marketing[ours] = has_tag(told, MARKETING)
            said.is_survey[ours] = has_tag(told, SURVEY)
        row = np.full(len(contacts.ids) + 1, -1)
        row[addressed] = np.arange(len(addressed))
        person = row[interactions.contact]
        return cls.of(
            interactions, person, len(addressed), said, clock=clock, parameters=parameters
        )

    @classmethod
    def of(
        cls,
        interactions: Interactions,
        person: Integers,
        person_count: int,
        said: Said,
        *,
        clock: Clock,
        parameters: ReachParameters,
    ) -> Touches:
        """Tell which interactions are marketing; `said` of talks and messages at least."""
        kind = interactions.kind
        speaks = kind.are(*_TALKS, *_MESSAGES) & interactions.direction.are("outbound")
        is_survey = kind.are(_SURVEY_KIND) | speaks & said.is_survey
        of_campaign = said.names_campaign & kind.are("call")
        is_marketing = kind.are(*TOUCHES) | is_survey | speaks & (said.is_marketing | of_campaign)
        return cls(
            interactions,
            clock,
            parameters,
            is_marketing & interactions.happened,
            is_survey & interactions.happened,
            person,
            person_count,
        )

    def _since(self, days: int) -> Booleans:
        return self.interactions.occurred >= self.clock.start_of_window(days)

    def by_channel(self) -> tuple[Integers, Integers]:
        """Return touches and responses of the response window; counts, shape (people, channels).

        Those of the kinds that say what came of them: of a mail or a talk it is not recorded.
        """
        channels, kinds = self.parameters.channels, self.interactions.kind
        number = {channel.id: code for code, channel in enumerate(channels)}
        own = self.is_marketing & kinds.are(*TOUCHES) & (self.person >= 0)
        rows = np.flatnonzero(own & self._since(self.parameters.response_window_days))
        channel = Words.of(self.interactions.table.column("channel"))
        place = channel.numbers(lambda word: number.get(word, -1), empty=-1).astype(np.int64)[rows]
        rows, place = rows[place >= 0], place[place >= 0]
        cell = self.person[rows] * len(channels) + place
        shape = (self.person_count, len(channels))
        responded = self.interactions.outcome.are(*RESPONDED)[rows]
        touches, responses = (
            np.bincount(each, minlength=shape[0] * shape[1]).reshape(shape)
            for each in (cell, cell[responded])
        )
        return touches, responses

    def pressure(self, style: Words) -> Pressure:
        """Count the touches of each person; `style` is how it likes to be talked to."""
        parameters, told = self.parameters, self.interactions
        own = np.flatnonzero(
            self.is_marketing & (self.person >= 0) & self._since(parameters.response_window_days)
        )
        is_answered = told.outcome.are(*_ANSWERED) | told.kind.are(*_TALKS)
        person = self.person[own]
        age = day_number(self.clock.as_of) - self.clock.days(told.occurred[own])
        caps = parameters.style_caps
        cap = style.numbers(
            lambda word: caps.get(word, parameters.default_cap), empty=parameters.default_cap
        )
        return contact_pressure(
            person,
            age,
            cap=cap.astype(np.int64),
            is_unanswered=unanswered_of_late(
                person,
                told.occurred[own],
                is_answered[own],
                turned_at=self._turned_at(),
                parameters=parameters,
            ),
            parameters=parameters,
        )

    def _turned_at(self) -> Integers:
        """Return when each person last turned to us; far in the past if never."""
        rows = self.interactions.happened & (self.person >= 0) & self.interactions.is_inbound
        turned = np.full(self.person_count, -NEVER)
        np.maximum.at(turned, self.person[rows], self.interactions.occurred[rows])
        return turned

    def was_surveyed(self) -> Booleans:
        """Tell which people were invited to a survey within the survey window."""
        rows = self.is_survey & (self.person >= 0)
        rows &= self._since(self.parameters.survey_window_days)
        surveyed = np.zeros(self.person_count, dtype=np.bool_)
        surveyed[self.person[rows]] = True
        return surveyed

    def spent(self, snapshot: Snapshot, contacts: Contacts, deals: Deals, cost: Floats) -> Floats:
        """Return what was spent on each unit in the spend window, in base currency.

        That is the marketing of all its contacts, and the discounts on what it bought by a campaign,
        a code or a recommendation. Source: domain specification 6.2.
        """
        start = self.clock.start_of_window(self.parameters.spend_window_days)
        rows = self.is_marketing & (self.interactions.occurred >= start)
        spent = contacts.totals(self.interactions.unit[rows], cost[rows])
        bought = np.flatnonzero(deals.is_purchase & (deals.stages.won_at >= start))
        if len(bought):
            given = _discounts(snapshot, deals, bought)
            spent += contacts.totals(deals.unit[bought], given)
        return spent


def _discounts(snapshot: Snapshot, deals: Deals, rows: Integers) -> Floats:
    """Return what was taken off these deals to win them; 0 where nothing says so."""
    amounts = ["amount_minor", "list_amount_minor", "discount_pct"]
    table = snapshot.read("deals", [*amounts, *_GROUNDS], where=rows)
    amount, listed, percent = (floats_of(table, name) for name in amounts)
    of_percent = amount * percent / np.where(percent < 100, 100 - percent, np.nan)
    given = np.where(np.isnan(listed), of_percent, listed - amount) * deals.base_per_minor[rows]
    is_ours = np.logical_or.reduce(
        [np.asarray(table.column(name).is_valid().to_numpy()) for name in _GROUNDS]
    )
    return np.where(is_ours & (given > 0), given, 0.0)
