"""Whether what is published of a customer is what a refresh would publish at this moment."""

import asyncio
import logging
from collections.abc import Mapping
from datetime import datetime

import pyarrow as pa

from services.analytics.crm_client import (
    RESOURCES,
    ChangeCursorRejected,
    CrmClient,
    CrmContractBroken,
    CrmUnavailable,
    Limits,
    Resource,
)
from services.analytics.crm_reading import CrmKeyMissing, crm_key
from services.analytics.mirror.checked import MirrorCorrupt
from services.analytics.mirror.records import OWNED
from services.analytics.mirror.snapshot import Snapshot
from services.analytics.mirror.writer import Mirror
from services.analytics.settings import Settings
from services.foundation.problems import Problem
from services.foundation.statements import Record

# Whoever takes a step waits for it, and holds the case meanwhile.
_LIMITS = Limits(
    attempts=1, connect_seconds=1.0, silence_seconds=3.0, answer_seconds=5.0, export_seconds=5.0
)
_MOST_CHANGES = 5_000
log = logging.getLogger("phasewise")


class OfAnotherDay(Problem):
    code, status = "version_of_another_day", 409
    title = "What is published is of another day: refresh, and take the step then."


class ChangedSince(Problem):
    code, status = "changed_since", 409
    title = "The CRM has changed since what is published: refresh, and take the step then."


class CrmUnread(Problem):
    code, status = "crm_unread", 503
    title = "Whether anything forbids the step cannot be read from the CRM now; it was not taken."

    def __init__(self) -> None:
        super().__init__(headers={"Retry-After": "30"})


class Present:
    """Compares what is published with the CRM, with the key that refreshes read it with."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    async def check(self, version: Record, unit_id: str, *, now: datetime) -> None:
        """Refuse to rest on a version that a refresh would replace by another one.

        Raises
        ------
        OfAnotherDay
            It is of a day before, or of one to come.
        ChangedSince
            Records of the unit were changed in the CRM.
        CrmUnread
            That cannot be read.
        """
        today = self._settings.day_at(now)
        if version["as_of"] != today:
            raise OfAnotherDay(f"It is of {version['as_of']}, and today is {today}.")
        try:
            has_changed = await asyncio.to_thread(
                self._has_changed, version["mirror_cursor"], unit_id
            )
        except ChangeCursorRejected:
            has_changed = True
        except (CrmKeyMissing, CrmUnavailable, CrmContractBroken) as error:
            fields = {"reason": type(error).__name__}
            log.warning("termination step without the CRM", extra={"fields": fields})
            raise CrmUnread() from None
        if has_changed:
            raise ChangedSince()

    def _has_changed(self, cursor: str, unit_id: str) -> bool:
        key, url = crm_key(self._settings), self._settings.crm_base_url
        with CrmClient(url, key=key, limits=_LIMITS) as client:
            changes = client.follow_changes(cursor, at_most=_MOST_CHANGES)
            if not changes.is_complete:
                return True
            ids = changes.ids
            found = {name: client.fetch_records(name, ids[name]) for name in RESOURCES if ids[name]}
            touched = _contacts_of(found)
            try:
                snapshot = Mirror(self._settings.data_dir).current()
                touched |= set() if snapshot is None else _former_contacts(ids, snapshot)
            except (MirrorCorrupt, OSError):
                # It is not on this machine, or was replaced meanwhile: what the CRM tells is enough
                # for all that was not deleted.
                pass
            touched |= ids["contacts"]
            if unit_id in touched:
                return True
            parents = client.fetch_records("contacts", touched).column("parent_id")
            return unit_id in parents.to_pylist()


def _contacts_of(found: Mapping[Resource, pa.Table]) -> set[str]:
    """Return whose the records are."""
    tables = [found[name] for name in OWNED if name in found]
    return {contact_id for table in tables for contact_id in table.column("contact_id").to_pylist()}


def _former_contacts(ids: Mapping[Resource, frozenset[str]], snapshot: Snapshot) -> set[str]:
    """Return whose records, or which contacts' organisations, were these before they changed."""
    found = {
        name: snapshot.find(name, pa.array(ids[name], pa.string()), ["contact_id"])
        for name in OWNED
    }
    contacts = snapshot.find("contacts", pa.array(ids["contacts"], pa.string()), ["parent_id"])
    return _contacts_of(found) | {*contacts.column("parent_id").drop_null().to_pylist()}
