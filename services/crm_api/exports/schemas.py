"""The parameters of exports."""

from typing import Literal

from pydantic import Field

from services.crm_api.schemas import RecordIds
from services.foundation.queries import Query


class ExportQuery(Query):
    """What to export and how."""

    format: Literal["ndjson", "csv"] = Field(
        default="ndjson",
        description="`ndjson`: one record a line as the API shows it. `csv`: flat columns for machines, "
        "money in minor units, lists as JSON text; several times faster.",
    )
    id: RecordIds = Field(
        default=[], description="Only these records; those not live are left out."
    )
