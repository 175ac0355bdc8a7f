"""Saved filters: read from a segment, and read into the filters of a list."""

from collections.abc import Mapping
from typing import get_origin

from pydantic import ValidationError
from sqlalchemy import bindparam, select

from services.crm_api.contacts.schemas import ContactFilters
from services.crm_api.segments.table import segments
from services.foundation.database import Reader
from services.foundation.problems import FieldError, Invalid, field_errors, invalid, pointer
from services.foundation.statements import Statement

_READ = Statement(
    select(segments.c.kind, segments.c.filter).where(
        segments.c.id == bindparam("id"), segments.c.deleted_at.is_(None)
    )
)
_FIELDS = {info.alias or name: info for name, info in ContactFilters.model_fields.items()}
_LISTS = {name for name, info in _FIELDS.items() if get_origin(info.annotation) is list}


class FilterInvalid(Invalid):
    code, title = "filter_invalid", "The filter is not one that the list of contacts takes."


class SegmentInvalid(Invalid):
    code, title = "segment_invalid", "The filter of the segment does not hold any more."

    def __init__(self, segment_id: str, fault: Invalid) -> None:
        message = (
            f"{fault.detail} Give the segment another filter: PATCH /v1/segments/{segment_id}."
        )
        super().__init__(message, errors=[FieldError("/query/segment_id", self.code, message)])


def read_filter(saved: Mapping[str, list[str]]) -> ContactFilters:
    """Turn a saved filter into the filters of the list of contacts.

    Raises
    ------
    FilterInvalid
        It has a name or a value that the list does not take.
    """
    prefix = ContactFilters.more_prefix
    more = {name: values for name, values in saved.items() if name.startswith(prefix)}
    given: dict[str, object] = {}
    for name, values in saved.items():
        if name in more:
            continue
        if name == "segment_id":
            raise _refused(name, "A segment does not stand on another one.")
        if name not in _LISTS and len(values) != 1:
            raise _refused(name, "This parameter takes one value.")
        given[name] = values if name in _LISTS else values[0]
    try:
        return ContactFilters.model_validate(given).with_more(more)
    except ValidationError as error:
        errors = field_errors("body/filter", error)
        raise FilterInvalid(f"{errors[0].pointer}: {errors[0].message}", errors=errors) from None


def _refused(name: str, message: str) -> FilterInvalid:
    fault = FieldError(f"/body/filter/{pointer(name)}", "filter_invalid", message)
    return FilterInvalid(message, errors=[fault])


async def saved_filter(reader: Reader, segment_id: str) -> ContactFilters | None:
    """Return the filter of a segment; None for a static one.

    Raises
    ------
    Invalid
        There is no such segment.
    """
    row = await reader.first(_READ, {"id": segment_id})
    if row is None:
        raise invalid("/query/segment_id", "unknown", f"There is no segment {segment_id}.")
    return read_filter(row["filter"]) if row["kind"] == "filter" else None
