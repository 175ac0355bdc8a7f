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
        description="Leave alone what was touched later, is in use or pointed to what is gone, and take "
        "back the rest. Without it nothing is taken back if there is any such record.",
    )


class ImportRevert(Shape):
    """The last taking back of an import."""

    status: Literal["queued", "running", "succeeded", "refused", "failed"] = Field(
        description="`refused`: records had to stay as they are and nothing was taken back, with "
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
        description="Records that stay: touched later, in use, or before the import they pointed to what "
        "is gone; see kept-records."
    )
    queued_at: Instant = Field(description="When it was asked for.")
    finished_at: Instant | None = Field(description="When it ended.")
