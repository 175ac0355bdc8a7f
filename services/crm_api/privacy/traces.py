"""What names a person outside of its own records: in imports, rejected rows and stored answers."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import String, bindparam, cast, delete, null, or_, select, update

from services.crm_api.changes.table import changes
from services.crm_api.folding import digits
from services.crm_api.imports.table import imports, rejected_rows
from services.foundation.columns import Document, Instant, Texts
from services.foundation.constructs import is_among, like_any, one_of
from services.foundation.database import Reader, Transaction
from services.foundation.statements import Statement
from services.foundation.tables import idempotency_records

SHORTEST_NAME, SHORTEST_REF, _SHORTEST_NUMBER = 4, 5, 6


def _like(column: Any) -> Any:
    return like_any(column, bindparam("patterns", type_=Texts))


_BEFORE = Statement(
    select(changes.c.before).where(is_among(changes.c.record_id), changes.c.before.is_not(None))
)
# An import that ran several times wrote in as many requests.
_WRITTEN_BY = Statement(
    select(imports.c.id, imports.c.detected).where(
        select(changes.c.seq)
        .where(
            is_among(changes.c.record_id),
            cast(imports.c.run_requests, String).contains(changes.c.request_id),
        )
        .exists()
    )
)
_IMPORTS = Statement(select(imports.c.id, imports.c.detected).where(is_among(imports.c.id)))
_END = Statement(
    update(imports)
    .where(is_among(imports.c.id), one_of(imports.c.status, ("needs_answers", "ready", "queued")))
    .values(
        status="cancelled",
        finished_at=bindparam("now", type_=Instant),
        version=imports.c.version + 1,
    )
)
_SHOWN_IN = Statement(
    select(imports.c.id, imports.c.detected).where(_like(cast(imports.c.detected, String)))
)
_BLANK_IMPORT = Statement(
    update(imports)
    .where(imports.c.id == bindparam("at_id"))
    .values(detected=bindparam("set_detected", type_=Document))
)
_NAMED = Statement(
    select(imports.c.id, imports.c.file_name).where(imports.c.file_name.is_not(None))
)
_BLANK_NAME = Statement(
    update(imports).where(imports.c.id == bindparam("at_id")).values(file_name=null())
)
_DROP_REJECTED = Statement(delete(rejected_rows).where(is_among(rejected_rows.c.import_id)))
_DROP_NAMING = Statement(
    delete(rejected_rows).where(
        or_(
            _like(cast(rejected_rows.c.cells, String)),
            _like(rejected_rows.c.message_en),
            _like(rejected_rows.c.message_de),
        )
    )
)
NAMING = Statement(select(rejected_rows).where(_like(cast(rejected_rows.c.cells, String))))
_FORGET_ANSWERS = Statement(
    delete(idempotency_records).where(
        or_(_like(idempotency_records.c.body), _like(idempotency_records.c.path))
    )
)


@dataclass(frozen=True)
class Marks:
    """What a person can be recognised by, word for word.

    `texts` are addresses, numbers and full names; `cells` are values that mean the person only if a
    cell of a table is nothing else; `refs` are sources with the ids that the person has there.
    """

    ids: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()
    cells: tuple[tuple[str, ...], ...] = ()
    refs: tuple[tuple[str, str], ...] = ()

    @property
    def pairs(self) -> list[tuple[str, ...]]:
        """The given with the family name, in either order."""
        return [cells for cells in self.cells if len(cells) > 1]

    def patterns(self, *, of_cells: bool) -> list[str]:
        """Return what a text that names the person is like."""
        found = [f"%{escaped(text)}%" for text in self.texts]
        if not of_cells:
            return [*found, *(f"%{each}%" for each in self.ids)]
        rows = ("%".join(f'"{escaped(cell)}"' for cell in cells) for cells in self.cells)
        return [*found, *(f"%{row}%" for row in rows)]

    def occur_in(self, name: str) -> bool:
        """Say whether a short text, a file's name for instance, names the person."""
        folded = name.casefold()
        parts = [(text,) for text in self.texts] + self.pairs
        return any(all(part.casefold() in folded for part in each) for each in parts)


def escaped(text: str) -> str:
    for letter in ("\\", "%", "_"):
        text = text.replace(letter, f"\\{letter}")
    return text


async def rows_from_before(reader: Reader, ids: Sequence[str]) -> list[Mapping[str, Any]]:
    """Return what undo has kept of these records."""
    return [row["before"] for row in await reader.all(_BEFORE, {"ids": list(ids)})]


def marks_of(ids: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> Marks:
    """Return what contacts can be recognised by, from what they are and were."""
    texts: dict[str, None] = {}
    cells: dict[tuple[str, ...], None] = {}
    refs: dict[tuple[str, str], None] = {}
    for row in rows:
        emails = [row.get("email"), *(each["email"] for each in row.get("other_emails") or ())]
        texts.update(dict.fromkeys(email for email in emails if email))
        phones = [row.get("phone"), row.get("phone_e164")]
        for each in row.get("other_phones") or ():
            phones += [each["phone"], each["e164"]]
        for phone in phones:
            if phone and len(digits(phone)) >= _SHORTEST_NUMBER:
                texts[phone] = None
        given, family = row.get("given_name"), row.get("family_name")
        names = [row.get("display_name"), row.get("name")]
        if given and family:
            names += [f"{given} {family}", f"{family}, {given}"]
            cells |= {(given, family): None, (family, given): None}
        texts.update(dict.fromkeys(n for n in names if n and len(n) >= SHORTEST_NAME))
        for ref in row.get("external_refs") or ():
            refs[(ref["source"], ref["id"])] = None
            if len(ref["id"]) >= SHORTEST_REF:
                cells[(ref["id"],)] = None
    return Marks(tuple(ids), tuple(texts), tuple(cells), tuple(refs))


async def forget_imports(
    transaction: Transaction,
    written: Sequence[str],
    marks: Marks,
    *,
    named: Sequence[str] = (),
    now: datetime | None = None,
) -> list[str]:
    """Drop what imports show of a person; returns those that wrote these records, and the `named`.

    The files of the `named` are gone because they name the person; those that wait for them end.
    """
    own = await transaction.all(_WRITTEN_BY, {"ids": list(written)})
    if named:
        own += await transaction.all(_IMPORTS, {"ids": list(named)})
        await transaction.run(_END, {"ids": list(named), "now": now})
    await _forget_names(transaction, marks)
    patterns = marks.patterns(of_cells=True)
    others = await transaction.all(_SHOWN_IN, {"patterns": patterns}) if patterns else []
    await _blank(transaction, others)
    await _blank(transaction, own)
    files = sorted({row["id"] for row in own})
    await transaction.run(_DROP_REJECTED, {"ids": files})
    if patterns:
        await transaction.run(_DROP_NAMING, {"patterns": patterns})
    return files


async def _forget_names(transaction: Transaction, marks: Marks) -> None:
    if marks.texts or marks.cells:
        for row in await transaction.all(_NAMED):
            if marks.occur_in(row["file_name"]):
                await transaction.run(_BLANK_NAME, {"at_id": row["id"]})


async def forget_samples(transaction: Transaction, import_ids: Sequence[str]) -> None:
    """Drop all that these imports show of their files."""
    await _blank(transaction, await transaction.all(_IMPORTS, {"ids": list(import_ids)}))
    await transaction.run(_DROP_REJECTED, {"ids": list(import_ids)})


async def _blank(transaction: Transaction, rows: Iterable[Mapping[str, Any]]) -> None:
    for row in rows:
        blank = {"at_id": row["id"], "set_detected": _without_samples(row["detected"])}
        await transaction.run(_BLANK_IMPORT, blank)


async def forget_answers(transaction: Transaction, marks: Marks) -> None:
    """Drop the stored answers that name the person; those about its records carry its id."""
    await transaction.run(_FORGET_ANSWERS, {"patterns": marks.patterns(of_cells=False)})


def _without_samples(found: Any) -> Any:
    """Return what was detected of a file without the values that were shown as samples."""
    if isinstance(found, list):
        return [_without_samples(each) for each in found]
    if not isinstance(found, dict):
        return found
    return {
        name: [] if name == "samples" else _without_samples(each) for name, each in found.items()
    }
