"""Brings the mirror up to date: by the change feed where it can be followed, else by full exports."""

import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from services.analytics.crm_client import (
    RESOURCES,
    ChangeCursorRejected,
    CrmClient,
    Limits,
    Resource,
)
from services.analytics.mirror.checked import MirrorCorrupt
from services.analytics.mirror.files import RecordChanges
from services.analytics.mirror.snapshot import Snapshot
from services.analytics.mirror.writer import Mirror
from services.analytics.settings import Settings

log = logging.getLogger("phasewise")


class CrmKeyMissing(Exception):
    """The file with the key for the CRM cannot be read."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What the mirror holds now, and what the feed said had changed since before.

    `before` is None where everything was read anew; `changed` are the ids of the changed records.
    """

    snapshot: Snapshot
    before: Snapshot | None = None
    changed: Mapping[Resource, frozenset[str]] | None = None


def read_crm(
    mirror: Mirror,
    settings: Settings,
    *,
    is_full: bool,
    now: datetime,
    limits: Limits | None = None,
) -> Reading:
    """Bring the mirror up to date: by the feed if it can be followed, else by a full export."""
    with CrmClient(settings.crm_base_url, key=crm_key(settings), limits=limits) as client:
        snapshot = None if is_full else mirror.current()
        if snapshot is not None:
            try:
                return _follow(client, mirror, snapshot, now=now)
            except (ChangeCursorRejected, MirrorCorrupt):
                log.warning("the mirror cannot be continued; the CRM is read anew")
        return _load(client, mirror, now=now)


def ask_gone(
    settings: Settings, ids: Collection[str], *, limits: Limits | None = None
) -> frozenset[str]:
    """Return which of these contacts were erased in the CRM, or are not known there."""
    with CrmClient(settings.crm_base_url, key=crm_key(settings), limits=limits) as client:
        return client.ask_gone(ids)


def crm_key(settings: Settings) -> str:
    """Return the key that refreshes read the CRM with.

    Raises
    ------
    CrmKeyMissing
        Its file cannot be read.
    """
    try:
        return settings.key_file.read_text().strip()
    except OSError as error:
        raise CrmKeyMissing(f"{settings.key_file} cannot be read") from error


def _load(client: CrmClient, mirror: Mirror, *, now: datetime) -> Reading:
    with TemporaryDirectory(prefix="phasewise-export-") as folder:
        exports = [client.download_export(name, folder=Path(folder)) for name in RESOURCES]
        batches = {export.resource: export.batches() for export in exports}
        return Reading(mirror.load(batches, cursor=exports[0].cursor, now=now))


def _follow(client: CrmClient, mirror: Mirror, before: Snapshot, *, now: datetime) -> Reading:
    changes = client.follow_changes(before.cursor)
    if not changes.is_complete:
        return _load(client, mirror, now=now)
    if changes.cursor == before.cursor:
        return Reading(before, before, changes.ids)
    changed = {
        name: RecordChanges(ids, client.fetch_records(name, ids))
        for name, ids in changes.ids.items()
        if ids
    }
    after = mirror.apply(before, changed, cursor=changes.cursor, now=now)
    return Reading(after, before, changes.ids)
