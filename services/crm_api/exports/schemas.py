"""The parameters of exports: the filters of the list, and the form of the file."""

from copy import copy
from typing import Any, Literal

from pydantic import Field, create_model

from services.crm_api.feature import Feature
from services.crm_api.schemas import FieldNames, Filters, absent
from services.foundation.queries import QueryFlag

Format = Literal["ndjson", "csv", "excel_csv", "xlsx"]
Delimiter = Literal["comma", "semicolon", "tab"]
FORM = frozenset({"format", "bom", "delimiter"})
"""The parameters that are no filters."""
_OF_PAGES = frozenset({"limit", "cursor", "count", "embed", "fields", "sort", "in_trash"})


class ExportForm(Filters):
    """What to export and how."""

    format: Format = Field(
        default="ndjson",
        description="For machines: `ndjson`, one record a line as the API shows it, and `csv`, flat columns "
        "with money in minor units and lists as JSON text, several times faster; every text is as it was "
        "entered, also one that a spreadsheet would run as a formula, so do not open it in one. For "
        "people: `xlsx`, typed cells, and `excel_csv`, a CSV file that a spreadsheet opens as it should: "
        "readable headers in the language of Accept-Language, decimal money beside its currency, ISO dates, "
        "custom fields as columns of their own, texts that look like formulas made harmless by an "
        "apostrophe. What is exported for people can be imported again.",
    )
    fields: FieldNames | None = Field(
        default=None,
        description="Only these fields, separated by commas; for people in this order. Not with `csv`.",
    )
    bom: QueryFlag = Field(
        default=True,
        description="Of `excel_csv`: begin with a byte order mark, without which Excel misreads umlauts.",
    )
    delimiter: Delimiter | None = Field(
        default=None,
        description="Of `excel_csv`: absent, it is a semicolon in German, a comma in English. Numbers "
        "have a decimal comma in German.",
    )


def export_query(feature: Feature) -> type[ExportForm]:
    """Build the parameters of a resource's export: every filter of its list, and its orders."""
    fields: dict[str, Any] = {
        name: (info.annotation, info)
        for name, info in feature.query.model_fields.items()
        if name not in _OF_PAGES and name not in Filters.model_fields
    }
    sort = absent(copy(feature.query.model_fields["sort"]))
    order = sort.description or ""
    sort.description = f"Absent: in no particular order, which is the fastest. {order}"
    fields["sort"] = (feature.query.model_fields["sort"].annotation, sort)
    if "q" in fields:
        q = copy(feature.query.model_fields["q"])
        q.description = (
            "Only those in which all these words are found, as the list finds them; all of them, in no "
            "order of their own. Needs `contacts:pii`."
        )
        fields["q"] = (q.annotation, q)
    title = feature.resource.plural.title().replace("-", "")
    made: Any = create_model(
        f"Export{title}", __base__=ExportForm, __doc__=ExportForm.__doc__, **fields
    )
    made.more_prefix = feature.query.more_prefix
    return made
