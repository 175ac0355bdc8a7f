"""The body of an upload as the OpenAPI document shows it, with an example of each kind of file."""

from typing import Any

from services.crm_api.imports.upload_settings import FORMATS

_CSV = "Kundennummer;Vorname;Nachname;E-Mail\nC-2001;Carla;Vogel;carla.vogel@example.org\n"
_CARD = (
    "BEGIN:VCARD\r\nVERSION:4.0\r\nUID:C-2001\r\nFN:Carla Vogel\r\nN:Vogel;Carla;;;\r\n"
    "EMAIL:carla.vogel@example.org\r\nEND:VCARD\r\n"
)
_FILES = {
    "text/csv": _CSV,
    "text/tab-separated-values": _CSV.replace(";", "\t"),
    "application/x-ndjson": '{"external_id": "C-2001", "given_name": "Carla", '
    '"family_name": "Vogel", "email": "carla.vogel@example.org"}\n',
    "application/octet-stream": _CSV,
    **dict.fromkeys(("text/vcard", "text/x-vcard", "text/directory"), _CARD),
}
FILE_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "The file as it is, at most 200 MiB.",
        "content": {
            media: {
                "schema": {"type": "string", "format": "binary"},
                # A workbook is no text that an example could hold.
                **({"examples": {"typical": {"value": _FILES[media]}}} if media in _FILES else {}),
            }
            for media in FORMATS
        },
    }
}
