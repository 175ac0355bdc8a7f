"""The rules of taking imports back: which may be, and what is told of the records that stay."""

from collections.abc import AsyncIterator

from sqlalchemy import bindparam, delete, select

from services.crm_api.imports.operations import (
    PAGE_OF_ROWS,
    RUNNING,
    AlreadyStarted,
    change,
    csv_lines,
    lock,
)
from services.crm_api.imports.table import kept_records
from services.crm_api.resources import RESOURCES
from services.foundation.calls import Stamp
from services.foundation.columns import Identifier
from services.foundation.database import Database, Transaction
from services.foundation.problems import Conflict
from services.foundation.statements import Record, Statement
from shared.values import wire_instant

FORGET_KEPT = Statement(
    delete(kept_records).where(kept_records.c.import_id == bindparam("at_import"))
)
_KEPT = Statement(
    select(kept_records)
    .where(
        kept_records.c.import_id == bindparam("import_id"),
        kept_records.c.record_id > bindparam("after", type_=Identifier),
    )
    .order_by(kept_records.c.record_id)
    .limit(PAGE_OF_ROWS)
)


class AlreadyReverted(Conflict):
    code, title = "already_reverted", "The import is reverted already."


class NothingToRevert(Conflict):
    code, title = "nothing_to_revert", "The import has written nothing that could be taken back."


async def revert(
    transaction: Transaction, import_id: str, *, is_dry_run: bool, keep_touched: bool, stamp: Stamp
) -> Record:
    """Queue the taking back of all that the runs of an import wrote.

    Raises
    ------
    NotFound
        There is none.
    AlreadyStarted
        It is on its way.
    AlreadyReverted, NothingToRevert
        There is nothing to do.
    """
    current = await lock(transaction, import_id)
    if current["status"] in RUNNING:
        raise AlreadyStarted()
    if current["status"] == "reverted":
        raise AlreadyReverted()
    if not current["run_requests"]:
        raise NothingToRevert()
    await transaction.run(FORGET_KEPT, {"at_import": import_id})
    state = {
        "status": "queued",
        "is_dry_run": is_dry_run,
        "keep_touched": keep_touched,
        "reverted_count": 0,
        "kept_count": 0,
        "seen_count": 0,
        "total": None,
        "after": None,
        "phase": "checking",
        "former": current["status"],
        "key_id": stamp.key_id,
        "request_id": stamp.request_id,
        "queued_at": wire_instant(stamp.now),
        "finished_at": None,
    }
    free = {"lease_holder": None, "lease_until": None}
    return await change(transaction, current, {"status": "reverting", "revert": state, **free})


_WHY_KEPT = {
    "changed": ("It was changed later.", "Er wurde später geändert."),
    "deleted": (
        "It was changed by the import and thrown away later.",
        "Er wurde vom Import geändert und später gelöscht.",
    ),
    "merged": (
        "It was merged into another contact later.",
        "Er wurde später mit einem anderen Kontakt zusammengeführt.",
    ),
    "in_use": (
        "Something that stays belongs to it.",
        "Etwas, das bleibt, gehört zu ihm.",
    ),
    "reference_gone": (
        "What it pointed to before is gone.",
        "Worauf er vorher zeigte, gibt es nicht mehr.",
    ),
    "forgotten": (
        "What was there before is no longer known.",
        "Was vorher da war, ist nicht mehr bekannt.",
    ),
    "custom_value_outdated": (
        "A custom field does not take any more what it had before.",
        "Ein eigenes Feld nimmt nicht mehr an, was er vorher hatte.",
    ),
}
_OTHERWISE = (
    "Another record has by now what it would have again.",
    "Ein anderer Datensatz hat inzwischen, was er wieder hätte.",
)


async def kept_file(database: Database, import_id: str, *, language: str) -> AsyncIterator[bytes]:
    """Yield the records that a revert leaves alone, or would, as CSV."""
    yield csv_lines([["resource", "id", "code", "message", "later_version", "later_request_id"]])
    after = "00000000-0000-0000-0000-000000000000"
    while True:
        found = await database.all(_KEPT, {"import_id": import_id, "after": after})
        if found:
            yield csv_lines(
                [
                    RESOURCES[each["resource"]].plural,
                    each["record_id"],
                    each["code"],
                    _WHY_KEPT.get(each["code"], _OTHERWISE)[language == "de"],
                    each["version"],
                    each["request_id"],
                ]
                for each in found
            )
        if len(found) < PAGE_OF_ROWS:
            return
        after = found[-1]["record_id"]
