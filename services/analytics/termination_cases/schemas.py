"""The shapes of termination cases on the wire."""

from typing import Annotated, Any, Literal

from pydantic import Field

from services.analytics.customers.schemas import Choice, NextPage, TerminationSignal
from services.analytics.schemas import Description, Shown
from services.foundation.queries import Page
from shared.values import Day, Flag, Instant, Language, RecordId, Shape, Version, whole, word
from shared.values import text as bounded_text

Step = Literal["proposed", "remedy", "hearing", "review", "approved", "closed"]
Outcome = Literal[
    "signals_gone",
    "objection_first",
    "ended_otherwise",
    "remedy_kept",
    "withdrawn",
    "continued",
    "modified",
    "terminated",
]
Note = bounded_text(2000, lines=True, example="Agreed on the telephone.")
Written = bounded_text(
    8000, shortest=1, lines=True, example="We paid late because our own customers did."
)
Reason = bounded_text(
    8000,
    shortest=40,
    lines=True,
    example="Five invoices were paid late in spite of the payment plan, and the answer names no way out.",
)
ProfileId = word(example="chronic_late_payer")
Ids = Annotated[list[ProfileId], Field(min_length=1, max_length=5)]
KeyId = bounded_text(8, example="q7Rk2mZx")
KeyName = bounded_text(100, example="Service desk")


class NewCase(Shape):
    """A case to open, always of one customer."""

    unit_id: RecordId = Field(description="The customer, by its id in the CRM.")
    profile_ids: Ids = Field(
        description="Which of the catalogue's `terminate_profiles` fit; each needs its signal to be met."
    )
    note: bounded_text(2000, shortest=1, lines=True, example="Late for a year.") = Field(
        description="Why a person opens it, in own words."
    )


class NewRemedy(Shape):
    """The remedy of the profiles is offered."""

    note: Note | None = Field(default=None, description="How it was offered, and what was added.")


class RemedyResult(Shape):
    """How the remedy went."""

    result: Literal["kept", "failed"] = Field(
        description="`kept` closes the case at any time; `failed` can be told after 60 days."
    )
    note: Note | None = Field(default=None, description="What was seen.")


class NewHearing(Shape):
    """The customer was told the facts."""

    language: Language = Field(description="In which language: the customer's, if it is known.")
    text: Written | None = Field(
        default=None,
        description="What the customer was told, in 40 letters or more; absent: the draft as it is.",
    )


class NewStatement(Shape):
    """What the customer says."""

    text: Written = Field(description="In the customer's own words.")


class NewJustification(Shape):
    """Why a covert way to end the relationship may be looked at."""

    text: Reason = Field(description="At least 40 characters; who wrote it stays recorded.")


class Confirmation(Shape):
    """A condition that no record answers, confirmed by the reviewer."""

    condition: word(example="lawful_terms") = Field(
        description="`lawful_terms`, `individual_price_exists` or `offer_has_components`."
    )
    proof: bounded_text(500, shortest=1, example="Legal check of 3 March, file 17.") = Field(
        description="What proves it."
    )


class NewDecision(Shape):
    """What a reviewer decides."""

    choice: Literal["continue", "modify", "terminate"] = Field(
        description="The relationship continues, continues on other terms, or ends."
    )
    reason: Reason = Field(description="At least 40 letters, spaces not counted.")
    modification: Written | None = Field(
        default=None, description="Of `modify`: what changes for the customer."
    )
    strategy_id: word(example="open_explained") | None = Field(
        default=None,
        description="Of `terminate`: one of the case's `strategies`; absent: the default one.",
    )
    instrument_id: word(example="termination_letter") | None = Field(
        default=None, description="Of `terminate`: absent means the strategy's first one."
    )
    planned_end_on: Day | None = Field(default=None, description="Of `terminate`: the last day.")
    notice_days: whole(0, 3650, example=90) = Field(
        default=0, description="Of `terminate`: the notice period by contract or law."
    )
    whole_offer: RecordId | None = Field(
        default=None,
        description="The product whose offer is changed for everybody, where a strategy does that.",
    )
    confirmations: Annotated[list[Confirmation], Field(max_length=10)] = Field(
        default=[], description="Conditions that no record answers."
    )
    contact_person: bounded_text(200, shortest=1, example="Mia Berg, +49 30 1234") | None = Field(
        default=None, description="Whom the customer can talk to; `continue` does without."
    )
    way_to_contest: bounded_text(500, shortest=1, example="in writing to Mia Berg") | None = Field(
        default=None, description="How the customer can contest it; `continue` does without."
    )


class NewExecution(Shape):
    """The decision was carried out by people."""

    executed_on: Day = Field(description="The day; not before the planned one.")
    note: Note | None = Field(default=None, description="What was done.")


class NewContest(Shape):
    """The customer contests the decision."""

    statement: Written = Field(description="In the customer's own words.")


class Withdrawal(Shape):
    """The proposal is given up."""

    reason: bounded_text(2000, shortest=1, lines=True, example="Opened by mistake.") = Field(
        description="Why."
    )


class By(Shown):
    """Who did it."""

    key_id: KeyId | None = Field(description="The key; null: the service by itself.")
    name: KeyName = Field(description="Its name.")


class Marked(Shown):
    """Something that somebody did."""

    at: Instant = Field(description="When.")
    by: By


class Next(Shown):
    """What may follow; nothing follows by itself but the end of a case whose grounds are gone."""

    action: word(example="record_remedy_result") = Field(description="Which step.")
    possible_from: Instant | None = Field(description="Not before; null: at once.")


class RemedyOffer(Shown):
    """The remedy of a profile."""

    profile_id: word(example="chronic_late_payer") = Field(description="Of which profile.")
    text: bounded_text(1000, example="payment plan or prepayment") = Field(
        description="What is offered."
    )


class Remedy(Marked):
    """The remedy that was offered."""

    offers: Annotated[list[RemedyOffer], Field(max_length=5)] = Field(description="What.")
    note: Note | None = Field(description="What was noted.")
    due_at: Instant = Field(description="Until then it has time.")
    result: Literal["kept", "failed"] | None = Field(description="How it went; null: open.")
    result_at: Instant | None = Field(description="When that was recorded.")
    result_note: Note | None = Field(description="What was seen.")


class Hearing(Marked):
    """What the customer was told, and until when an answer is awaited."""

    language: Language = Field(description="In which language.")
    text: Written = Field(description="What.")
    due_at: Instant = Field(description="Until then the customer can answer.")
    closed_at: Instant | None = Field(description="When it was closed; null: open.")


class Statement(Marked):
    """What the customer said."""

    text: Written = Field(description="The words.")


class OfferedStrategy(Choice):
    """A way to end the relationship that a reviewer may choose."""

    description: Description = Field(description="What it means.")
    is_default: Flag = Field(description="Chosen if none is named.")
    instruments: Annotated[list[Choice], Field(max_length=10)] = Field(description="With what.")
    risk: bounded_text(500, example="feels arbitrary") | None = Field(
        description="What can go wrong."
    )


class Decision(Marked):
    """What a reviewer decided."""

    choice: Literal["continue", "modify", "terminate"] = Field(description="What.")
    reason: Reason = Field(description="Why.")
    modification: Written | None = Field(description="What changes.")
    strategy: Choice | None = Field(description="How the relationship ends.")
    instrument: Choice | None = Field(description="With what.")
    planned_end_on: Day | None = Field(description="The last day.")
    notice_days: whole(0, 3650, example=90) = Field(description="The notice period.")
    whole_offer: RecordId | None = Field(description="The product that changes for everybody.")
    confirmations: Annotated[list[Confirmation], Field(max_length=10)] = Field(
        description="What the reviewer confirmed."
    )
    contact_person: bounded_text(200, example="Mia Berg") | None = Field(
        description="Whom to talk to."
    )
    way_to_contest: bounded_text(500, example="in writing") | None = Field(
        description="How to contest."
    )


class Contest(Marked):
    """The customer contested the decision."""

    statement: Written = Field(description="The words.")


class Execution(Marked):
    """The decision was carried out."""

    executed_on: Day = Field(description="The day.")
    note: Note | None = Field(description="What was done.")


class Closing(Marked):
    """How the case ended."""

    reason: Note | None = Field(description="Of a withdrawal: why.")


class CaseSummary(Shown):
    """A case as lists show it."""

    id: RecordId = Field(description="Made by this service.")
    unit_id: RecordId = Field(description="The customer.")
    step: Choice = Field(description="How far it is.")
    outcome: Choice | None = Field(description="How it ended; null while it is open.")
    next: Next | None = Field(description="What may follow; null once it is closed.")
    opened_at: Instant = Field(description="When it was opened.")
    updated_at: Instant = Field(description="When its last step was taken.")
    proposed_by: By
    signals: Annotated[list[Choice], Field(max_length=6)] = Field(
        description="What was met at the last step."
    )
    blocks: Annotated[list[Choice], Field(max_length=8)] = Field(
        description="What forbade a step then."
    )


class TerminationCase(CaseSummary):
    """A termination case with everything that was recorded."""

    note: Note = Field(description="Why it was opened.")
    profiles: Annotated[list[Choice], Field(max_length=5)] = Field(description="Which fit.")
    checked_version: Version = Field(description="The version that the last step was checked with.")
    checked_as_of: Day = Field(description="The day that this version is of.")
    remedy: Remedy | None = Field(description="What was offered; null before.")
    hearing: Hearing | None = Field(description="What was told and answered; null before.")
    statements: Annotated[list[Statement], Field(max_length=20)] = Field(
        description="What the customer said."
    )
    counter_evidence_opened: Annotated[list[Marked], Field(max_length=20)] = Field(
        description="Who opened the counter-evidence last when."
    )
    justification: Statement | None = Field(description="Why covert strategies may be looked at.")
    strategies: Annotated[list[OfferedStrategy], Field(max_length=20)] = Field(
        description="At the review: what may be chosen."
    )
    decisions: Annotated[list[Decision], Field(max_length=50)] = Field(
        description="What was decided, the newest last."
    )
    contests: Annotated[list[Contest], Field(max_length=20)] = Field(
        description="When and how the customer contested."
    )
    execution: Execution | None = Field(description="What was done; null before.")
    closing: Closing | None = Field(description="How it ended; null while it is open.")
    notice: Description = Field(description="What holds for everybody who reads this.")


class CasePage(Shown):
    """A page of cases, the newest first."""

    items: Annotated[list[CaseSummary], Field(max_length=200)] = Field(
        description="What is on this page."
    )
    next: NextPage | None = Field(description="Path of the next page; null on the last one.")


class ListCases(Page):
    """Which cases."""

    unit_id: RecordId | None = Field(default=None, description="Of this customer.")
    step: Step | None = Field(default=None, description="At this step.")
    outcome: Outcome | None = Field(default=None, description="With this outcome.")


class CounterEvidence(Shown):
    """What speaks for and against each signal."""

    case_id: RecordId = Field(description="The case.")
    unit_id: RecordId = Field(description="The customer.")
    model_version: Version = Field(description="The published version.")
    as_of: Day = Field(description="The day that it is of.")
    signals: Annotated[list[TerminationSignal], Field(max_length=6)] = Field(
        description="What is met now."
    )
    statements: Annotated[list[Statement], Field(max_length=20)] = Field(
        description="What the customer said."
    )
    notice: Description = Field(description="What holds for everybody who reads this.")


class LogEntry(Shown):
    """Something that was read or changed."""

    id: RecordId = Field(description="Made by this service.")
    at: Instant = Field(description="When.")
    action: word(example="case_read") = Field(description="What.")
    unit_id: RecordId | None = Field(
        description="About which customer; null: about no single one, or about a person who was erased."
    )
    case_id: RecordId | None = Field(
        description="Of which case; null: of what is published about the customer or about all."
    )
    key_id: KeyId | None = Field(description="By which key; null: the service by itself.")
    key_name: KeyName = Field(description="The name of the key.")
    request_id: RecordId | None = Field(description="In which request; null: in a refresh.")
    details: dict[str, Any] | None = Field(
        description="The version and step of the case after it, or what was asked for."
    )


class LogPage(Shown):
    """A page of the log, the newest first."""

    items: Annotated[list[LogEntry], Field(max_length=200)] = Field(
        description="What is on this page."
    )
    next: NextPage | None = Field(description="Path of the next page; null on the last one.")


class ListLog(Page):
    """The log of a case."""


class ListWholeLog(ListLog):
    """The whole log, or that of one customer."""

    unit_id: RecordId | None = Field(
        default=None, description="Only what is about this customer, by its id in the CRM."
    )


EXAMPLE = {
    "unit_id": "01977b3a-5c00-7000-8000-000000000001",
    "profile_ids": ["chronic_late_payer", "unprofitable_customer"],
    "note": "Late for a year, and the reminders cost more than the orders bring.",
}
EXAMPLE_DECISION = {
    "choice": "terminate",
    "reason": "Five invoices were paid late in spite of the payment plan, and the answer names no way out.",
    "planned_end_on": "2027-03-31",
    "notice_days": 90,
    "contact_person": "Mia Berg, +49 30 1234",
    "way_to_contest": "in writing to Mia Berg",
}
