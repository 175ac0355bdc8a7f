"""The shapes of decisions."""

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from services.analytics.customers.schemas import Amount, Choice
from services.analytics.schemas import Phase, Shown, next_page
from services.foundation.queries import Page
from shared.values import (
    Day,
    Flag,
    Instant,
    Money,
    Probability,
    RecordId,
    Shape,
    Version,
    number,
    text,
    whole,
    word,
)

Status = Literal["accepted", "rejected", "executed", "expired"]
Reason = Literal[
    "not_suitable",
    "wrong_time",
    "wrong_channel",
    "already_done",
    "customer_asked",
    "too_expensive",
    "other",
]
CrmState = Literal["pending", "written", "removed", "failed"]
Cause = Literal["deadline", "interaction_done", "profiling_objection"]
Note = text(1000, lines=True, example="Prefers a call in the afternoon.")
UserId = text(64, shortest=1, example="anna.weber")
MOST_STEPS = 1000
_RECOMMENDATION = "4b6f2a52-6c56-5a0e-9c1d-3f6f0a1b2c3d"


class NewDecision(Shape):
    """What somebody makes of a recommendation of the published version."""

    unit_id: RecordId = Field(description="The customer.")
    recommendation_id: RecordId = Field(
        description="`recommendation.id` of the customer, as it is published now."
    )
    decision: Literal["accepted", "rejected"] = Field(
        description="Whether it is to be done. What is owed (rank 0) cannot be rejected."
    )
    reason: Reason | None = Field(
        default=None,
        description="Why it is rejected, and only then: an id of the catalogue's rejection_reasons.",
    )
    note: Note | None = Field(default=None, description="For colleagues; no program reads it.")
    planned_for: Day | None = Field(
        default=None,
        description="The day on which it is to be done: today or within a year, of what is owed not after its "
        "last day, if that is to come. Only if accepted; absent of "
        "what is owed: its last day, or today if that is past, it is to be done at once, or a message waits.",
    )
    assigned_to: UserId | None = Field(
        default=None, description="Who is to do it, a user of the CRM. Only if accepted."
    )
    write_to_crm: Flag = Field(
        default=False,
        description="Plan it in the CRM as an interaction. Only if accepted.",
    )


def _without_defaults(schema: dict[str, Any]) -> None:
    for part in schema.get("properties", {}).values():
        part.pop("default", None)


class DecisionPatch(Shape):
    """The fields to change (merge patch): null clears a field, an absent one stays."""

    model_config = ConfigDict(json_schema_extra=_without_defaults)

    status: Status = Field(
        default="accepted",
        description="All but `accepted` end the decision: `executed`, `rejected`, which is not recommended "
        "again for 90 days, and `expired`, which ends it before its time and may be recommended again; "
        "absent: it stays accepted.",
    )
    reason: Reason | None = Field(
        default=None,
        description="Why it is rejected after all or ends before its time; needed then, and only then.",
    )
    note: Note | None = Field(default=None, description="For colleagues; no program reads it.")
    planned_for: Day | None = Field(
        default=None, description="Another day: today or within a year. Not if it ends."
    )
    assigned_to: UserId | None = Field(default=None, description="Who is to do it. Not if it ends.")
    write_to_crm: Flag = Field(
        default=False,
        description="True plans it in the CRM, also again after that failed; false takes it out of the "
        "CRM. Not if it ends.",
    )
    executed_at: Instant | None = Field(
        default=None,
        description="When it was done, absent: now; not before the day on which it was decided, and not "
        "more than five minutes ahead. Only if executed.",
    )
    interaction_id: RecordId | None = Field(
        default=None, description="The interaction in the CRM that it was. Only if executed."
    )
    cost: Money | None = Field(
        default=None,
        description="What it cost in all, nothing or more, in the base currency; the CRM is told with the "
        "interaction, and the result of an experiment counts it. Only if executed.",
    )


class DecidedOn(Shown):
    """The recommendation as it was published when somebody decided on it."""

    rank: whole(0, 100, example=1) = Field(
        description="Its place among the recommended ones; 0 is owed."
    )
    phase: Choice | None = Field(
        description="The phase that the customer was in; null, like goal and strategy, of who objects to "
        "profiling."
    )
    goal: Choice | None = Field(description="What it was meant to reach.")
    strategy: Choice | None = Field(description="How.")
    instrument: Choice = Field(description="With what.")
    channel: Choice | None = Field(description="Over which channel; null if none was named.")
    product_id: text(200, example="019abf10-7a5c-7000-8000-000000000017") | None = Field(
        description="Which product, by its id in the CRM; null if none was named."
    )
    event: Choice | None = Field(description="The occasion, if there was one.")
    event_record_id: RecordId | None = Field(
        description="The record in the CRM that the occasion followed from, or the case or message that is "
        "answered; null: none."
    )
    person_id: RecordId | None = Field(
        description="The contact whom it addresses: the planned interaction is with it. Null: not known, then "
        "with the customer."
    )
    due_on: Day | None = Field(
        description="The last day to settle what is owed; null of everything else."
    )
    discount_pct: number(0, 100, example=10) | None = Field(
        description="What it gave off the order that follows; percent; null: none."
    )
    incentive: Amount = Field(description="What else it gave on top; null: nothing.")
    expected_value: Amount = Field(description="What it was expected to bring beyond its cost.")
    stake: Amount = Field(description="What was at stake.")
    base_probability: Probability | None = Field(
        description="The chance of success without it; null if that was not kept."
    )
    effect_probability: number(-1, 1, example=0.05) | None = Field(
        description="By how much it was to raise the chance of success."
    )
    contact_cost: Amount = Field(description="Cost of the contact.")
    incentive_cost: Amount = Field(description="Expected cost of what is given away.")
    risk_cost: Amount = Field(description="Expected cost of its risk.")
    model_version: Version = Field(description="The version that it was published with.")
    as_of: Day = Field(description="The day that its numbers are of.")


class CrmPlan(Shown):
    """The planned interaction in the CRM."""

    state: CrmState = Field(
        description="`pending`: still to be sent, and sent again until the CRM takes it; `written`: the CRM "
        "has it as wanted, or somebody had done it there before; `removed`: it is not there (any more); "
        "`failed`: the CRM refuses it, see `problem`."
    )
    interaction_id: RecordId | None = Field(description="Its id in the CRM; null until known.")
    problem: word(example="crm_unavailable") | None = Field(
        description="What is in the way: `crm_unavailable`, `crm_key_missing`, `crm_key_refused`, "
        "`crm_answer_broken`, or the code of the problem that the CRM answered with; null if nothing is."
    )
    next_attempt_at: Instant | None = Field(
        description="When it is sent next; null if there is nothing to send."
    )


class Decision(Shown):
    """What somebody made of a recommendation, and what became of it."""

    id: RecordId = Field(description="Made by this service.")
    version: Version = Field(
        description="Grows with every step; the ETag holds it. What the CRM answers is no step."
    )
    unit_id: RecordId = Field(description="The customer: `GET /v1/customers/{unit_id}`.")
    recommendation_id: RecordId = Field(
        description="The recommendation, `recommendation.id` of the customer while it is published."
    )
    status: Status = Field(
        description="`accepted` is open; `executed`, `rejected` and `expired` are final."
    )
    reason: Choice | None = Field(
        description="Why it was rejected, or ended by a person before its time."
    )
    note: Note | None = Field(description="For colleagues.")
    planned_for: Day | None = Field(description="The day on which it is to be done.")
    valid_until: Day | None = Field(
        description="The last day on which an accepted one is open: by 30 days, or as long as its event "
        "holds, but not before the day it is planned for; null if it was rejected at once."
    )
    assigned_to: UserId | None = Field(description="Who is to do it.")
    executed_at: Instant | None = Field(description="When it was done.")
    interaction_id: RecordId | None = Field(
        description="The interaction in the CRM that it was, if that is known."
    )
    cost: Money | None = Field(description="What it cost.")
    decided_on: DecidedOn = Field(description="What was decided on.")
    crm: CrmPlan | None = Field(
        description="The planned interaction in the CRM; null if none was asked for."
    )
    decided_at: Instant = Field(description="When it was decided.")
    updated_at: Instant = Field(description="When the last step was taken.")


class DecisionStep(Shown):
    """One step of a person or of the service itself."""

    at: Instant = Field(description="When.")
    key_id: text(8, example="k3Jd92La") = Field(
        description="The key or token subject that took it; `system` for what goes on by itself."
    )
    key_name: text(100, example="Sales") = Field(description="The name that it had then.")
    request_id: text(64, example="019abf10-7a5c-7000-8000-000000000000") = Field(
        description="In which request; of an automatic step which request or refresh noticed it, empty if it "
        "was noticed while a version was published."
    )
    from_status: Status | None = Field(description="Before; null for the first step.")
    to_status: Status = Field(description="Afterwards.")
    changed: Annotated[list[word(example="planned_for")], Field(max_length=20)] = Field(
        description="Which fields were set."
    )
    cause: Cause | None = Field(
        description="Of an automatic step: `deadline` (not done in time), `interaction_done` (the planned "
        "interaction was done in the CRM), `profiling_objection`; null for a person's."
    )


class DecisionInFull(Decision):
    """A decision with every step."""

    history: Annotated[list[DecisionStep], Field(max_length=MOST_STEPS)] = Field(
        description="Every step, the first one first."
    )


class DecisionPage(Shown):
    """A page of decisions, the newest first."""

    items: Annotated[list[Decision], Field(max_length=200)] = Field(
        description="What is on this page."
    )
    next: next_page("/v1/decisions?cursor=WyI5") | None = Field(
        description="Path of the next page; null on the last one."
    )


def _ids(what: str) -> Any:
    return Field(default=[], max_length=50, description=f"{what}; given several times: any.")


class ListDecisions(Page):
    """Decisions, the newest first."""

    unit_id: list[RecordId] = _ids("Of this customer")
    status: Annotated[list[Status], Field(max_length=4)] = Field(
        default=[], description="In this status; given several times: any."
    )
    strategy_id: list[word(example="attachment")] = _ids("On this strategy")
    instrument_id: list[word(example="advice")] = _ids("On this instrument")
    phase: Annotated[list[Phase], Field(max_length=5)] = Field(
        default=[], description="Of customers who were in this phase; given several times: any."
    )
    assigned_to: list[UserId] = _ids("To be done by this user")
    decided_at_gte: Instant | None = Field(default=None, description="Decided at or after.")
    decided_at_lt: Instant | None = Field(default=None, description="Decided before.")


EXAMPLE = {
    "unit_id": "01977b3a-5c00-7000-8000-000000000001",
    "recommendation_id": _RECOMMENDATION,
    "decision": "accepted",
    "note": "Prefers a call in the afternoon.",
    "assigned_to": "anna.weber",
    "write_to_crm": True,
}
EXAMPLE_REJECTED = {
    "unit_id": "01977b3a-5c00-7000-8000-000000000001",
    "recommendation_id": _RECOMMENDATION,
    "decision": "rejected",
    "reason": "wrong_time",
}
EXAMPLE_EXPIRED = {"status": "expired", "reason": "wrong_time"}
EXAMPLE_PATCH = {
    "status": "executed",
    "cost": {"amount": "12.50", "currency": "EUR"},
}
