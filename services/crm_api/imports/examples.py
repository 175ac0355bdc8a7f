"""The body of an upload as the OpenAPI document shows it, with an example of each kind of file."""

from typing import Any

_CSV = "Kundennummer;Vorname;Nachname;E-Mail\nC-2001;Carla;Vogel;carla.vogel@example.org\n"
_FILES = {
    "text/csv": _CSV,
    "text/tab-separated-values": _CSV.replace(";", "\t"),
    "application/x-ndjson": '{"external_id": "C-2001", "given_name": "Carla", '
    '"family_name": "Vogel", "email": "carla.vogel@example.org"}\n',
    "application/octet-stream": _CSV,
}
FILE_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "The file as it is, at most 200 MiB.",
        "content": {
            media: {
                "schema": {"type": "string", "format": "binary"},
                "examples": {"typical": {"value": example}},
            }
            for media, example in _FILES.items()
        },
    }
}
