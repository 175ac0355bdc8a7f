"""The shapes of a batch."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field, SkipValidation, create_model

from services.crm_api.feature import Feature
from services.crm_api.schemas import Mode
from shared.values import ExternalRef, RecordId, Shape, Version, text, whole

LONGEST = 500


class BatchError(Shape):
    """Why an item failed, where in it."""

    pointer: text(1000, example="/data/email") = Field(description="Where in the item.")
    code: text(100, example="unknown") = Field(description="For programs.")
    message: text(2000, example="What was expected.") = Field(description="For people.")


class BatchProblem(Shape):
    """Why an item failed."""

    code: text(64, example="external_ref_taken") = Field(description="For programs.")
    detail: text(2000, example="Another live record has it.") = Field(description="For people.")
    errors: Annotated[list[BatchError], Field(max_length=100)] = Field(
        default=[], description="Faults of single fields."
    )
    existing_id: RecordId | None = Field(
        default=None, description="The record that is in the way, if there is one."
    )


class BatchResult(Shape):
    """What became of one item."""

    index: whole(0, LONGEST, example=0) = Field(description="Its place in the request, from 0.")
    status: whole(200, 599, example=201) = Field(description="As if it had been sent alone.")
    id: RecordId | None = Field(default=None, description="The record; null if the item failed.")
    version: Version | None = Field(default=None, description="Its version now.")
    problem: BatchProblem | None = Field(
        default=None, description="Why it failed; null if it did not."
    )


class BatchAnswer(Shape):
    """One result for each item, in order."""

    items: Annotated[list[BatchResult], Field(max_length=LONGEST)] = Field(
        description="One result for each item."
    )


@dataclass(frozen=True)
class Batch:
    """The body of a batch of one resource, and the shape of its items by their `action`."""

    request: type[Shape]
    items: Mapping[str, type[Shape]]


def batch_of(feature: Feature) -> Batch:
    """Build the body of a batch of this resource.

    The items are shown typed and read one by one later, so that one that is wrong spoils no other.
    """
    title = feature.shown.__name__

    def item(action: str, what: str, **fields: Any) -> Any:
        return create_model(
            f"{action.title()}{title}Item",
            __base__=Shape,
            __doc__=what,
            action=(Literal[action], Field(description=what)),  # type: ignore[arg-type]
            **fields,
        )

    version = Version | None
    if_match = (version, Field(default=None, description="Only if this is still the version."))
    which = (RecordId, Field(description="The record."))
    create = item(
        "create", "Create a record.", data=(feature.new, Field(description="Its fields."))
    )
    update = item(
        "update",
        "Change a record.",
        id=which,
        version=if_match,
        data=(feature.patch, Field(description="The fields to change.")),
    )
    upsert = item(
        "upsert",
        "Create or change a record by external id.",
        ref=(ExternalRef, Field(description="How the other system names it.")),
        mode=(Mode, Field(default="both", description="Limit it to creating or to changing.")),
        data=(feature.upsert, Field(description="The fields to set.")),
    )
    delete = item("delete", "Move a record to the trash.", id=which, version=if_match)
    choice = Annotated[
        create | update | upsert | delete, Field(discriminator="action"), SkipValidation()
    ]
    items = Annotated[list[choice], Field(min_length=1, max_length=LONGEST)]
    request = create_model(
        f"{title}Batch",
        __base__=Shape,
        __doc__="Items are done in order.",
        items=(items, Field(description="What to do, at most 500 items.")),
    )
    shapes = {"create": create, "update": update, "upsert": upsert, "delete": delete}
    return Batch(request, shapes)
