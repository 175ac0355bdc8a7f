"""Migrations: up, down and up again with data, and no drift between them and the tables."""

import asyncio
from pathlib import Path

import pytest
from sqlalchemy import update

from services.crm_api.app import create_app
from services.crm_api.campaigns.table import campaigns
from services.crm_api.contacts.table import contacts
from services.crm_api.interactions.table import interactions
from services.crm_api.resources import metadata as records
from services.crm_api.scopes import SCOPES
from services.crm_api.settings import Settings
from services.foundation import migrating
from services.foundation.application import utc_now
from services.foundation.connecting import connect
from services.foundation.database import Transaction
from services.foundation.statements import Statement
from services.foundation.tables import metadata as ground
from tests.conftest import BOTH, Crm, Templates, store_key
from tests.crm_api.bodies import EVERYTHING, RESOURCES, feed, make, place


@pytest.mark.parametrize("kind", BOTH)
def test_the_schema_goes_up_and_down_and_up_again_with_data(
    templates: Templates, tmp_path: Path, kind: str
) -> None:
    url = templates.fresh("crm_api", kind, tmp_path)
    settings = Settings(data_dir=tmp_path, crm_database_url=url, log_requests=False)
    crm = Crm(settings, utc_now)
    for plural in RESOURCES:
        crm.create(plural, **EVERYTHING[plural], **place(crm, plural))
    crm.stop()
    migrating.downgrade("crm_api", url, "base")
    assert migrating.present(url) is None
    migrating.upgrade("crm_api", url)
    assert migrating.present(url) == migrating.newest("crm_api")
    crm = Crm(settings, utc_now)
    try:
        assert feed(crm.client)[0] == []
        for plural in RESOURCES:
            made = make(crm, plural)
            assert crm.client.get(f"/v1/{plural}/{made['id']}").json() == made
    finally:
        crm.stop()


@pytest.mark.parametrize("kind", BOTH)
def test_going_up_again_changes_nothing(templates: Templates, tmp_path: Path, kind: str) -> None:
    url = templates.fresh("crm_api", kind, tmp_path)
    key = store_key(url, scopes=SCOPES)
    migrating.upgrade("crm_api", url)
    crm = Crm(Settings(data_dir=tmp_path, crm_database_url=url, log_requests=False), utc_now)
    try:
        answer = crm.client.get("/v1/contacts", headers={"Authorization": f"Bearer {key}"})
        assert answer.status_code == 200
    finally:
        crm.stop()


@pytest.mark.parametrize("kind", BOTH)
def test_tables_and_migrations_do_not_drift(
    templates: Templates, tmp_path: Path, kind: str
) -> None:
    create_app(Settings(crm_database_url="sqlite:///never-opened.sqlite3"))  # knows all tables
    migrating.check("crm_api", templates.fresh("crm_api", kind, tmp_path), [records, ground])


@pytest.mark.parametrize("kind", BOTH)
def test_words_of_before_become_those_of_the_catalogue_or_are_kept_beside(
    templates: Templates, tmp_path: Path, kind: str
) -> None:
    url = templates.fresh("crm_api", kind, tmp_path)
    settings = Settings(data_dir=tmp_path, crm_database_url=url, log_requests=False)
    crm = Crm(settings, utc_now)
    contact = make(crm, "contacts", tags=["vip"])["id"]
    offer = make(crm, "interactions", contact_id=contact, kind="offer", outcome="declined")["id"]
    campaign = crm.create("campaigns", name="Spring")["id"]
    crm.stop()
    migrating.downgrade("crm_api", url, "2026_11_24_keys")
    former = (
        update(contacts).values(purchase_motive="price", preferred_channel="pigeon"),
        update(interactions).values(
            channel="phone", touchpoint="service_hotline", decline_reason="mood"
        ),
        update(campaigns).values(phase="win_back", channel="pigeon"),
    )

    async def write_all(transaction: Transaction) -> None:
        for statement in former:
            await transaction.run(Statement(statement))

    async def write_former() -> None:
        database = connect(url)
        await database.open()
        try:
            await database.write(write_all)
        finally:
            await database.close()

    asyncio.run(write_former())
    migrating.upgrade("crm_api", url)
    crm = Crm(settings, utc_now)
    try:
        shown = crm.client.get(f"/v1/contacts/{contact}").json()
        assert (shown["purchase_motive"], shown["preferred_channel"]) == ("advantage_price", None)
        assert shown["tags"] == ["vip", "preferred_channel_pigeon"]
        shown = crm.client.get(f"/v1/interactions/{offer}").json()
        words = (shown["channel"], shown["touchpoint"], shown["decline_reason"], shown["tags"])
        assert words == ("phone", "support", "other", ["decline_reason_mood"])
        shown = crm.client.get(f"/v1/campaigns/{campaign}").json()
        assert (shown["phase"], shown["channel"]) == ("winback", None)
        assert shown["flags"] == ["channel_pigeon"]
    finally:
        crm.stop()
