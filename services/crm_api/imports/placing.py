"""Finds the contacts that the rows of a chunk point to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from services.crm_api import records
from services.crm_api.contacts import finding
from services.crm_api.contacts.finding import ContactMissing
from services.crm_api.contacts.table import CONTACT
from services.crm_api.custom_fields import operations as custom_fields
from services.crm_api.external_refs import operations as external_refs
from services.crm_api.feature import Feature
from services.crm_api.features import FixedAtCreation
from services.crm_api.imports.rows import Pair, Prepared, Refused, RowConverter
from services.crm_api.privacy import suppression
from services.foundation.database import Transaction
from services.foundation.problems import FieldError, Problem
from services.foundation.statements import Record


class LookAgain(Exception):
    """Another writer changed what this chunk had looked up; nothing of it is written."""


Unit = str | Pair | None


@dataclass(frozen=True)
class ChunkRules:
    """What holds for every chunk of an import."""

    converter: RowConverter
    creates_contacts: bool

    @property
    def feature(self) -> Feature:
        return self.converter.feature


class Contacts:
    """The contacts that the rows of a chunk point to, and the custom fields, looked up at once."""

    def __init__(
        self,
        by_ref: dict[Pair, str],
        ids: Mapping[str, str],
        units: Mapping[str, str],
        erased: frozenset[Pair | str | None],
        rules: ChunkRules,
        custom: Mapping[str, Record],
    ) -> None:
        self.by_ref, self.ids, self._erased, self._rules = by_ref, ids, erased, rules
        self.custom = custom
        self.new_ids: dict[Pair, str] = {}
        self._units = units
        self.kind = "organisation" if rules.feature.resource is CONTACT else "person"

    @classmethod
    async def of(
        cls,
        transaction: Transaction,
        prepared: Sequence[Prepared],
        rules: ChunkRules,
    ) -> "Contacts":
        pairs = [item.contact_ref or item.parent_ref for item in prepared]
        refs = list(dict.fromkeys(ref for ref in pairs if ref))
        ids = list(dict.fromkeys(item.contact_id for item in prepared if item.contact_id))
        by_ref = await external_refs.find(transaction, CONTACT.name, refs)
        live = await finding.answering(transaction, ids)
        wanted = {*live.values(), *by_ref.values()}
        # Of an offer its unit is locked later on.
        is_alone = any(item.row.get("kind") == "offer" for item in prepared)
        held = await finding.hold(transaction, sorted(wanted), is_alone=is_alone)
        if not wanted.issubset(held):
            raise LookAgain
        erased = await _erased(
            transaction,
            [ref for ref in refs if ref not in by_ref],
            [each for each in ids if each not in live],
        )
        custom: Mapping[str, Record] = {}
        if any("custom" in item.given for item in prepared):
            custom = await custom_fields.definitions(transaction, rules.feature.resource.plural)
        units = {each: finding.unit(row) for each, row in held.items()}
        return cls(by_ref, live, units, erased, rules, custom)

    def check_fixed(self, item: Prepared, current: Record) -> None:
        """Refuse a row that contradicts what its record keeps from its creation.

        Raises
        ------
        FixedAtCreation
            It is of another kind or of another contact.
        """
        contact = self.ids.get(item.contact_id or "")
        if contact is None and item.contact_ref is not None:
            contact = self.by_ref.get(item.contact_ref, "")  # an unknown one is another one
        for name, sent in (("kind", item.given.get("kind")), ("contact_id", contact)):
            if sent is not None and sent != current.get(name, sent):
                raise FixedAtCreation(name)

    def unit(self, item: Prepared) -> Unit:
        """Return the customer unit of the row's contact; of one that was not there, its reference."""
        found = self.ids.get(item.contact_id or "")
        if found is None and item.contact_ref is not None:
            found = self.by_ref.get(item.contact_ref)
        return self._units.get(found or "", item.contact_ref)

    def place(self, item: Prepared) -> str:
        """Return the id of the row's contact: that which it will have if it is to be created.

        Raises
        ------
        ContactMissing, Suppressed
            There is none, and none is to be created; or it was erased and is not to come back.
        """
        if item.contact_ref is None:
            raise _missing("contact_ref", "The row names no contact.")
        if own := self.ids.get(item.contact_id or ""):
            return own
        if item.contact_id in self._erased:
            raise _suppressed()
        found = self._of_ref("contact_ref", item.contact_ref)
        return found or self.new_ids.setdefault(item.contact_ref, records.new_id())

    def missing(self, item: Prepared) -> Pair | None:
        """Return the reference of the contact that is to be created for the row, if there is one."""
        ref = item.parent_ref
        if item.contact_ref is not None:
            own = self.new_ids.get(item.contact_ref)
            ref = item.contact_ref if own == item.row["contact_id"] else None
        return None if ref in self.by_ref else ref

    def parent(self, item: Prepared) -> str | None:
        """Return the id of the organisation that the row names, or None if it is to be created.

        Raises
        ------
        ContactMissing, Suppressed
            As `place`.
        """
        assert item.parent_ref is not None
        return self._of_ref("parent_ref", item.parent_ref)

    def refused(self, item: Prepared, problem: Problem) -> Refused:
        """Reject a row; of a person who was erased nothing is kept, or the file would bring it back."""
        refused = self._rules.converter.refused(item, problem)
        people = (item.contact_ref, item.contact_id, item.parent_ref)
        if isinstance(problem, suppression.Suppressed) or not self._erased.isdisjoint(people):
            return refused._replace(cells=())
        return refused

    def _of_ref(self, field: str, ref: Pair) -> str | None:
        if ref in self._erased:
            raise _suppressed()
        found = self.by_ref.get(ref)
        if found is None and not self._rules.creates_contacts:
            # Rejected rows are told to who does not see their cells, too.
            message = f"No live contact has the reference of {ref[0]} that the row names."
            raise _missing(field, message)
        return found


def named(ref: Pair) -> dict[str, Any]:
    """Return the fields of a record that is known by its reference alone."""
    return {"external_refs": [{"source": ref[0], "id": ref[1]}]}


async def _erased(
    transaction: Transaction, refs: Sequence[Pair], ids: Sequence[str]
) -> frozenset[Pair | str | None]:
    """Return which of these references and ids are those of people who were erased."""
    found = await suppression.suppressed(transaction, [named(ref) for ref in refs])
    gone = await finding.erased(transaction, ids)
    return frozenset(ref for ref, is_erased in zip(refs, found, strict=True) if is_erased) | gone


def _suppressed() -> suppression.Suppressed:
    return suppression.Suppressed("The row's contact was erased and is not created again.")


def _missing(field: str, message: str) -> ContactMissing:
    return ContactMissing(message, errors=[FieldError(f"/body/{field}", "unknown", message)])
