"""The shapes of experiments on the wire."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, ConfigDict, Field

from services.analytics.schemas import Label, Phase, Shown, next_page
from services.foundation.queries import Page
from shared.values import (
    Count,
    Day,
    Flag,
    Instant,
    Probability,
    RecordId,
    Shape,
    Total,
    Version,
    number,
    text,
    word,
)

Status = Literal["planned", "running", "stopped", "closed"]
Tier = Literal["A", "B", "C"]
Arm = Literal["treatment", "control"]
Verdict = Literal["too_few", "effective", "harmful", "inconclusive"]
Key = Annotated[
    str,
    Field(
        min_length=1,
        max_length=64,
        pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$",
        examples=["winback-2026q1"],
    ),
]
Tiers = Annotated[list[Tier], Field(max_length=3)]


def _each_once(tiers: list[Tier]) -> list[Tier]:
    if len(set(tiers)) < len(tiers):
        raise ValueError("Each tier once.")
    return tiers


NewTiers = Annotated[
    list[Tier],
    Field(max_length=3, json_schema_extra={"uniqueItems": True}),
    AfterValidator(_each_once),
]
Difference = number(-1, 1, example=0.08)
NextPage = next_page("/v1/experiments?cursor=WyI5")


def _without_defaults(schema: dict[str, Any]) -> None:
    for part in schema.get("properties", {}).values():
        part.pop("default", None)


class NewExperiment(Shape):
    """A step to be tried on some while others are held out."""

    key: Key = Field(
        description="Decides with the id of a customer which arm it is in, so it never changes."
    )
    name: text(200, shortest=1, example="Return offer by post") = Field(
        description="What it is called."
    )
    phase: Phase = Field(
        description="Customers in this phase take part, from the day on which the step is open to them: it "
        "would be recommended, or comes after steps that bring more."
    )
    strategy_id: word(example="winback_factual") = Field(
        description="A strategy of the catalogue that is for this phase."
    )
    instrument_id: word(example="return_offer") = Field(
        description="An instrument of that strategy that is for this phase."
    )
    channel_id: word(example="post") | None = Field(
        default=None, description="A channel of that instrument; absent: any."
    )
    holdout_share: number(0.01, 0.9, example=0.1) = Field(
        default=0.10, description="Share of the customers who are held out, the control group."
    )
    tiers: NewTiers = Field(
        default=[], description="Only customers of these value tiers take part; empty: all."
    )
    starts_at: Instant | None = Field(
        default=None,
        description="Nobody is assigned before the business day of this instant; absent: from the "
        "start on.",
    )
    ends_at: Instant | None = Field(
        default=None,
        description="Nobody is assigned from the business day of this instant on; absent: until it "
        "is stopped.",
    )
    hypothesis: text(
        2000, shortest=1, lines=True, example="A return offer brings 5% more back."
    ) = Field(description="What is expected, written down before anything is seen.")
    minimum_effect: Difference | None = Field(
        default=None, description="The smallest rise of the success rate worth seeing."
    )


class ExperimentPatch(Shape):
    """What may change: a plan may change in everything but its key, later only name, state and review."""

    model_config = ConfigDict(json_schema_extra=_without_defaults)

    name: text(200, shortest=1, example="Return offer by post") = Field(
        default="", description="What it is called."
    )
    status: Literal["running", "stopped"] = Field(
        default="running",
        description="`running` starts a plan; `stopped` ends taking people in, outcomes are still "
        "waited for.",
    )
    phase: Phase = Field(default="winback", description="Of a plan: the phase of the customers.")
    strategy_id: word(example="winback_factual") = Field(
        default="", description="Of a plan: the strategy."
    )
    instrument_id: word(example="return_offer") = Field(
        default="", description="Of a plan: the instrument."
    )
    channel_id: word(example="post") | None = Field(
        default=None, description="Of a plan: the channel; null: any."
    )
    holdout_share: number(0.01, 0.9, example=0.1) = Field(
        default=0.10, description="Of a plan: the share held out."
    )
    tiers: NewTiers = Field(default=[], description="Of a plan: the value tiers.")
    starts_at: Instant | None = Field(default=None, description="Of a plan: the start.")
    ends_at: Instant | None = Field(default=None, description="Of a plan: the end.")
    hypothesis: text(
        2000, shortest=1, lines=True, example="A return offer brings 5% more back."
    ) = Field(default="", description="Of a plan: what is expected.")
    minimum_effect: Difference | None = Field(
        default=None, description="Of a plan: the smallest effect worth seeing."
    )
    review_note: text(2000, shortest=1, lines=True, example="Wrong list; tried again in May.") = (
        Field(
            default="",
            description="Of a closed experiment that did harm: what a person found. It ends the time in "
            "which the step is put to a person.",
        )
    )


class Step(Shown):
    """Something that was done about an experiment."""

    at: Instant = Field(description="When.")
    action: Literal["created", "changed", "started", "stopped", "closed", "reviewed"] = Field(
        description="What; `closed` happens by itself when all windows have closed."
    )
    key_id: text(255, example="Ab3dE6gH") | None = Field(
        description="The key, or the subject of the token; null for what happens by itself."
    )
    key_name: text(200, example="Marketing") | None = Field(description="What that key is called.")
    request_id: text(255, example="01977b3a-5c00-7000-8000-000000000001") | None = Field(
        description="The request; null for what happens by itself."
    )
    changes: Annotated[list[word(example="name")], Field(max_length=20)] = Field(
        description="The fields that were changed."
    )


class Arms(Shown):
    """How many customers are in each arm, whether anything was done for them or not."""

    treatment_count: Count = Field(description="To be treated.")
    control_count: Count = Field(description="Held out.")


class Intake(Shown):
    """Whom the experiment could take in when a refresh looked last; who was taken in before stays in."""

    as_of: Day = Field(description="The day that was computed.")
    concerned_count: Count = Field(
        description="Customers of the phase and tiers who do not object to profiling."
    )
    open_count: Count = Field(
        description="Those of them to whom the step is open: no channel, condition, cap or decision forbids "
        "it, and it pays."
    )


class Experiment(Shown):
    """A step that is tried on some while others are held out."""

    id: RecordId = Field(description="Made by this service.")
    key: Key = Field(description="Decides with the id of a customer which arm it is in.")
    name: text(200, example="Return offer by post") = Field(description="What it is called.")
    status: Status = Field(
        description="`planned`; `running` takes people in; `stopped` does not any more; `closed` has its "
        "result."
    )
    phase: Phase = Field(
        description="Customers in this phase take part, from the day on which the step is open to them: it "
        "would be recommended, or comes after steps that bring more."
    )
    strategy_id: word(example="winback_factual") = Field(description="The strategy.")
    strategy_label: Label = Field(description="Its name in the language asked for.")
    instrument_id: word(example="return_offer") = Field(description="The instrument.")
    instrument_label: Label = Field(description="Its name in the language asked for.")
    channel_id: word(example="post") | None = Field(description="The channel; null for any.")
    holdout_share: Probability = Field(description="Share of the customers who are held out.")
    tiers: Tiers = Field(description="The value tiers that take part; empty for all.")
    starts_at: Instant | None = Field(description="Nobody is assigned before that day.")
    ends_at: Instant | None = Field(description="Nobody is assigned from that day on.")
    hypothesis: text(2000, lines=True, example="A return offer brings 5% more back.") = Field(
        description="What is expected."
    )
    minimum_effect: Difference | None = Field(description="The smallest effect worth seeing.")
    arms: Arms
    intake: Intake | None = Field(
        description="Whom it could take in last; null before a refresh has looked."
    )
    started_at: Instant | None = Field(description="When a person started it.")
    started_on: Day | None = Field(
        description="The latest day that was computed when it was started: a refresh for an earlier one "
        "assigns nobody. Null of a plan, and where it was not kept."
    )
    stopped_at: Instant | None = Field(description="When a person stopped it.")
    closed_at: Instant | None = Field(description="When the result was worked out.")
    needs_review: Flag = Field(
        description="True while a person has to look at it because it did harm: its step is not "
        "recommended by itself until then."
    )
    reviewed_at: Instant | None = Field(description="When a person reviewed it.")
    review_note: text(2000, lines=True, example="Wrong list; tried again in May.") | None = Field(
        description="What that person found."
    )
    version: Version = Field(description="Grows by one with every change; the ETag holds it.")
    created_at: Instant = Field(description="When it was entered.")
    updated_at: Instant = Field(description="When it was last changed.")


class ExperimentWithHistory(Experiment):
    """An experiment with everything that was done about it."""

    history: Annotated[list[Step], Field(max_length=1000)] = Field(
        description="What was done, by whom, in which request, oldest first."
    )


class ExperimentPage(Shown):
    """A page of experiments."""

    items: Annotated[list[Experiment], Field(max_length=200)] = Field(
        description="What is on this page."
    )
    next: NextPage | None = Field(description="Path of the next page; null on the last one.")


class ListExperiments(Page):
    """Experiments, newest first."""

    status: Annotated[list[Status], Field(max_length=4)] = Field(
        default=[], description="In these states."
    )
    phase: Annotated[list[Phase], Field(max_length=5)] = Field(
        default=[], description="For customers in these phases."
    )


class Assignment(Shown):
    """A customer in an arm of an experiment."""

    unit_id: RecordId = Field(description="The customer.")
    arm: Arm = Field(description="To be treated, or held out.")
    u: Probability = Field(
        description="The number that decided it: held out if it is below the share."
    )
    assigned_at: Instant = Field(description="When a refresh assigned it.")
    assigned_on: Day = Field(description="The day that its numbers were of.")
    window_ends_on: Day = Field(description="The last day whose purchases count.")
    tier: Tier | None = Field(description="Its value tier then.")
    expected_effect: Difference | None = Field(
        description="By how much the step was believed to raise the chance of success."
    )
    expected_contribution: Total | None = Field(
        description="What it was expected to contribute within the window without the step; null if "
        "unknown."
    )
    contact_cost: Total | None = Field(
        description="What reaching it costs by the catalogue: the instrument, and the channel tried or, "
        "where any will do, the one that was recommended; null where it was not kept."
    )
    has_succeeded: Flag | None = Field(
        description="Whether it bought within the window, under contract: whether one still ran at its "
        "end; null until the experiment is closed."
    )
    contribution: Total | None = Field(
        description="What it contributed within the window; null until the experiment is closed."
    )


class AssignmentPage(Shown):
    """A page of customers with their arms."""

    items: Annotated[list[Assignment], Field(max_length=200)] = Field(
        description="What is on this page."
    )
    next: NextPage | None = Field(description="Path of the next page; null on the last one.")


class ListAssignments(Page):
    """Customers in the order of their ids."""

    arm: Arm | None = Field(default=None, description="In this arm.")


EXAMPLE = {
    "key": "winback-2026q1",
    "name": "Return offer by post",
    "phase": "winback",
    "strategy_id": "winback_factual",
    "instrument_id": "return_offer",
    "channel_id": "post",
    "holdout_share": 0.2,
    "starts_at": "2026-01-01T00:00:00Z",
    "ends_at": "2026-04-01T00:00:00Z",
    "hypothesis": "A return offer brings 5% more back.",
    "minimum_effect": 0.05,
}
EXAMPLE_PATCH = {"status": "running"}
EXAMPLE_RENAMED = {"name": "Return offer, first wave"}
