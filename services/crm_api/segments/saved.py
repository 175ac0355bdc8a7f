"""Saved filters: read from a segment, and read into the filters of a list."""

from collections.abc import Iterable, Mapping
from functools import cache
from typing import TypeVar, get_origin

from pydantic import ValidationError
from sqlalchemy import bindparam, select

from services.crm_api.contacts.schemas import ContactFilters
from services.crm_api.resources import Resource
from services.crm_api.schemas import Filters
from services.crm_api.segments.table import segments
from services.foundation.database import Reader
from services.foundation.problems import FieldError, Invalid, field_errors, invalid, pointer
from services.foundation.statements import Statement

_READ = Statement(
    select(segments.c.kind, segments.c.filter).where(
        segments.c.id == bindparam("id"), segments.c.deleted_at.is_(None)
    )
)
Kind = TypeVar("Kind", bound=Filters)


class FilterInvalid(Invalid):
    code, title = "filter_invalid", "The filter is not one that the list takes."


@cache
def _lists(filters: type[Filters]) -> frozenset[str]:
    """Return the names of the parameters that may be given several times."""
    return frozenset(
        info.alias or name
        for name, info in filters.model_fields.items()
        if get_origin(info.annotation) is list
    )


class SegmentInvalid(Invalid):
    code, title = "segment_invalid", "The filter of the segment does not hold any more."

    def __init__(self, segment_id: str, fault: Invalid) -> None:
        message = (
            f"{fault.detail} Give the segment another filter: PATCH /v1/segments/{segment_id}."
        )
        super().__init__(message, errors=[FieldError("/query/segment_id", self.code, message)])


def read_filter(saved: Mapping[str, list[str]]) -> ContactFilters:
    """Turn the filter of a segment into the filters of the list of contacts.

    Raises
    ------
    FilterInvalid
        It has a name or a value that the list does not take.
    """
    if "segment_id" in saved:
        message = "A segment does not stand on another one."
        raise FilterInvalid(message, errors=[_fault("/body/filter", "segment_id", message)])
    return read_saved(ContactFilters, saved, place="body/filter")


def read_saved(filters: type[Kind], saved: Mapping[str, list[str]], *, place: str) -> Kind:
    """Turn saved parameters into the filters of a list; `place` is where they stand in the body.

    Raises
    ------
    FilterInvalid
        There is a name or a value that the list does not take.
    """
    prefix = filters.more_prefix
    more = {name: values for name, values in saved.items() if name.startswith(prefix)}
    given: dict[str, object] = {}
    for name, values in saved.items():
        if name in more:
            continue
        is_list = name in _lists(filters)
        if not is_list and len(values) != 1:
            message = "This parameter takes one value."
            raise FilterInvalid(message, errors=[_fault(f"/{place}", name, message)])
        given[name] = values if is_list else values[0]
    try:
        return filters.model_validate(given).with_more(more)
    except ValidationError as error:
        errors = field_errors(place, error, model=filters)
        raise FilterInvalid(f"{errors[0].pointer}: {errors[0].message}", errors=errors) from None


def personal_filters(resource: Resource, saved: Iterable[str]) -> list[str]:
    """Return the parameters that look at personal fields, which their values tell."""
    return sorted(name for name in saved if name.partition(".")[0] in resource.personal)


def _fault(place: str, name: str, message: str) -> FieldError:
    return FieldError(f"{place}/{pointer(name)}", "filter_invalid", message)


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
