"""The id of a recommendation: the same step for the same customer has the same one in every version.

What is owed is owed for one record: the answer to another complaint is another recommendation.
"""

from typing import Final
from uuid import UUID, uuid5

_NAMESPACE: Final = UUID("5a1f0c6e-8d0b-4b57-9d6c-2f1f1e0a7c43")


def recommendation_id(
    unit_id: str,
    strategy_id: str | None,
    instrument_id: str,
    channel_id: str | None,
    product_id: str | None,
    *,
    owed_for: str | None = None,
) -> str:
    """Return the UUIDv5 of a step for a customer; what a step does not name counts as empty."""
    parts = (unit_id, strategy_id, instrument_id, channel_id, product_id)
    if owed_for is not None:
        parts = (*parts[:-1], owed_for)
    # An id of a product may hold the sign between the parts, and stands last.
    return str(uuid5(_NAMESPACE, "/".join(part or "" for part in parts)))
