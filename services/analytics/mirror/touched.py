"""Which customer units some changed records touch."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from services.analytics.crm_client import SCHEMAS, Resource
from services.analytics.mirror.records import OWNED
from services.analytics.mirror.snapshot import Snapshot


def touched_contacts(
    changed: Mapping[Resource, Collection[str]], *, before: Snapshot, after: Snapshot
) -> frozenset[str]:
    """Return the ids of all contacts of all units that the changed records touch.

    Touched are the units of changed contacts and those of the contacts of changed deals and
    interactions, by what the records were before and are after: they may have moved. Whoever
    referred a contact of a touched unit is touched, as a referral tells of both; whoever referred
    that one is not. Of a unit all contacts are named, those that are gone included.

    A changed product touches all who bought it, who cannot be found: it is left to the caller to
    look at all units then.

    Raises
    ------
    MirrorCorrupt
        A snapshot is damaged.
    """
    both = (before, after)
    named = [pa.array(changed.get("contacts", ()), pa.string())]
    for resource in OWNED:
        ids = pa.array(changed.get(resource, ()), pa.string())
        named += [s.find(resource, ids, ["contact_id"]).column("contact_id") for s in both]
    touched = whole_units(_union(*named), *both)
    return frozenset(whole_units(_union(touched, *_referrers(touched, *both)), *both).to_pylist())


def whole_units(ids: pa.Array, *snapshots: Snapshot) -> pa.Array:
    """Add the contacts of the units of these contacts, in each snapshot.

    Raises
    ------
    MirrorCorrupt
        A snapshot is damaged.
    """
    for snapshot in snapshots:
        contacts = snapshot.find("contacts", ids, ["kind", "parent_id"])
        is_person = pc.equal(contacts.column("kind"), "person")
        named = _union(ids, contacts.column("parent_id").filter(is_person))
        units = snapshot.find("contacts", named, ["id", "kind"])
        is_unit = pc.equal(units.column("kind"), "organisation")
        organisations = _union(units.column("id").filter(is_unit))
        parents = snapshot.read("contacts", ["parent_id"]).column("parent_id")
        is_below = np.asarray(pc.is_in(parents, value_set=organisations).to_numpy(), np.bool_)
        below = snapshot.read("contacts", ["id", "kind"], where=is_below)
        persons = below.column("id").filter(pc.equal(below.column("kind"), "person"))
        ids = _union(ids, organisations, persons)
    return ids


def _referrers(ids: pa.Array, *snapshots: Snapshot) -> list[pa.ChunkedArray]:
    if "referred_by_id" not in SCHEMAS["contacts"].names:
        return []
    name = "referred_by_id"
    return [snapshot.find("contacts", ids, [name]).column(name) for snapshot in snapshots]


def _union(*ids: pa.Array | pa.ChunkedArray) -> pa.Array:
    chunks = [c for part in ids for c in (part.chunks if hasattr(part, "chunks") else [part])]
    found = pa.chunked_array(chunks, pa.string()).unique()
    return found.drop_null()
