"""Merging contacts, and taking it back, over HTTP."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated

import orjson
from fastapi import Path, Query

from services.crm_api import records
from services.crm_api.contacts.table import CONTACT
from services.crm_api.merges.operations import Done, merge_contacts, unmerge_contact
from services.crm_api.merges.schemas import EXAMPLE, MergeContacts, Merged, MergeQuery, Unmerged
from services.foundation.bodies import typical
from services.foundation.calls import Call, etag
from services.foundation.database import Transaction
from services.foundation.links import Link, of_answer
from services.foundation.problems import Answer, Forbidden
from services.foundation.routing import Routes
from shared.values import RecordId

routes = Routes("contacts")
ContactId = Annotated[RecordId, Path(description="The id of a contact.")]


class _OnlyTried(Exception):
    """Carries the answer of a dry run out of the transaction, which is then taken back."""

    def __init__(self, answer: Answer) -> None:
        super().__init__("a dry run writes nothing")
        self.answer = answer


def _check_sight(call: Call, take: Sequence[str], *, is_dry_run: bool) -> None:
    """Refuse to compare, or to choose between, values that the key does not see.

    What would change, and which version comes of it, tells whether a guess is right.
    """
    if call.may(CONTACT.pii_scope):
        return
    if is_dry_run:
        raise Forbidden(f"A dry run needs a key with the scope {CONTACT.pii_scope}.")
    unseen = next((name for name in take if name in CONTACT.personal), None)
    if unseen is not None:
        raise Forbidden(f"Taking {unseen} needs a key with the scope {CONTACT.pii_scope}.")


async def _answer(
    transaction: Transaction, done: Done, *, personal: bool, is_dry_run: bool, unmerged: bool
) -> Answer:
    survivor, version = await records.read(
        transaction, CONTACT, done.survivor_id, personal=personal
    )
    told = asdict(done) | {"is_dry_run": is_dry_run}
    del told["survivor_id"]
    if not personal:
        for name in ("changed", "kept"):
            told[name] = [each for each in told[name] if each not in CONTACT.personal]
    parts = {"survivor": survivor}
    if unmerged:
        parts["duplicate"], version = await records.read(
            transaction, CONTACT, done.duplicate_id, personal=personal
        )
    else:
        del told["kept"]
    shown = ",".join(f'"{name}":{body}' for name, body in parts.items())
    body = f"{orjson.dumps(told).decode()[:-1]},{shown}}}".encode()
    return Answer(body, headers=etag(version))


@routes.add(
    "POST",
    "/contacts/{id:record}/merge",
    answer=Merged,
    scope="contacts:write",
    writes=True,
    if_match="required",
    headers=(("ETag", ""),),
    problems=(404, 409),
    links=(Link("unmerge_a_contact", "Take it back.", {"id": of_answer("duplicate_id")}),),
    summary="Merge another contact into this one",
)
async def merge_contact(
    call: Call,
    id: ContactId,
    query: Annotated[MergeQuery, Query()],
    body: Annotated[MergeContacts, typical(EXAMPLE)],
) -> Answer:
    """Interactions, deals, persons, referrals, memberships and consents of the duplicate become those of
    this contact; what it lacks is filled in; lists are united; a second e-mail address or telephone
    number becomes a further one. The duplicate's id means this contact from then on: where it is read, in
    filters, and in what points to it; only to change it, or to delete it, answers 409 `merged_away`.
    What lets e-mail in for the duplicate's main address (a confirmation, a purchase) does not count for
    another one: if this contact's is another one, a consent has to be confirmed again.
    `POST /v1/contacts/{duplicate_id}/unmerge` takes it back. The ETag is that of this contact as it is
    now, after a dry run as before. A dry run, and to `take` a personal field, also need the scope
    `contacts:pii`."""
    _check_sight(call, body.take, is_dry_run=query.dry_run)

    async def merge() -> Answer:
        done = await merge_contacts(
            call.transaction,
            id,
            body.duplicate_id,
            take=body.take,
            version=call.expected_version(),
            duplicate_version=body.duplicate_version,
            stamp=call.stamp,
        )
        answer = await _answer(
            call.transaction,
            done,
            personal=call.may(CONTACT.pii_scope),
            is_dry_run=query.dry_run,
            unmerged=False,
        )
        if query.dry_run:
            raise _OnlyTried(answer)
        return answer

    try:
        return await call.transaction.savepoint(merge)
    except _OnlyTried as tried:
        _, version = await records.read(call.transaction, CONTACT, id, personal=False)
        return Answer(tried.answer.body, headers=etag(version))


@routes.add(
    "POST",
    "/contacts/{id:record}/unmerge",
    answer=Unmerged,
    scope="contacts:write",
    writes=True,
    headers=(("ETag", ""),),
    problems=(404, 409),
    summary="Take the merge of a contact back",
)
async def unmerge_a_contact(call: Call, id: ContactId) -> Answer:
    """`id` is the contact that was merged into another one. What the merge moved goes back, what it set
    is taken back; what was changed or added since stays with the other one, and a field that pointed to
    a contact that is gone by now keeps its value: `kept` names such fields. What a later merge that
    stands brings as well stays too.
    The ETag is that of the contact that is one of its own again."""
    done = await unmerge_contact(call.transaction, id, stamp=call.stamp)
    return await _answer(
        call.transaction,
        done,
        personal=call.may(CONTACT.pii_scope),
        is_dry_run=False,
        unmerged=True,
    )
