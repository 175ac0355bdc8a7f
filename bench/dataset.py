"""Seeded rows of contacts, interactions and deals, and the quickest way of them into a database."""

import asyncio
import random
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
from sqlalchemy import Table

from shared.values import wire_instant

Row = Mapping[str, Any]

BUSY_CONTACTS = 2_000
"""So many contacts, the first ones, have more interactions than a page holds."""
_OF_A_BUSY_CONTACT = 60
_START = datetime(2026, 1, 1, 8, 0, 0, 123_456, tzinfo=UTC)
_KINDS = ("call", "email", "meeting", "note")


def record_id(table: int, number: int) -> str:
    """Make a UUID of version 7 that grows with `number`."""
    return str(UUID(int=(0x01977B3A0000 + number) << 80 | 7 << 76 | table << 64 | 2 << 62 | number))


def contact_rows(count: int) -> Iterator[Row]:
    """Yield persons as people enter them."""
    for number in range(count):
        at = _START + timedelta(seconds=number)
        yield {
            "id": record_id(1, number),
            "kind": "person",
            "display_name": f"Anna Weber {number}",
            "given_name": "Anna",
            "family_name": f"Weber {number}",
            "email": f"anna.weber.{number}@example.org",
            "phone": "030 901820",
            "phone_e164": "+4930901820",
            "street": "Lindenstraße 7",
            "zip": "10969",
            "city": "Berlin",
            "country_code": "DE",
            "language": "de",
            "status": "active",
            "owner_id": f"user-{number % 50}",
            "acquisition_cost_minor": 1250 + number % 100,
            "acquisition_cost_currency": "EUR",
            "flags": "[]",
            "tags": '["vip", "spring"]',
            **_kept(f"C-{number}", at),
        }


def interaction_rows(count: int, *, contacts: int) -> Iterator[Row]:
    """Yield interactions: sixty for each of the busy contacts, the rest spread over the others."""
    choice = random.Random(7)
    for number in range(count):
        owner = number // _OF_A_BUSY_CONTACT
        if owner >= min(BUSY_CONTACTS, contacts):
            owner = choice.randrange(contacts)
        at = _START + timedelta(seconds=number * 37 % 20_000_000)
        yield {
            "id": record_id(2, number),
            "contact_id": record_id(1, owner),
            "kind": _KINDS[number % 4],
            "channel": "phone",
            "direction": "inbound",
            "occurred_at": at,
            "user_id": f"user-{number % 50}",
            "subject": "Delivery of the oak table",
            "body": "Asked when the table comes; told that it is on its way and will be there soon.",
            "sentiment": 0.25,
            "ratings": "[]",
            "cost_minor": 600,
            "cost_currency": "EUR",
            "is_public": False,
            "tags": '["delivery"]',
            **_kept(f"I-{number}", at),
        }


def deal_lines(count: int, *, contacts: int) -> Iterator[str]:
    """Yield the lines of a CSV file of won deals, its header first."""
    choice = random.Random(8)
    yield "order_id,customer_id,closed_at,amount,cost,title\n"
    for number in range(count):
        at = _START + timedelta(minutes=number)
        owner, cents = choice.randrange(contacts), choice.randrange(100, 100_000)
        amounts = f"{cents / 100:.2f},{cents * 0.6 / 100:.2f}"
        yield f"D-{number},C-{owner},{wire_instant(at)},{amounts},Order {number}\n"


_GIVEN_NAMES = (
    "Anna Ben Clara David Emma Finn Greta Hannes Ida Jonas Karla Lukas Mia Noah Olga Paul Rosa Samuel "
    "Tina Ulrich Vera Wilhelm Yara Zoe Jürgen Käthe Björn Sören Marlene Friedrich"
).split()
_BEGINNINGS = (
    "Alt Berg Birk Brand Dorn Eich Feld Fisch Gold Grün Hart Heid Holz Kalt Klein Korn Lang Lind Löw "
    "Mühl Neu Ober Rein Rosen Sand Schön Stein Stern Tal Unter Wald Weid Wein Wild Winter"
).split()
_ENDINGS = (
    "acker bach baum berg blum brecht dorf er feld gärtner haus heim hofer huber inger kamp lein ler "
    "mann meier müller ner reuter schmidt stein thal vogel wald weber wirth"
).split()
TWICE, BROKEN = 50, 99
"""Of a hundred rows of contacts, this one is the person of the row before, and this one is broken."""


def contact_lines(count: int) -> Iterator[str]:
    """Yield the lines of a CSV file of persons as a shop exports them, its header first."""
    choice = random.Random(9)
    yield "customer_no,given_name,family_name,email,phone,street,zip,city,country\n"
    person = ""
    for number in range(count):
        if number % 100 != TWICE:
            given = choice.choice(_GIVEN_NAMES)
            family = choice.choice(_BEGINNINGS) + choice.choice(_ENDINGS)
            mail = f"{given}.{number}@firma-{choice.randrange(5000)}.de".lower()
            if number % 100 == BROKEN:
                mail = mail.replace("@", " at ")
            phone = f"0{choice.randrange(30, 990)} {2_000_000 + number}"  # nobody has it twice
            street = f"{choice.choice(_BEGINNINGS)}straße {choice.randrange(1, 200)}"
            city = choice.choice(_BEGINNINGS) + choice.choice(_ENDINGS)
            place = f"{street},{choice.randrange(1000, 99999):05},{city},DE"
            person = f"{given},{family},{mail},{phone},{place}"
        yield f"K-{number},{person}\n"


def reference_rows(count: int) -> Iterator[Row]:
    """Yield the external references of the contacts."""
    for number in range(count):
        yield {
            "resource": "contact",
            "source": "shop",
            "external_id": f"C-{number}",
            "record_id": record_id(1, number),
            "is_live": True,
        }


def _kept(external_id: str, at: datetime) -> Row:
    return {
        "external_refs": f'[{{"id": "{external_id}", "source": "shop"}}]',
        "version": 1,
        "created_at": at,
        "updated_at": at,
    }


def load(url: str, table: Table, rows: Iterable[Row]) -> None:
    """Put rows into a table by COPY or executemany; columns that a row lacks are null."""
    names = [column.name for column in table.columns]
    tuples = ([row.get(name) for name in names] for row in rows)
    if url.startswith("sqlite:///"):
        load_sqlite(url.removeprefix("sqlite:///"), table.name, names, map(_stored, tuples))
    else:
        asyncio.run(load_postgresql(url, table.name, names, tuples))


def _stored(row: list[Any]) -> list[Any]:
    return [wire_instant(each) if isinstance(each, datetime) else each for each in row]


def load_sqlite(path: str, table: str, names: list[str], rows: Iterable[Any]) -> None:
    """Insert tuples in one durable transaction."""
    marks, columns = ", ".join("?" for _ in names), ", ".join(names)
    connection = sqlite3.connect(path)
    try:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        with connection:
            connection.executemany(f"INSERT INTO {table} ({columns}) VALUES ({marks})", rows)
    finally:
        connection.close()


async def load_postgresql(url: str, table: str, names: list[str], rows: Iterable[Any]) -> None:
    """Copy tuples in one durable transaction."""
    connection = await asyncpg.connect(url)
    try:
        await connection.copy_records_to_table(table, records=rows, columns=names)
    finally:
        await connection.close()


def settle(url: str) -> None:
    """Let the planner know the data, so that it does not learn in the middle of a run."""
    if url.startswith("sqlite:///"):
        connection = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)
        connection.execute("ANALYZE")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.close()
        return

    async def vacuum() -> None:
        connection = await asyncpg.connect(url)
        try:
            await connection.execute("VACUUM ANALYZE")
            await connection.execute("CHECKPOINT")
        finally:
            await connection.close()

    asyncio.run(vacuum())
