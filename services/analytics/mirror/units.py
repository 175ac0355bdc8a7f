"""Customer units as the contacts in the mirror form them: an organisation with its persons."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from services.analytics.mirror.checked import Integers
from services.analytics.mirror.hashes import Hashes

Numbers: TypeAlias = NDArray[np.uint16]


def places_of_units(contacts: pa.Table) -> Integers:
    """Return the place of the contact that is the unit of each contact.

    That is the parent of a person whose parent is a live organisation, and the contact itself
    otherwise; `contacts` holds `id`, `kind` and `parent_id` of all that are live.
    """
    is_organisation = pc.equal(contacts.column("kind"), "organisation")
    organisations = contacts.column("id").filter(is_organisation).combine_chunks()
    parent_ids = pc.if_else(is_organisation, None, contacts.column("parent_id"))
    parent = pc.index_in(parent_ids, value_set=organisations).fill_null(-1).to_numpy()
    places = np.append(np.flatnonzero(is_organisation.to_numpy()), -1)[parent]
    return np.where(places < 0, np.arange(len(contacts)), places)


def number_partitions(hashes: Hashes, count: int) -> Numbers:
    """Return which of `count` partitions the ids with these hashes fall into; at most 65,535."""
    high = hashes >> np.uint64(32)
    return ((high * np.uint64(count)) >> np.uint64(32)).astype(np.uint16)
