"""What a dry run has in mind of the rows that it took back, so that it tells what a real run would."""

import hashlib
from collections.abc import Sequence
from typing import Any

from services.crm_api.feature import Feature
from services.crm_api.features import FixedAtCreation
from services.crm_api.imports.placing import ChunkRules, Contacts, Unit
from services.crm_api.imports.reading.identities import row_identity
from services.crm_api.imports.rows import Pair, Prepared, Refused, RowConverter
from services.crm_api.imports.writing import Outcome, changeable, write_rows
from services.crm_api.interactions import kinds
from services.crm_api.interactions.table import INTERACTION
from services.foundation.calls import Stamp
from services.foundation.database import Transaction

_MOST_HEEDED = 20_000
"""Rows that are written again; of a file with more, what comes later is tried without the others."""
Heeded = Sequence[tuple[Unit, Prepared]]


class Memory:
    """What a dry run would have written: its chunks do not see each other in the database."""

    def __init__(self, feature: Feature) -> None:
        self._feature = feature
        self.id_column: int | None = None
        self.repeated: frozenset[str] = frozenset()
        self.rows: dict[Pair, dict[str, Any]] = {}
        self.contacts: set[int] = set()
        self._heeded: dict[Unit, list[Prepared]] = {}
        self._room = _MOST_HEEDED

    async def relive(
        self,
        transaction: Transaction,
        items: Sequence[Prepared | Refused],
        rules: ChunkRules,
        stamp: Stamp,
    ) -> Heeded:
        """Write again what the rules of these rows look at; return those that later ones look at."""
        rows = [item for item in items if isinstance(item, Prepared)]
        looking = [item for item in rows if item.given.get("kind") in kinds.HEEDED]
        if self._feature.resource is not INTERACTION or not looking:
            return []
        placed = await Contacts.of(transaction, rows, rules)
        heeded = [(placed.unit(item), item) for item in looking]
        units = dict.fromkeys(unit for unit, _ in heeded)
        earlier = [item for unit in units for item in self._heeded.get(unit, ())]
        if earlier:
            earlier.sort(key=lambda item: item.ordinal)
            await write_rows(transaction, earlier, rules, stamp)
        return heeded

    def keep(self, heeded: Heeded, outcome: Outcome) -> None:
        """Keep in mind those of these rows that a real run would have taken."""
        refused = {row.ordinal for row in outcome.refused}
        taken = [each for each in heeded if each[1].ordinal not in refused][: self._room]
        self._room -= len(taken)
        for unit, item in taken:
            self._heeded.setdefault(unit, []).append(item)

    def correct(self, outcome: Outcome, converter: RowConverter) -> None:
        """Count a row again that only seemed new, and a contact that was made before."""
        needed: set[str] = set()
        for row in outcome.created_rows:
            before = self.rows.get(row.ref)
            if before is not None:
                outcome.created -= 1
                fixed = _contradiction(before, row.given)
                if fixed is not None:
                    outcome.refused.append(converter.refused(row, FixedAtCreation(fixed)))
                    continue
                given = changeable(self._feature, row.given)
                is_same = {**before, **given} == before
                outcome.unchanged += is_same
                outcome.updated += not is_same
                before.update(given)
            elif self._comes_again(row):
                self.rows[row.ref] = dict(row.given)
            needed |= {ref[1] for ref in (row.contact_ref, row.parent_ref) if ref is not None}
        outcome.refused.sort(key=lambda refused: refused.ordinal)
        made = [each for each in outcome.created_contacts if each in needed]
        outcome.created_contacts = [each for each in made if self._remember(each)]

    def _comes_again(self, row: Prepared) -> bool:
        if self.id_column is None:
            return False
        return row_identity((row.cells[self.id_column],)) in self.repeated

    def _remember(self, external_id: str) -> bool:
        digest = hashlib.blake2b(external_id.encode(), digest_size=8).digest()
        known = len(self.contacts)
        self.contacts.add(int.from_bytes(digest, "big"))
        return len(self.contacts) > known


def _contradiction(before: dict[str, Any], given: dict[str, Any]) -> str | None:
    """Return what of an earlier row of the same id stays and is told otherwise now."""
    for name in ("kind", "contact_ref"):
        if given.get(name, before.get(name)) != before.get(name):
            return "kind" if name == "kind" else "contact_id"
    return None
