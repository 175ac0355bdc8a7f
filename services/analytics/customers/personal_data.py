"""The shape of all that is computed about a person."""

from typing import Annotated, Any

from pydantic import Field

from services.analytics.customers.schemas import Customer, PastCustomer
from services.analytics.decisions.schemas import Decision
from services.analytics.experiments.schemas import Assignment
from services.analytics.experiments.schemas import Status as ExperimentStatus
from services.analytics.plans.schemas import Period, PlanChoice, PlanExport
from services.analytics.plans.schemas import Status as PlanStatus
from services.analytics.schemas import Label, Phase, Shown
from services.analytics.summary.schemas import ModelSummary
from shared.values import Flag, Probability, RecordId, word
from shared.values import text as bounded_text


class StoredCustomer(Customer):
    """What the published version holds about a customer."""

    model: ModelSummary = Field(description="The model that it was computed with.")
    stored: dict[str, Any] = Field(description="Every stored column, as it is.")


class Recipient(Shown):
    """A key that can read it."""

    id: bounded_text(8, example="q7Rk2mZx") = Field(description="The key's id.")
    name: bounded_text(100, example="Frontend") = Field(description="What it was named for.")


class ExperimentPart(Shown):
    """What an experiment keeps about a customer."""

    id: RecordId = Field(description="The experiment.")
    key: bounded_text(64, example="winback-2026q1") = Field(
        description="Decides with the id of a customer which arm it is in."
    )
    name: bounded_text(200, example="Return offer by post") = Field(
        description="What it is called."
    )
    status: ExperimentStatus = Field(description="How far it is.")
    phase: Phase = Field(description="Customers in this phase take part.")
    strategy_id: word(example="winback_factual") = Field(description="The strategy that is tried.")
    strategy_label: Label = Field(description="Its name in the language asked for.")
    instrument_id: word(example="return_offer") = Field(description="The instrument that is tried.")
    instrument_label: Label = Field(description="Its name in the language asked for.")
    holdout_share: Probability = Field(
        description="Share of the customers who do not get it, to be compared with."
    )
    assignment: Assignment = Field(
        description="Its arm, the number that decided it, the window and what was expected."
    )
    known_by: dict[str, Any] = Field(
        description="Its scores on that day, by which it is told who answers to the step."
    )
    is_under_contract: Flag = Field(description="Whether a contract ran on that day.")


class PlanPart(Shown):
    """What a plan keeps about a customer."""

    id: RecordId = Field(description="The plan.")
    name: bounded_text(200, example="Spring 2026") = Field(description="What it is called.")
    status: PlanStatus = Field(description="`active` or `canceled`.")
    period: Period = Field(description="The days that it is for.")
    choice: PlanChoice = Field(description="What is planned for the customer.")
    lists: Annotated[list[PlanExport], Field(max_length=100)] = Field(
        description="Lists that were taken of the plan, the newest first; it is on them unless it was dropped "
        "at that time, of which only the counts are kept."
    )


class PersonalData(Shown):
    """All that is computed about a customer, and how."""

    unit_id: RecordId = Field(description="The contact in the CRM.")
    logic: bounded_text(5000, example="From the days and amounts of purchases …") = Field(
        description="How the numbers come about, in the language asked for (Art. 15(1)(h) GDPR)."
    )
    recipients: Annotated[list[Recipient], Field(max_length=10_000)] = Field(
        description="Keys that can, or could, read it."
    )
    current: StoredCustomer | None = Field(
        description="What is published; null if the published version has no such customer."
    )
    history: Annotated[list[PastCustomer], Field(max_length=1000)] = Field(
        description="What is kept of versions before, the newest first."
    )
    to_be_overwritten: dict[str, Any] | None = Field(
        description="What an older version held and the next whole refresh overwrites; nobody is shown it."
    )
    termination: dict[str, Any] = Field(
        description="`cases`: due process about this customer, as stored; `log`: who read or changed it."
    )
    decisions: Annotated[list[Decision], Field(max_length=1000)] = Field(
        description="What people decided on recommendations, the newest first."
    )
    experiments: Annotated[list[ExperimentPart], Field(max_length=1000)] = Field(
        description="Experiments that it takes part in, the last assignment first."
    )
    plans: Annotated[list[PlanPart], Field(max_length=1000)] = Field(
        description="Plans that name it, the newest first."
    )
