"""The closed lists over HTTP."""

import orjson

from services.crm_api.meta.labels import LABELS
from services.crm_api.meta.schemas import Meta
from services.foundation.calls import Call
from services.foundation.problems import Answer
from services.foundation.routing import Routes

routes = Routes("meta")
_BODY = orjson.dumps(
    {
        "items": [
            {
                "name": name,
                "words": [
                    {"id": word, "label_en": english, "label_de": german}
                    for word, (english, german) in words.items()
                ],
            }
            for name, words in LABELS.items()
        ]
    }
)


@routes.add(
    "GET", "/meta", answer=Meta, scope="contacts:read", summary="Read all closed lists with labels"
)
async def get_meta(call: Call) -> Answer:  # noqa: ARG001
    """Every word that a closed list of the API has, with labels in English and German: for menus and
    columns. Stages are those of `GET /v1/pipelines`, custom choices of `GET /v1/custom-fields`."""
    return Answer(_BODY, headers={"Cache-Control": "private, max-age=3600"})
