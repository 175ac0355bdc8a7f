"""The shapes of retention on the wire."""

from typing import Annotated, Literal

from pydantic import Field

from shared.values import Count, Flag, Instant, RecordId, Shape, text, word


class RetentionRule(Shape):
    """What is forgotten, and after how long."""

    rule: word(example="trash_contacts") = Field(description="Its name.")
    about: text(300, example="Contacts in the trash.") = Field(description="What it is about.")
    days: Count | None = Field(description="How long it is kept; null: for ever.")
    is_automatic: Flag = Field(
        description="Whether it goes by itself; else it is only told of, and people decide."
    )


class Retention(Shape):
    """All rules, as they are configured."""

    rules: Annotated[list[RetentionRule], Field(max_length=100)] = Field(
        description="In the order in which they are run."
    )
    last_run_id: RecordId | None = Field(description="The run that was asked for last.")


class RetentionRequest(Shape):
    """Whether only to look."""

    dry_run: Flag = Field(default=True, description="Only count what is due, and remove nothing.")


class RuleResult(Shape):
    """What a rule found."""

    rule: word(example="trash_contacts") = Field(description="Its name.")
    count: Count = Field(description="How many were due, or were removed.")
    examples: Annotated[list[text(64, example="4711")], Field(max_length=5)] = Field(
        description="Ids of some of them."
    )


class RetentionRun(Shape):
    """A run of all rules."""

    id: RecordId = Field(description="Made by this service.")
    is_dry_run: Flag = Field(description="Whether it only looked.")
    status: Literal["queued", "running", "done"] = Field(description="How far it is.")
    results: Annotated[list[RuleResult], Field(max_length=100)] = Field(
        description="What the rules that were run so far found."
    )
    is_of_the_day: Flag = Field(description="Whether it is the run that every day has by itself.")
    request_id: text(64, example="019abf10-7a5c-7000-8000-000000000000") = Field(
        description="What its changes bear in feed and audit log."
    )
    created_at: Instant = Field(description="When it was asked for.")
    finished_at: Instant | None = Field(description="When it ended.")


EXAMPLE = {"dry_run": True}
