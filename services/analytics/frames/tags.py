"""Tags of records, which the mirror keeps as JSON texts."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from services.analytics.frames.arrays import Booleans


def has_tag(table: pa.Table, tag: str) -> Booleans:
    """Tell which rows bear this tag."""
    return _says(table, f'"{tag}"')


def tag_begins(table: pa.Table, text: str) -> Booleans:
    """Tell which rows bear a tag that begins like this."""
    return _says(table, f'"{text}')


def _says(table: pa.Table, text: str) -> Booleans:
    found = pc.match_substring(table.column("tags").fill_null("[]"), text)
    return np.asarray(found.to_numpy(), dtype=np.bool_)
