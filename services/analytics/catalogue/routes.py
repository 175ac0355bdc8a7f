"""The catalogue over HTTP."""

import hashlib
from typing import Annotated, Any

import orjson
from fastapi import Path

from services.analytics.catalogue import operations
from services.analytics.catalogue.schemas import CatalogueSection, CatalogueSections
from services.foundation.calls import Call, etag
from services.foundation.links import Link, of_answer
from services.foundation.problems import Answer
from services.foundation.routing import Routes
from shared.values import word

routes = Routes("catalogue")
SectionName = Annotated[
    word(example="instruments"), Path(description="The name of a section, from the list of them.")
]
_TAGS = 10**15


@routes.add(
    "GET",
    "/catalogue",
    answer=CatalogueSections,
    scope="analytics:read",
    conditional=True,
    localized=True,
    headers=(("ETag", ""),),
    links=(
        Link(
            "get_catalogue_section",
            "A section with its entries.",
            {"section": of_answer("items/0/section")},
        ),
    ),
    summary="List the sections of the catalogue",
)
async def list_catalogue(call: Call) -> Answer:
    """What the service knows of customer relationships, by section. The operator adjusts it by a file
    (`PHASEWISE_CATALOGUE_OVERLAY`); `adjusted_count` says where that was done."""
    return _answer(call, operations.list_sections(call.app.state.catalogue, language=call.language))


@routes.add(
    "GET",
    "/catalogue/{section}",
    answer=CatalogueSection,
    scope="analytics:read",
    conditional=True,
    localized=True,
    headers=(("ETag", ""),),
    problems=(404,),
    summary="Read a section of the catalogue",
)
async def get_catalogue_section(call: Call, section: SectionName) -> Answer:
    """The entries in the order of the catalogue, with all that is computed with: phases, instruments,
    conditions, costs and effects as they are after the overlay file. Other answers name entries by
    their ids."""
    body = operations.show_section(call.app.state.catalogue, section, language=call.language)
    return _answer(call, body)


def _answer(call: Call, body: dict[str, Any]) -> Answer:
    content = orjson.dumps(body)
    # The tag is of the content, in one language: a catalogue has no version that counts its changes.
    digest = hashlib.sha256(call.language.encode() + content).digest()
    version = 1 + int.from_bytes(digest[:8]) % _TAGS
    headers = {**etag(version), "Content-Language": call.language}
    if call.holds(version):
        return Answer(status=304, headers=headers)
    return Answer(content, headers=headers)
