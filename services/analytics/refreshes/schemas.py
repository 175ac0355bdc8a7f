"""The shapes of refreshes."""

from typing import Annotated, Literal

from pydantic import Field

from services.analytics.schemas import Shown, next_page
from services.foundation.queries import Page
from shared.values import Day, Flag, Instant, Probability, RecordId, Shape, Version, text, word

Status = Literal["queued", "running", "succeeded", "failed"]


class NewRefresh(Shape):
    """A refresh to run."""

    as_of: Day | None = Field(
        default=None,
        description="Compute what was knowable on this day, from 1970 to today; absent: as configured, "
        "else today.",
    )
    is_full: Flag = Field(
        default=False, description="Read the CRM anew instead of following its change feed."
    )


class Refresh(Shown):
    """A run that reads the CRM, computes and publishes."""

    id: RecordId = Field(description="Made by this service.")
    status: Status = Field(description="How far it is.")
    stage: word(example="calculating") = Field(description="What it is doing, or did last.")
    progress: Probability = Field(description="Share done.")
    as_of: Day | None = Field(
        description="The day that is computed; null until it is known, which is when the run begins."
    )
    is_full: Flag = Field(description="Whether the CRM is read anew.")
    model_version: Version | None = Field(
        description="The version that stands after it; null until it succeeded."
    )
    failure: text(200, example="crm_unavailable") | None = Field(
        description="Why it failed: `crm_unavailable`, `crm_key_missing`, `crm_contract_broken`, "
        "`catalogue_overlay_invalid` (the log names the lines), "
        "`interrupted` (its process ended), or the name of an error nobody expected; null if it did not."
    )
    created_at: Instant = Field(description="When it was asked for.")
    started_at: Instant | None = Field(description="When it began.")
    finished_at: Instant | None = Field(description="When it ended.")


class RefreshPage(Shown):
    """A page of refreshes, newest first."""

    items: Annotated[list[Refresh], Field(max_length=200)] = Field(
        description="What is on this page."
    )
    next: next_page("/v1/refreshes?cursor=WyI5") | None = Field(
        description="Path of the next page; null on the last one."
    )


class ListRefreshes(Page):
    """Refreshes, newest first."""


EXAMPLE = {"as_of": "2026-06-30", "is_full": False}
