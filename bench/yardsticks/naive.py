"""Naive: FastAPI, the async ORM and a response_model, the way most services are begun."""

from collections.abc import AsyncIterator
from typing import Annotated, Any
from uuid import uuid4

from fastapi import Depends, FastAPI, HTTPException
from pydantic import BaseModel, ConfigDict
from sqlalchemy import JSON, Column, Date, String, Table, Text, select
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP, UUID
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase

from services.crm_api.changes.table import changes
from services.crm_api.contacts import schemas
from services.crm_api.contacts.table import contacts
from services.crm_api.interactions import schemas as interaction_schemas
from services.crm_api.interactions.table import interactions
from services.foundation.application import utc_now
from services.foundation.columns import Day, Document, Identifier, Instant
from shared.values import wire_instant

_LISTS = (
    *("roles", "protections", "other_emails", "other_phones", "other_addresses", "consents"),
    *("flags", "external_refs"),
)


def _international(phone: str | None) -> str:
    return "+49" + (phone or "").replace(" ", "").lstrip("0")


class Base(DeclarativeBase):
    """The base of the mapped classes."""


def _money(minor: int | None, currency: str | None) -> dict[str, Any] | None:
    if minor is None:
        return None
    return {"amount": f"{minor // 100}.{minor % 100:02d}", "currency": currency}


_TYPES = {
    Identifier: String(36).with_variant(UUID(as_uuid=False), "postgresql"),
    Instant: Text().with_variant(TIMESTAMP(timezone=True), "postgresql"),
    Day: Text().with_variant(Date(), "postgresql"),
    Document: JSON().with_variant(JSONB(), "postgresql"),
}


def _plain(table: Table) -> Table:
    """Copy a table with the types that come with SQLAlchemy, without what the database fills in."""
    columns = (
        Column(c.name, _TYPES.get(type(c.type), c.type), primary_key=c.primary_key)
        for c in table.columns
        if c.server_default is None
    )
    return Table(table.name, Base.metadata, *columns)


class Contact(Base):
    """A row of contacts."""

    __table__ = _plain(contacts)
    is_redacted = False

    @property
    def acquisition_cost(self) -> dict[str, Any] | None:
        return _money(self.acquisition_cost_minor, self.acquisition_cost_currency)


class Interaction(Base):
    """A row of interactions."""

    __table__ = _plain(interactions)
    is_redacted = False

    @property
    def cost(self) -> dict[str, Any] | None:
        return _money(self.cost_minor, self.cost_currency)

    @property
    def price(self) -> dict[str, Any] | None:
        return _money(self.price_minor, self.price_currency)


class Change(Base):
    """A row of the change feed."""

    __table__ = _plain(changes)


class ContactIn(BaseModel):
    """A contact to create."""

    kind: str
    given_name: str | None = None
    family_name: str | None = None
    email: str | None = None
    phone: str | None = None
    street: str | None = None
    zip: str | None = None
    city: str | None = None
    country_code: str | None = None
    language: str | None = None
    owner_id: str | None = None
    tags: list[str] = []


class ContactOut(schemas.Contact):
    """A contact."""

    model_config = ConfigDict(from_attributes=True)


class InteractionOut(interaction_schemas.Interaction):
    """An interaction."""

    model_config = ConfigDict(from_attributes=True)


class ContactPage(BaseModel):
    """A page of contacts."""

    items: list[ContactOut]
    next: str | None = None


class InteractionPage(BaseModel):
    """A page of interactions."""

    items: list[InteractionOut]
    next: str | None = None


def create_app(url: str) -> FastAPI:
    """Build the four endpoints over one database."""
    is_sqlite = url.startswith("sqlite:")
    engine = create_async_engine(
        url.replace("sqlite:", "sqlite+aiosqlite:").replace("postgresql:", "postgresql+asyncpg:")
    )
    sessions = async_sessionmaker(engine, expire_on_commit=False)
    app = FastAPI()

    async def open_session() -> AsyncIterator[AsyncSession]:
        async with sessions() as session:
            yield session

    Session = Annotated[AsyncSession, Depends(open_session)]

    @app.get("/v1/contacts/{contact_id}", response_model=ContactOut)
    async def get_contact(contact_id: str, session: Session) -> Any:
        contact = await session.get(Contact, contact_id)
        if contact is None or contact.deleted_at is not None:
            raise HTTPException(404)
        return contact

    @app.get("/v1/contacts", response_model=ContactPage)
    async def list_contacts(session: Session, limit: int = 50) -> Any:
        question = select(Contact).where(Contact.deleted_at.is_(None))
        question = question.order_by(Contact.created_at.desc(), Contact.id.desc()).limit(limit + 1)
        return _page((await session.scalars(question)).all(), limit)

    @app.get("/v1/interactions", response_model=InteractionPage)
    async def list_interactions(session: Session, contact_id: str, limit: int = 50) -> Any:
        question = select(Interaction).where(
            Interaction.contact_id == contact_id, Interaction.deleted_at.is_(None)
        )
        question = question.order_by(Interaction.occurred_at.desc(), Interaction.id.desc())
        return _page((await session.scalars(question.limit(limit + 1))).all(), limit)

    @app.post("/v1/contacts", response_model=ContactOut, status_code=201)
    async def create_contact(body: ContactIn, session: Session) -> Any:
        twins = select(Contact.id).where(
            (Contact.email == body.email) | (Contact.phone_e164 == _international(body.phone))
        )
        if (await session.scalars(twins)).first():
            raise HTTPException(409)
        now: Any = wire_instant(utc_now()) if is_sqlite else utc_now()
        contact = Contact(
            **body.model_dump(),
            id=str(uuid4()),
            display_name=f"{body.given_name} {body.family_name}",
            phone_e164=_international(body.phone),
            search_text=f"{body.given_name} {body.family_name} {body.city} {body.email}".lower(),
            status="active",
            **{name: [] for name in _LISTS},
            custom={},
            credit_hold=False,
            individual_price=False,
            version=1,
            created_at=now,
            updated_at=now,
        )
        change = Change(
            resource="contact",
            record_id=contact.id,
            action="created",
            version=1,
            changed=sorted(body.model_fields_set),
            key_id="bench",
            request_id="bench",
            occurred_at=now,
        )
        session.add_all([contact, change])
        await session.commit()
        return contact

    return app


def _page(rows: Any, limit: int) -> dict[str, Any]:
    following = f"cursor={rows[limit - 1].id}" if len(rows) > limit else None
    return {"items": rows[:limit], "next": following}
