"""The shapes of taking imports back."""

from typing import Literal

from pydantic import Field

from shared.values import Count, Flag, Instant, Shape, number


class RevertImport(Shape):
    """How to take it back."""

    dry_run: Flag = Field(
        default=False, description="Only look, write nothing, and tell what would stay."
    )
    keep_touched: Flag = Field(
        default=False,
        description="Leave alone what was touched later and take back the rest. Without it nothing is "
        "taken back if anything was touched later.",
    )


class ImportRevert(Shape):
    """The last taking back of an import."""

    status: Literal["queued", "running", "succeeded", "refused", "failed"] = Field(
        description="`refused`: records were touched later and nothing was taken back, with "
        "`keep_touched` because none was left; `GET /v1/imports/{id}/kept-records` names them. A dry "
        "run tells what the same revert would."
    )
    is_dry_run: Flag = Field(description="Whether it only looks.")
    keep_touched: Flag = Field(description="Whether it leaves alone what was touched later.")
    progress: number(0, 1, example=0.4) = Field(description="The share that is done.")
    reverted_count: Count = Field(
        description="Records that are as they were before; of a dry run: that would be."
    )
    kept_count: Count = Field(
        description="Records that were touched later, or that are in use; see kept-records."
    )
    queued_at: Instant = Field(description="When it was asked for.")
    finished_at: Instant | None = Field(description="When it ended.")
