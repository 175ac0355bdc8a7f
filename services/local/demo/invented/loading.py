"""Sends the invented customers to the CRM: batches where ids are needed, imports for the many others."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby
from operator import itemgetter
from typing import Any

import httpx
import orjson

from services.local.demo.importing import DemoFailed, finish_import, import_file, items
from services.local.demo.invented.generating import Told, tell_all
from services.local.demo.invented.offers import (
    ACTIVITIES,
    CAMPAIGNS,
    COMPETITORS,
    PRODUCTS,
    SWOT_ITEMS,
)
from services.local.demo.invented.story import SOURCE, TAG, Record

SEGMENT = {
    "key": "invented",
    "name": "Invented customers",
    "description": "Made up for the demo, beside the real log.",
    "filter": {"tag": [TAG]},
}
_LARGEST_BATCH = 500
_WRITERS = 6


def load_invented(client: httpx.Client, *, say: Callable[[str], None]) -> None:
    """Upsert all of them by external id; their segment comes last and tells that all are there.

    Raises
    ------
    DemoFailed
        The CRM refused a record.
    """
    told = tell_all()
    say(f"Adding {len(told)} invented customers, all tagged {TAG}.")
    for plural, records in (
        ("products", PRODUCTS),
        ("competitors", COMPETITORS),
        ("campaigns", CAMPAIGNS),
        ("swot-items", SWOT_ITEMS),
        ("competitor-activities", ACTIVITIES),
    ):
        _write(client, plural, _numbered(plural, records))
    contacts = _load_contacts(client, told)
    interactions = [one for each in told for one in each.story.interactions]
    deals = [one for each in told for one in each.story.deals]
    named = {one["deal_ref"] for one in interactions if "deal_ref" in one}
    ids = _load(client, "deals", deals, named, say)
    interactions = [_resolved(one, "deal", ids) for one in interactions]
    named = {one["parent_ref"] for one in interactions if "parent_ref" in one}
    answers = [one for one in interactions if "parent_ref" in one]
    first = [one for one in interactions if "parent_ref" not in one]
    ids = _load(client, "interactions", first, named, say)
    _write(client, "interactions", [_resolved(one, "parent", ids) for one in answers])
    _record_consents(client, told, contacts)
    _write(client, "segments", _numbered("segments", [SEGMENT]))


def is_loaded(client: httpx.Client) -> bool:
    return bool(items(client, "/v1/segments", key=SEGMENT["key"], limit=1))


def _numbered(plural: str, records: Iterable[Record]) -> list[Record]:
    return [
        {**record, "external_refs": [{"source": SOURCE, "id": f"{plural}-{number}"}]}
        for number, record in enumerate(records, start=1)
    ]


def _load_contacts(client: httpx.Client, told: Sequence[Told]) -> dict[str, str]:
    """Organisations come before their persons, and who is referred after who referred."""
    contacts = [{"allow_duplicate": True, **one} for each in told for one in each.story.contacts]
    ids = _write(client, "contacts", [one for one in contacts if "referred_by_ref" not in one])
    referred = [one for one in contacts if "referred_by_ref" in one]
    return ids | _write(
        client, "contacts", [_resolved(one, "referred_by", ids) for one in referred]
    )


def _resolved(record: Record, name: str, ids: dict[str, str]) -> Record:
    """Return the record with the id of what it names by external id, if it names any."""
    ref = record.get(f"{name}_ref")
    rest = {key: value for key, value in record.items() if key != f"{name}_ref"}
    return rest | ({f"{name}_id": ids[ref]} if ref else {})


def _load(
    client: httpx.Client,
    plural: str,
    records: Sequence[Record],
    named: Collection[str],
    say: Callable[[str], None],
) -> dict[str, str]:
    """Upsert records; returns the ids of those that others name, by external id.

    Only a batch tells ids, but an import takes a third of its time.
    """
    file_name = f"invented-{plural}.ndjson"
    finish_import(client, file_name, say)
    rows = []
    for record in records:
        own = {**record, "external_id": _id_of(record)}
        own["contact_external_id"] = own.pop("contact_ref")["id"]
        del own["external_refs"]
        if own["external_id"] not in named:
            rows.append(orjson.dumps(own))
    import_file(
        client,
        b"\n".join(rows),
        media_type="application/x-ndjson",
        parameters={"resource": plural, "file_name": file_name, "source": SOURCE},
        say=say,
    )
    return _write(client, plural, [record for record in records if _id_of(record) in named])


def _id_of(record: Record) -> str:
    return str(record["external_refs"][0]["id"])


def _write(client: httpx.Client, plural: str, records: Sequence[Record]) -> dict[str, str]:
    """Upsert the records in batches; returns the id of each external id."""
    ids: dict[str, str] = {}
    for begin in range(0, len(records), _LARGEST_BATCH):
        batch = [
            {"action": "upsert", "ref": record["external_refs"][0], "data": record}
            for record in records[begin : begin + _LARGEST_BATCH]
        ]
        answer = client.post(f"/v1/{plural}/batch", json={"items": batch})
        if answer.status_code != 207:
            raise DemoFailed(f"{plural}: {answer.text}")
        for item, result in zip(batch, answer.json()["items"], strict=True):
            if result["problem"] is not None:
                raise DemoFailed(f"{plural} {item['ref']['id']}: {result['problem']}")
            ids[item["ref"]["id"]] = result["id"]
    return ids


def _record_consents(client: httpx.Client, told: Sequence[Told], contacts: dict[str, str]) -> None:
    """Record the events of each contact in order, of several contacts at once.

    Events are never changed, so who has some already, from a start that was stopped, gets no more.
    """
    known = set(_with_consents(client))
    events = [event for each in told for event in each.story.consents]
    by_contact = [
        (contacts[external_id], [event for _, event in group])
        for external_id, group in groupby(events, key=itemgetter(0))
    ]

    def record(one: tuple[str, list[Record]]) -> None:
        contact_id, said = one
        for event in said:
            answer = client.post(f"/v1/contacts/{contact_id}/consents", json=event)
            if answer.status_code != 201:
                raise DemoFailed(f"consents of {contact_id}: {answer.text}")

    with ThreadPoolExecutor(_WRITERS) as pool:
        list(pool.map(record, [one for one in by_contact if one[0] not in known]))


def _with_consents(client: httpx.Client) -> Iterator[str]:
    path: str | None = f"/v1/contacts?tag={TAG}&limit=200&fields=consents"
    while path:
        page: dict[str, Any] = client.get(path).raise_for_status().json()
        yield from (item["id"] for item in page["items"] if item["consents"])
        path = page.get("next")
