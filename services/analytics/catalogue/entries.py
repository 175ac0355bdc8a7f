"""The kinds of entries of the catalogue: what each has, and what makes one valid by itself."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Language = Literal["en", "de"]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Response = Annotated[float, Field(ge=1e-6, le=1, allow_inf_nan=False)]
"""Above 0, as rates are compared with it."""
Cost = Annotated[float, Field(ge=0, le=1e9, allow_inf_nan=False)]
Percent = Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)]
Days = Annotated[int, Field(ge=0, le=3650)]
_ONE_LINE = r"^[^\x00-\x1f\x7f]+$"
Name = Annotated[str, Field(min_length=1, max_length=200, pattern=_ONE_LINE)]
Text = Annotated[str, Field(min_length=1, max_length=1000, pattern=_ONE_LINE)]
LongText = Annotated[str, Field(min_length=1, max_length=3000)]

PLACEHOLDER = re.compile(r"\{(?P<name>[a-z_]+)(?::(?P<one>[^|{}]+)\|(?P<other>[^|{}]+))?\}")
"""``{days}`` is a value, ``{days:day|days}`` the word that fits it: one, or any other number."""

VALUE_KINDS = frozenset(
    {"count", "days", "number", "share", "chance", "money", "date", "text", "hundredths"}
)
"""Kinds of a value in a text; any other kind is the name of the section the value is an id of."""

GAP_VALUES = frozenset({"count", "customers", "unvalued"})
"""Values in the effect of a data gap: records, customers, and customers without any known amount."""


class Entry(BaseModel):
    """What every entry has: an id, texts in both languages, where it comes from, conditions."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    id: Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*$")]
    en: Name
    de: Name
    desc_en: Text
    desc_de: Text
    source: Annotated[tuple[str, ...], Field(min_length=1)]
    prerequisites: tuple[str, ...]
    contraindications: tuple[str, ...]

    def name(self, language: Language) -> str:
        return self.en if language == "en" else self.de

    def description(self, language: Language) -> str:
        return self.desc_en if language == "en" else self.desc_de


class Switchable(Entry):
    """An entry that an overlay file may switch off: it stays to be looked up and is never used."""

    enabled: bool = True


class PlainEntry(Entry):
    """An entry of a section that nothing computes with yet; its further fields are kept as read."""

    model_config = ConfigDict(frozen=True, extra="allow", strict=True)


class Phase(Entry):
    """A phase of a customer relationship."""

    order: int
    states: Annotated[tuple[str, ...], Field(min_length=1)]
    note: str | None = None
    needs_human: bool = False


class LifecycleState(Entry):
    """A state of a contact; its phase is the usual one."""

    phase: str


class LeadStage(Entry):
    """How far a lead has come, and the goal that follows."""

    next_goal: str


class Goal(Entry):
    """What a strategy is to reach."""

    phases: Annotated[tuple[str, ...], Field(min_length=1)]
    metric: str


class Strategy(Switchable):
    """A way to reach goals; one with children is a group and is never chosen itself."""

    phases: Annotated[tuple[str, ...], Field(min_length=1)]
    goals: Annotated[tuple[str, ...], Field(min_length=1)]
    instruments: tuple[str, ...] = ()
    children: tuple[str, ...] = ()
    parent: str | None = None
    answers: tuple[str, ...] = ()
    tone: Literal["factual", "emotional", "symbolic"] | None = None
    polarity: Literal["positive", "negative"] | None = None
    openness: Literal["open", "covert"] | None = None
    scope: Literal["segment"] | None = None
    auto_recommend: bool = True
    needs_human: bool = False
    default_choice: bool = False
    risk_rate: Share = 0.0
    risk_en: Text | None = None
    risk_de: Text | None = None

    @property
    def is_suggested(self) -> bool:
        """Whether the service may suggest it of itself."""
        return self.enabled and self.auto_recommend and not self.children


class Instrument(Switchable):
    """A single measure; costs in base currency, effect as mean and standard deviation."""

    phases: Annotated[tuple[str, ...], Field(min_length=1)]
    type: Literal[
        "price", "product", "trial", "service", "information", "dialogue", "event", "gesture",
        "reward", "engagement", "survey", "barrier", "mass", "termination", "obligation",
    ]  # fmt: skip
    channels: tuple[str, ...]
    addressable: bool = True
    auto_recommend: bool = True
    scope: Literal["segment"] | None = None
    unit_cost: Cost | None = None
    incentive_pct: Percent = 0.0
    incentive_abs: Cost = 0.0
    uplift: tuple[Share, Share] | None = None
    answers: tuple[str, ...] = ()

    @property
    def is_suggested(self) -> bool:
        """Whether the service may suggest it of itself to a single customer."""
        return self.enabled and self.auto_recommend and self.addressable


class Channel(Switchable):
    """A way to reach people; its cost per contact in base currency."""

    addressable: bool
    consent: Literal["opt_in", "opt_out", "none"]
    unit_cost: Cost
    base_response: Response


class PurchaseMotive(Entry):
    """Why somebody buys, and how much that favors a strategy."""

    group: str
    affinity: Mapping[str, Cost]


class SatisfactionDimension(Entry):
    """A part of satisfaction, its weight, and the instruments that help where it is missing."""

    weight: Share
    responds_with: tuple[str, ...]
    note: str | None = None


class Touchpoint(Entry):
    """Where customers meet the company."""

    office: Literal["front", "back"]


class LoyaltyRung(Entry):
    """A rung of the loyalty ladder, 0 the lowest."""

    rung: Annotated[int, Field(ge=0)]


class Rule(Entry):
    """A group that customers belong to by a rule."""

    rule: str


class TerminateProfile(Entry):
    """What may give cause to review a relationship: its signal, and the remedy that comes first."""

    signal: str
    remedy_en: Text
    remedy_de: Text


class MarketingEvent(Switchable):
    """Something that happens and calls for an action: after so many days, for so many days."""

    trigger: str
    action: str
    wait_days: Days
    valid_days: Annotated[int, Field(ge=1, le=3650)]


class CommunicationStyle(Entry):
    """How a contact likes to be spoken to: advertising contacts in 30 days at most, what to avoid."""

    cap_30d: Annotated[int, Field(ge=1, le=30)]
    avoid: tuple[str, ...] = ()


class ValueQuadrant(Entry):
    """A group by value and risk, and the strategies that usually suit it."""

    value: Literal["high", "low"]
    risk: Literal["high", "low"]
    default_strategies: Annotated[tuple[str, ...], Field(min_length=1)]


class ChurnSignal(Entry):
    """What announces that a customer may leave; its weight, unless it is part of the rhythm."""

    feature: str
    group: Literal["behaviour", "voice", "relation", "explicit"]
    beta: Cost | None = None


class GuardRail(Entry):
    """What is never done, or only under conditions: always, or where the operator says so."""

    basis: str | None = None
    enforce: Literal["hard", "config"]


class Condition(Entry):
    """A condition of strategies and instruments, and what it counts as while unknown.

    `holds` is what the company declares for everybody, where no record could say it (`declarable`).
    """

    rule: str
    unknown: bool
    declarable: bool = False
    holds: bool | None = None

    @model_validator(mode="after")
    def _is_declarable(self) -> Self:
        if self.holds is not None and not self.declarable:
            raise ValueError("holds is told by the records of a customer, not by the company")
        return self


class Draft(Entry):
    """What to write or say when an instrument is used; its id is that of the instrument.

    The descriptions are hints for who does it. Subject and text are drafts for the customer, in its
    language; ``[...]`` is to be filled in by a person, ``{product}`` is the product on offer and
    ``{incentive}`` the percentage of the instrument.
    """

    subject_en: Text | None = None
    subject_de: Text | None = None
    text_en: LongText
    text_de: LongText

    def subject(self, language: Language) -> str | None:
        return self.subject_en if language == "en" else self.subject_de

    def text(self, language: Language) -> str:
        return self.text_en if language == "en" else self.text_de


class ReasonCode(Entry):
    """A reason; its descriptions are templates, `params` names the kind of every value in them."""

    signal: str | None = None
    feature: str | None = None
    params: Mapping[str, str]

    @model_validator(mode="after")
    def _templates_use_the_declared_values(self) -> Self:
        for field, template in (("desc_en", self.desc_en), ("desc_de", self.desc_de)):
            used = {match["name"] for match in PLACEHOLDER.finditer(template)}
            if used != set(self.params):
                names = ", ".join(sorted(used ^ set(self.params)))
                raise ValueError(f"{field} and params differ in {names}")
            if re.search(r"[{}]", PLACEHOLDER.sub("", template)):
                raise ValueError(f"{field} holds a brace that is no placeholder")
        return self


class DataGap(Entry):
    """Something that is missing or was left out; the effect, a template, says what filling it changes."""

    effect_en: Text | None = None
    effect_de: Text | None = None

    @model_validator(mode="after")
    def _templates_use_known_values(self) -> Self:
        for field, template in (("effect_en", self.effect_en), ("effect_de", self.effect_de)):
            used = {match["name"] for match in PLACEHOLDER.finditer(template or "")}
            if not used <= GAP_VALUES:
                names = ", ".join(sorted(used - GAP_VALUES))
                raise ValueError(f"{field} has unknown values: {names}")
            if re.search(r"[{}]", PLACEHOLDER.sub("", template or "")):
                raise ValueError(f"{field} holds a brace that is no placeholder")
        return self


class SectionText(BaseModel):
    """The name of a section and what it holds, in both languages."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    en: Name
    de: Name
    desc_en: Text
    desc_de: Text

    def name(self, language: Language) -> str:
        return self.en if language == "en" else self.de

    def description(self, language: Language) -> str:
        return self.desc_en if language == "en" else self.desc_de
