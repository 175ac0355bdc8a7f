"""Customer units as the contacts in the mirror form them: an organisation with its persons."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from services.analytics.mirror.checked import Integers
from services.analytics.mirror.hashes import hash_ids

Numbers: TypeAlias = NDArray[np.uint16]


def places_of_units(contacts: pa.Table) -> Integers:
    """Return the place of the contact that is the unit of each contact.

    That is the parent of a person whose parent is a live organisation, and the contact itself
    otherwise; `contacts` holds `id`, `kind` and `parent_id` of all that are live.
    """
    ids = contacts.column("id").combine_chunks()
    is_person = np.asarray(pc.equal(contacts.column("kind"), "person").to_numpy(), np.bool_)
    parent = places_of(contacts.column("parent_id"), ids)
    has_parent = is_person & (parent >= 0) & ~np.append(is_person, True)[parent]
    return np.where(has_parent, parent, np.arange(len(ids)))


def places_of(values: pa.ChunkedArray, within: pa.Array) -> Integers:
    """Return where each value stands in `within`, -1 where it does not.

    The mirror keeps the records of a contact together: only the first of equal ones is looked up.
    """
    if not len(values):
        return np.zeros(0, dtype=np.int64)
    differs = pc.not_equal(values.slice(1), values.slice(0, len(values) - 1)).fill_null(True)
    is_first = np.concatenate([[True], np.asarray(differs.to_numpy(), dtype=np.bool_)])
    firsts = values.filter(pa.array(is_first))
    places = pc.index_in(firsts, value_set=within).fill_null(-1)
    lengths = np.diff(np.append(np.flatnonzero(is_first), len(values)))
    return np.repeat(np.asarray(places.to_numpy(), dtype=np.int64), lengths)


def number_partitions(ids: pa.ChunkedArray, count: int) -> Numbers:
    """Return which of `count` partitions each id falls into; its hash alone decides."""
    high = hash_ids(ids) >> np.uint64(32)
    return ((high * np.uint64(count)) >> np.uint64(32)).astype(np.uint16)
