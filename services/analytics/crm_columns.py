"""The kinds of columns that exports of the CRM have, and how a schema is made of them."""

import pyarrow as pa

INSTANT = pa.timestamp("us", tz="UTC")


def schema_of(
    *,
    texts: str,
    instants: str = "",
    amounts: str = "",
    counts: str = "",
    numbers: str = "",
    flags: str = "",
) -> pa.Schema:
    """A trailing underscore says that the column is never empty; amounts are in minor units."""
    kinds = (
        (texts, pa.string()),
        (instants, INSTANT),
        (amounts, pa.int64()),
        (counts, pa.int64()),
        (numbers, pa.float64()),
        (flags, pa.bool_()),
    )
    return pa.schema(
        pa.field(name.rstrip("_"), kind, nullable=not name.endswith("_"))
        for names, kind in kinds
        for name in names.split()
    )
