"""The shapes of entries of the catalogue, by kind."""

from typing import Annotated, Literal

from pydantic import Field

from services.analytics.schemas import Description, Label, Phase, Shown, Signal, State
from shared.values import Flag, Probability, number, whole, word
from shared.values import text as bounded_text

EntryId = Annotated[
    str,
    Field(max_length=64, pattern=r"^[A-Za-z][A-Za-z0-9_]{0,63}$", examples=["follow_up_contact"]),
]
Word = word(example="satisfied")
Ids = Annotated[list[Word], Field(max_length=200)]
Phases = Annotated[list[Phase], Field(max_length=5, description="In which phases.")]
Signals = Annotated[
    list[Signal], Field(max_length=11, description="Signals of churn that it answers.")
]
Cost = number(0, 1e9, example=0.5)
Sentence = bounded_text(1000, example="Clarify the scope of service and name one contact person.")
RuleText = bounded_text(500, example="R>=4, F>=4, M>=4")


class ShownEntry(Shown):
    """What every entry has."""

    id: EntryId = Field(
        description="What other answers and the overlay file call it; never changes."
    )
    label: Label = Field(description="Its name in the language asked for.")
    description: Description = Field(
        description="What it is, in the language asked for; of reasons, verdicts the template of it."
    )
    prerequisites: Ids = Field(description="Ids of conditions that must hold.")
    contraindications: Ids = Field(description="Ids of conditions that must not hold.")
    is_enabled: Flag = Field(
        description="False if the overlay file switches it off: it is never used or recommended."
    )
    is_adjusted: Flag = Field(description="Whether the overlay file changed it, or added it.")
    adjusted_fields: Annotated[list[word(example="unit_cost")], Field(max_length=50)] = Field(
        description="What the overlay file changed, as it is called there."
    )
    is_own: Flag = Field(description="Whether it is an addition of the overlay file.")


class PhaseEntry(ShownEntry):
    """A phase."""

    states: Annotated[list[State], Field(max_length=9)] = Field(description="Its lifecycle states.")
    needs_human: Flag = Field(description="Whether only people may act in it.")


class StateEntry(ShownEntry):
    """A lifecycle state."""

    phase: Phase = Field(description="Its usual phase.")


class LeadStageEntry(ShownEntry):
    """A stage of leads."""

    next_goal: word(example="interest") = Field(description="The goal that follows.")


class GoalEntry(ShownEntry):
    """A goal."""

    phases: Phases


class StrategyEntry(ShownEntry):
    """A strategy; one with children is a group of them and is never chosen itself."""

    phases: Phases
    goals: Ids = Field(description="What it is to reach.")
    instruments: Ids = Field(description="What it may use.")
    children: Ids = Field(description="Strategies that it is a group of.")
    parent: word(example="persuasion") | None = Field(description="The group that it belongs to.")
    answers: Signals
    tone: Literal["factual", "emotional", "symbolic"] | None = Field(description="How it speaks.")
    polarity: Literal["positive", "negative"] | None = Field(
        description="Whether it attracts or holds back."
    )
    openness: Literal["open", "covert"] | None = Field(
        description="Of strategies that end a relationship: whether the end is named."
    )
    scope: Literal["segment"] | None = Field(description="`segment`: never for a single customer.")
    auto_recommend: Flag = Field(description="Whether the service may suggest it of itself.")
    needs_human: Flag = Field(description="Whether only people may decide on it.")
    risk_rate: Probability = Field(
        description="Share of the value that bad word of mouth puts at risk."
    )
    risk: Sentence | None = Field(description="What may go wrong, in the language asked for.")


class Uplift(Shown):
    """How much a measure raises the chance of success; a starting assumption."""

    mean: Probability = Field(description="On average, as a probability.")
    standard_deviation: Probability = Field(description="How unsure that is.")


class InstrumentEntry(ShownEntry):
    """An instrument. Amounts are in base currency, as in the overlay file."""

    phases: Phases
    type: Literal[
        "price", "product", "trial", "service", "information", "dialogue", "event", "gesture",
        "reward", "engagement", "survey", "barrier", "mass", "termination", "obligation",
    ] = Field(description="What kind of measure it is.")  # fmt: skip
    channels: Ids = Field(description="How it can reach people.")
    addressable: Flag = Field(description="Whether it can be meant for a single person.")
    auto_recommend: Flag = Field(description="Whether the service may suggest it of itself.")
    scope: Literal["segment"] | None = Field(description="`segment`: never for a single customer.")
    unit_cost: Cost | None = Field(description="Of one contact, beside that of the channel.")
    incentive_pct: number(0, 100, example=5) = Field(
        description="Paid on success, in percent of the expected order value."
    )
    incentive_abs: Cost = Field(description="Paid on success.")
    uplift: Uplift | None = Field(description="Its effect; null if it is never recommended.")
    answers: Signals


class ChannelEntry(ShownEntry):
    """A channel."""

    addressable: Flag = Field(description="Whether it can reach a single person.")
    consent: Literal["opt_in", "opt_out", "none"] = Field(
        description="Whether advertising needs a consent, ends with an objection, or needs neither."
    )
    unit_cost: Cost = Field(description="Of one contact, in base currency.")
    base_response: number(1e-6, 1, example=0.05) = Field(
        description="Share that reacts; a starting assumption."
    )


class MotiveEntry(ShownEntry):
    """A buying motive."""

    group: word(example="advantage") = Field(description="Motives of a kind.")
    affinity: dict[str, number(0, 10, example=1.2)] = Field(
        description="By strategy, the factor by which the motive favors it; 1 where there is none."
    )


class DimensionEntry(ShownEntry):
    """A dimension of satisfaction."""

    weight: Probability = Field(description="Its share of all.")
    responds_with: Ids = Field(description="Instruments that help where it is missing.")


class TouchpointEntry(ShownEntry):
    """A touchpoint."""

    office: Literal["front", "back"] = Field(description="Front office or back office.")


class RungEntry(ShownEntry):
    """A rung of the loyalty ladder."""

    rung: whole(0, 100, example=3) = Field(description="How high it is; 0 is the lowest.")


class RuleEntry(ShownEntry):
    """A group by a rule."""

    rule: RuleText = Field(description="Who belongs to it, as a formula.")


class TerminateProfileEntry(ShownEntry):
    """What may give cause to review a relationship."""

    signal: word(example="serial_complaints") = Field(description="Its termination signal.")
    remedy: Sentence = Field(description="What comes first, in the language asked for.")


class EventEntry(ShownEntry):
    """An event that calls for an action."""

    trigger: RuleText = Field(description="What sets it off, as a formula.")
    action: word(example="follow_up_contact") = Field(description="The instrument that follows.")
    wait_days: whole(0, 3650, example=7) = Field(description="Days until the action.")
    valid_days: whole(1, 3650, example=21) = Field(
        description="Days for which it makes sense from then on."
    )


class StyleEntry(ShownEntry):
    """A style of communication."""

    cap_30d: whole(1, 30, example=4) = Field(
        description="Advertising contacts in 30 days, at most."
    )
    avoid: Ids = Field(description="Instruments that do not suit it.")


class QuadrantEntry(ShownEntry):
    """A group by value and risk."""

    value: Literal["high", "low"] = Field(description="Its value.")
    risk: Literal["high", "low"] = Field(description="Its risk.")
    default_strategies: Ids = Field(description="What usually suits it.")


class SignalEntry(ShownEntry):
    """A signal of churn."""

    group: Literal["behaviour", "voice", "relation", "explicit"] = Field(
        description="What it is heard from."
    )
    beta: number(0, 100, example=1.4) | None = Field(
        description="What its full strength adds to the logarithm of the odds of churn; null if it is "
        "part of the rhythm."
    )


class GuardRailEntry(ShownEntry):
    """A guard rail."""

    basis: bounded_text(200, example="GDPR Art. 21") | None = Field(
        description="The law it rests on."
    )
    enforce: Literal["hard", "config"] = Field(
        description="`hard` always holds, `config` depends on what the operator sets."
    )


class ConditionEntry(ShownEntry):
    """A condition."""

    rule: RuleText = Field(description="When it holds, as a formula.")
    unknown: Flag = Field(description="What it counts as while nobody knows.")
    declarable: Flag = Field(
        description="Whether the company may declare it for everybody, as no record could say it."
    )
    holds: Flag | None = Field(description="What is declared; null if nothing is.")


class DraftEntry(ShownEntry):
    """A draft; its id is that of the instrument, its description a hint for who acts."""

    subject: bounded_text(1000, example="Thank you for your order") | None = Field(
        description="Of a letter or e-mail; null where it is spoken."
    )
    text: bounded_text(3000, lines=True, example="Dear [name], thank you for your order.") = Field(
        description="What stands in square brackets only a person can know."
    )


class ReasonEntry(ShownEntry):
    """A reason or a verdict; its description is a template."""

    signal: Signal | None = Field(description="The signal of churn that it explains.")
    params: dict[str, bounded_text(64, example="days")] = Field(
        description="By value in the template, its kind: count, days, number, hundredths, share, "
        "chance, money, date, text, or the section that it is an id of."
    )


class DataGapEntry(ShownEntry):
    """A data gap."""

    effect: bounded_text(1000, example="With the amounts, the value becomes complete.") | None = (
        Field(description="A template of what filling it changes, in the language asked for.")
    )
