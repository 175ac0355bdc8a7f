"""Takes back what an import wrote, chunk by chunk from its newest change on; asks first, then writes."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Table, bindparam, exists, func, insert, select

from services.crm_api import many, records, references
from services.crm_api.campaign_members.table import campaign_members
from services.crm_api.changes.table import changes
from services.crm_api.contacts.table import contacts
from services.crm_api.deals.table import deals
from services.crm_api.features import FEATURES
from services.crm_api.imports import operations
from services.crm_api.imports.reverts import FORGET_KEPT
from services.crm_api.imports.settling import Superseded, settled
from services.crm_api.imports.table import kept_records
from services.crm_api.interactions.table import interactions
from services.crm_api.resources import RESOURCES
from services.crm_api.undo.operations import take_back
from services.foundation.calls import Stamp
from services.foundation.columns import Identifier, Texts
from services.foundation.constructs import any_of, is_among
from services.foundation.database import Database, Transaction
from services.foundation.problems import Problem
from services.foundation.statements import Record, Statement
from shared.values import wire_instant

_ORDER = ("interaction", "deal", "contact")
"""What points to others goes before what it points to."""
_USES: Mapping[str, Sequence[tuple[Table, str]]] = {
    "interaction": ((interactions, "parent_id"),),
    "deal": ((interactions, "deal_id"),),
    "contact": (
        (interactions, "contact_id"),
        (deals, "contact_id"),
        (campaign_members, "contact_id"),
        (contacts, "parent_id"),
        (contacts, "referred_by_id"),
    ),
}
_told = changes.c
_of_import = any_of(_told.request_id, bindparam("requests", type_=Texts))
_COUNT = Statement(select(func.count()).select_from(changes).where(_of_import))
_PAGE = Statement(
    select(_told.seq, _told.resource, _told.record_id)
    .where(_of_import, _told.seq < bindparam("before_seq"))
    .order_by(_told.seq.desc())
    .limit(bindparam("page_size"))
)
_OF_RECORDS = Statement(
    select(_told.seq, _told.record_id, _told.action, _told.version, _told.before)
    .where(is_among(_told.record_id), _of_import)
    .order_by(_told.version)
)
_LATER = Statement(
    select(_told.record_id, _told.request_id, _told.version)
    .where(is_among(_told.record_id))
    .order_by(_told.version)
)
_KEEP = kept_records.c
_FIRST = 2**62


def _using(table: Table, column: str) -> Statement:
    """Build what finds the records that something points to which stays."""
    made = exists().where(_told.record_id == table.c.id, _told.action == "created", _of_import)
    stays = exists().where(
        _KEEP.record_id == table.c.id,
        _KEEP.import_id == bindparam("import_id", type_=Identifier),
    )
    return Statement(
        select(table.c[column].label("used"))
        .where(
            is_among(table.c[column]),
            table.c.deleted_at.is_(None),
            ~made | stays,
        )
        .distinct()
    )


_USING = {name: [_using(*pair) for pair in pairs] for name, pairs in _USES.items()}


class _Part:
    """One record of a chunk: the import's changes of it, and what it is now."""

    def __init__(self, told: Sequence[Record], row: Record | None) -> None:
        self.told, self.row = told, row
        self.version: int = told[-1]["version"]
        self.is_created = any(change["action"] == "created" for change in told)

    @property
    def is_gone(self) -> bool:
        """Whether nothing is left to take back: somebody threw away what the import had made."""
        row = self.row
        return row is None or bool(
            self.is_created and row["deleted_at"] and not row.get("merged_into_id")
        )

    def fault(self) -> str | None:
        """Return why the record has to stay as it is."""
        row = self.row
        assert row is not None
        if row["version"] != self.version:
            if row.get("merged_into_id"):
                return "merged"
            return "deleted" if row["deleted_at"] else "changed"
        if not self.is_created and any(change["before"] is None for change in self.told):
            return "forgotten"
        return None

    def before(self) -> Record:
        """Return what the changed columns held before the import's first change."""
        held: Record = {}
        for change in reversed(self.told):
            held |= change["before"]
        return held


class Revert:
    """Carries a claimed revert to its end."""

    def __init__(
        self,
        database: Database,
        claimed: Record,
        *,
        clock: Callable[[], datetime],
        chunk_rows: int,
        lease: timedelta,
    ) -> None:
        self._database, self._clock = database, clock
        self._id, self._holder = claimed["id"], claimed["lease_holder"]
        self._requests: list[str] = claimed["run_requests"]
        self._chunk_rows, self._lease = chunk_rows, lease

    async def to_its_end(self) -> None:
        """Look at all that the import wrote and then, if nothing stands against it, take it back.

        Raises
        ------
        Superseded
            The import is not ours any more.
        """
        while not await settled(self._database, self._step):
            pass

    async def _step(self, transaction: Transaction) -> bool:
        current = await self._still_ours(transaction)
        state = dict(current["revert"])
        asked = {"requests": self._requests}
        if state["total"] is None:
            state["total"] = int(await transaction.text(_COUNT, asked) or 0)
        before = _FIRST if state["after"] is None else state["after"]
        limits = {"before_seq": before, "page_size": self._chunk_rows}
        page = await transaction.all(_PAGE, asked | limits)
        if not page:
            return await self._turn(transaction, current, state)
        now = self._clock()
        chunk = _Chunk(transaction, self._id, self._requests, self._stamp(state, now))
        await chunk.work(page, writes=state["phase"] == "reverting")
        state["after"] = page[-1]["seq"]
        state["seen_count"] += len(page)
        state["reverted_count"] += chunk.reverted
        state["kept_count"] += chunk.kept
        values = {"revert": state, "lease_until": now + self._lease}
        await operations.change(transaction, current, values)
        return False

    async def _turn(self, transaction: Transaction, current: Record, state: Record) -> bool:
        """End, or go over from looking to writing; returns whether it has ended."""
        kept, is_checked = state["kept_count"], state["phase"] == "checking"
        # An import of which nothing can be taken back is not reverted, even with `keep_touched`.
        if kept and (not state["reverted_count"] or (is_checked and not state["keep_touched"])):
            await self._end(transaction, current, state | {"reverted_count": 0}, "refused")
            return True
        if is_checked and not state["is_dry_run"]:
            await transaction.run(FORGET_KEPT, {"at_import": self._id})
            state |= {"phase": "reverting", "after": None, "reverted_count": 0, "kept_count": 0}
            await operations.change(transaction, current, {"revert": state})
            return False
        await self._end(transaction, current, state, "succeeded")
        return True

    async def _end(
        self, transaction: Transaction, current: Record, state: Record, status: str
    ) -> None:
        is_done = status == "succeeded" and not state["is_dry_run"]
        values = {
            "status": "reverted" if is_done else state["former"],
            "revert": state | {"status": status, "finished_at": wire_instant(self._clock())},
            "lease_holder": None,
            "lease_until": None,
        }
        await operations.change(transaction, current, values)

    async def _still_ours(self, transaction: Transaction) -> Record:
        current = await operations.lock(transaction, self._id)
        if current["status"] != "reverting" or current["lease_holder"] != self._holder:
            raise Superseded
        return current

    def _stamp(self, state: Record, now: datetime) -> Stamp:
        return Stamp(now=now, key_id=state["key_id"], request_id=state["request_id"])

    async def fail(self, code: str) -> None:  # noqa: ARG002 - an import that fails tells it
        """End the revert for good; what its chunks have taken back stays so, and it can be asked again."""

        async def work(transaction: Transaction) -> None:
            current = await self._still_ours(transaction)
            await self._end(transaction, current, dict(current["revert"]), "failed")

        await settled(self._database, work)


class _Chunk:
    """Some of the import's changes, taken back or only looked at."""

    def __init__(
        self, transaction: Transaction, import_id: str, requests: Sequence[str], stamp: Stamp
    ) -> None:
        self._transaction, self._import_id = transaction, import_id
        self._requests, self._stamp = requests, stamp
        self.reverted = self.kept = 0

    async def work(self, page: Sequence[Record], *, writes: bool) -> None:
        """Deal with each record whose newest change of the import is in the page."""
        seqs = {change["seq"] for change in page}
        for name in _ORDER:
            ids = list(
                dict.fromkeys(each["record_id"] for each in page if each["resource"] == name)
            )
            if ids:
                parts = await self._parts(name, ids, seqs)
                parts = await self._free(name, parts)
                if writes:
                    parts = await self._take_back(name, parts)
                self.reverted += len(parts)

    async def _parts(self, name: str, ids: list[str], seqs: set[int]) -> dict[str, _Part]:
        told: dict[str, list[Record]] = defaultdict(list)
        asked = {"ids": ids, "requests": self._requests}
        for change in await self._transaction.all(_OF_RECORDS, asked):
            told[change["record_id"]].append(change)
        here = [record_id for record_id in ids if told[record_id][-1]["seq"] in seqs]
        rows = await records.lock_many(self._transaction, RESOURCES[name], here)
        return {each: _Part(told[each], rows.get(each)) for each in here}

    async def _free(self, name: str, parts: dict[str, _Part]) -> dict[str, _Part]:
        """Return those that can be taken back, and note the others with the reason."""
        parts = {record_id: part for record_id, part in parts.items() if not part.is_gone}
        faults = {record_id: fault for record_id, part in parts.items() if (fault := part.fault())}
        former = [
            (record_id, part.before())
            for record_id, part in parts.items()
            if record_id not in faults and not part.is_created
        ]
        for each in await references.gone(self._transaction, RESOURCES[name], former):
            faults[each.record_id] = "reference_gone"
        await self._keep(name, parts, faults)
        free = {record_id: part for record_id, part in parts.items() if record_id not in faults}
        while used := await self._used(name, [r for r, part in free.items() if part.is_created]):
            # What stays because it is used may be what keeps another one.
            await self._keep(name, free, dict.fromkeys(used, "in_use"))
            free = {record_id: part for record_id, part in free.items() if record_id not in used}
        return free

    async def _used(self, name: str, ids: list[str]) -> set[str]:
        values = {"ids": ids, "requests": self._requests, "import_id": self._import_id}
        found: set[str] = set()
        for statement in _USING[name] if ids else ():
            found |= {row["used"] for row in await self._transaction.all(statement, values)}
        return found

    async def _take_back(self, name: str, parts: dict[str, _Part]) -> dict[str, _Part]:
        resource = RESOURCES[name]
        feature = FEATURES[resource.plural]
        created = [part.row for part in parts.values() if part.is_created and part.row]
        for row in created:
            if feature.on_trash is not None:
                await feature.on_trash(self._transaction, row, stamp=self._stamp)
        await many.trash_many(
            self._transaction, resource, [row["id"] for row in created], stamp=self._stamp
        )
        faults: dict[str, str] = {}
        for record_id, part in parts.items():
            if part.is_created or part.row is None:
                continue
            row, change = part.row, {"action": "updated", "before": part.before()}

            async def put_back(row: Record = row, change: Record = change) -> Any:
                return await take_back(self._transaction, resource, row, change, stamp=self._stamp)

            try:
                await self._transaction.savepoint(put_back)
            except Problem as problem:
                faults[record_id] = problem.code
        await self._keep(name, parts, faults)
        return {record_id: part for record_id, part in parts.items() if record_id not in faults}

    async def _keep(self, name: str, parts: Mapping[str, _Part], faults: Mapping[str, str]) -> None:
        if not faults:
            return
        later = await self._later(parts, faults)
        rows = [
            {
                "import_id": self._import_id,
                "record_id": record_id,
                "resource": name,
                "code": code[:64],
                "version": later.get(record_id, {}).get("version"),
                "request_id": later.get(record_id, {}).get("request_id"),
                "kept_at": self._stamp.now,
            }
            for record_id, code in faults.items()
        ]
        await self._transaction.run_many(_KEEP_ONE, rows)
        self.kept += len(rows)

    async def _later(
        self, parts: Mapping[str, _Part], faults: Mapping[str, str]
    ) -> dict[str, Record]:
        """Return the first change of each record behind those of the import."""
        found: dict[str, Record] = {}
        for change in await self._transaction.all(_LATER, {"ids": list(faults)}):
            if change["version"] > parts[change["record_id"]].version:
                found.setdefault(change["record_id"], change)
        return found


_KEEP_ONE = Statement(insert(kept_records))
