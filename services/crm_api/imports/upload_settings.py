"""The settings that come with an upload: in its query and its media type."""

from typing import Any

from services.crm_api.imports.schemas import ImportSettings, UploadQuery
from services.crm_api.imports.settings import parsed_settings
from services.foundation.calls import Call
from services.foundation.problems import UnsupportedMediaType, invalid

FORMATS = {
    "text/csv": None,
    "text/tab-separated-values": "tsv",
    "application/x-ndjson": "ndjson",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
    "application/vnd.ms-excel.sheet.macroenabled.12": "xlsx",
    "text/vcard": "vcard",
    "text/x-vcard": "vcard",
    "text/directory": "vcard",
    "application/octet-stream": None,
}


def uploaded_settings(call: Call, query: UploadQuery, *, time_zone: str) -> ImportSettings:
    """Return the settings of a new import.

    Raises
    ------
    UnsupportedMediaType, Invalid
        The file is of no kind that can be imported, or a setting is not of its form.
    """
    media, _, parameters = (call.header(b"content-type") or "").partition(";")
    media = media.strip().lower()
    if media not in FORMATS:
        raise UnsupportedMediaType(f"Send {' or '.join(FORMATS)}.")
    charset = parameters.strip().lower().removeprefix("charset=").strip('"')
    given: dict[str, Any] = {
        name: getattr(query, name)
        for name in ImportSettings.model_fields
        if name in UploadQuery.model_fields and name != "mapping"
    }
    given["format"] = query.format or FORMATS[media]
    given["encoding"] = query.encoding or (charset if charset in ("utf-8", "utf-16") else None)
    given["has_header"] = query.header
    given["time_zone"] = query.time_zone or time_zone
    given["mapping"] = _pairs(query.mapping, "mapping", last=True)
    given["defaults"] = _pairs(query.default, "default", last=False)
    return parsed_settings(given)


def _pairs(spelled: list[str], name: str, *, last: bool) -> dict[str, str]:
    """Read `column:field` (the field stands behind the last colon) or `field:value`."""
    found: dict[str, str] = {}
    for each in spelled:
        left, colon, right = each.rpartition(":") if last else each.partition(":")
        if not (left and colon and right) or left in found:
            raise invalid(f"/query/{name}", "invalid_pair", f"{name} takes pairs, each once.")
        found[left] = right
    return found
