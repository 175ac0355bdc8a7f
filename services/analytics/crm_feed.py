"""Pages of the CRM's change feed, as far as they say what was changed."""

import re

from pydantic import BaseModel, Field

CHANGES_PER_PAGE = 1000
_SUBJECT = re.compile(r"([a-z_-]{1,64})/([0-9a-f-]{36})")


class _Change(BaseModel):
    subject: str = Field(max_length=200)


class ChangePage(BaseModel):
    """A page of the feed; the next one follows its cursor."""

    items: list[_Change] = Field(max_length=CHANGES_PER_PAGE)
    cursor: str = Field(min_length=1, max_length=4000)
    has_more: bool


def changed_record(subject: str) -> tuple[str, str] | None:
    """Take the subject of a change apart: resource and id; None if it is not of that form."""
    match = _SUBJECT.fullmatch(subject)
    return None if match is None else (match[1], match[2])
