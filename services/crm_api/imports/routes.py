"""Imports over HTTP."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Annotated, Any

import orjson
from fastapi import Path, Query

from services.crm_api.imports import operations, plan, uploads
from services.crm_api.imports.documents import document
from services.crm_api.imports.runner import ImportRunner
from services.crm_api.imports.schemas import (
    Import,
    ImportPage,
    ImportPatch,
    ImportSettings,
    ListImports,
    QuestionAnswer,
    ResourceName,
    StartImport,
    Status,
    UploadQuery,
)
from services.crm_api.records import new_id
from services.foundation import idempotency
from services.foundation.calls import Call, etag
from services.foundation.cursors import bad_cursor, read_cursor, write_cursor
from services.foundation.database import Transaction
from services.foundation.problems import Answer, Forbidden, UnsupportedMediaType, invalid
from services.foundation.routing import MERGE_PATCH, Routes, StreamAnswer
from services.foundation.statements import Record
from shared.values import RecordId, wire_instant
from typing import get_args
from urllib.parse import urlencode

routes = Routes("imports")
SCOPE = "imports:write"
ImportId = Annotated[RecordId, Path(description="The id of an import.")]
_FORMATS = {
    "text/csv": None,
    "text/tab-separated-values": "tsv",
    "application/x-ndjson": "ndjson",
    "application/octet-stream": None,
}
