"""Naive: FastAPI, the async ORM and a response_model, the way most services are begun."""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Annotated, Any
from uuid import uuid4

from fastapi import Depends, FastAPI, HTTPException
from pydantic import BaseModel, ConfigDict
from sqlalchemy import JSON, BigInteger, Integer, String, Text, select
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP, UUID
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from services.foundation.application import utc_now
from shared.values import wire_instant

_ID = String(36).with_variant(UUID(as_uuid=False), "postgresql")
_INSTANT = Text().with_variant(TIMESTAMP(timezone=True), "postgresql")
_JSON = JSON().with_variant(JSONB(), "postgresql")

Id = Annotated[str, mapped_column(_ID)]
OptionalId = Annotated[str | None, mapped_column(_ID)]
Instant = Annotated[Any, mapped_column(_INSTANT)]
Document = Annotated[Any, mapped_column(_JSON)]
Whole = Annotated[int | None, mapped_column(BigInteger)]
Words = Mapped[str | None]


class Base(DeclarativeBase):
    """The base of the mapped classes."""


class Kept:
    """The columns that every record has."""

    external_refs: Mapped[Document]
    version: Mapped[int]
    created_at: Mapped[Instant]
    updated_at: Mapped[Instant]
    deleted_at: Mapped[Instant]
    is_redacted = False


def _money(minor: int | None, currency: str | None) -> dict[str, Any] | None:
    if minor is None:
        return None
    return {"amount": f"{minor // 100}.{minor % 100:02d}", "currency": currency}


class Contact(Kept, Base):
    """A row of contacts."""

    __tablename__ = "contacts"
    id: Mapped[Id] = mapped_column(primary_key=True)
    kind: Mapped[str]
    parent_id: Mapped[OptionalId]
    display_name: Mapped[str]
    name: Words
    given_name: Words
    family_name: Words
    email: Words
    phone: Words
    phone_e164: Words
    street: Words
    zip: Words
    city: Words
    country_code: Words
    language: Words
    status: Mapped[str] = mapped_column(default="active")
    terminated_at: Mapped[Instant]
    terminated_by: Words
    owner_id: Words
    source_campaign_id: Words
    acquisition_cost_minor: Mapped[Whole]
    acquisition_cost_currency: Words
    referred_by_id: Mapped[OptionalId]
    purchase_motive: Words
    profiling_objection_at: Mapped[Instant]
    next_contact_at: Mapped[Instant]
    flags: Mapped[Document]
    tags: Mapped[Document]

    @property
    def acquisition_cost(self) -> dict[str, Any] | None:
        return _money(self.acquisition_cost_minor, self.acquisition_cost_currency)


class Interaction(Kept, Base):
    """A row of interactions."""

    __tablename__ = "interactions"
    id: Mapped[Id] = mapped_column(primary_key=True)
    contact_id: Mapped[Id]
    deal_id: Mapped[OptionalId]
    parent_id: Mapped[OptionalId]
    kind: Mapped[str]
    channel: Words
    touchpoint: Words
    direction: Words
    occurred_at: Mapped[Instant]
    user_id: Words
    campaign_id: Words
    subject: Words
    body: Words
    sentiment: Mapped[float | None]
    sentiment_source: Words
    severity: Mapped[int | None]
    resolved_at: Mapped[Instant]
    resolution: Words
    justified: Mapped[bool | None]
    ratings: Mapped[Document]
    nps: Mapped[int | None]
    outcome: Words
    decline_reason: Words
    competitor_id: Words
    effective_at: Mapped[Instant]
    event_type: Words
    cost_minor: Mapped[Whole]
    cost_currency: Words
    is_public: Mapped[bool]
    tags: Mapped[Document]

    @property
    def cost(self) -> dict[str, Any] | None:
        return _money(self.cost_minor, self.cost_currency)


class Change(Base):
    """A row of the change feed."""

    __tablename__ = "changes"
    seq: Mapped[int] = mapped_column(
        BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True
    )
    resource: Mapped[str]
    record_id: Mapped[Id]
    action: Mapped[str]
    version: Mapped[int] = mapped_column(BigInteger)
    changed: Mapped[Document]
    key_id: Mapped[str]
    request_id: Mapped[str]
    occurred_at: Mapped[Instant]


class MoneyOut(BaseModel):
    """An amount."""

    amount: str
    currency: str


class RecordOut(BaseModel):
    """What every record shows."""

    model_config = ConfigDict(from_attributes=True)
    id: str
    kind: str
    parent_id: str | None
    tags: list[str]
    external_refs: list[dict[str, str]]
    version: int
    created_at: datetime
    updated_at: datetime
    deleted_at: datetime | None
    is_redacted: bool


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


class ContactOut(RecordOut):
    """A contact."""

    display_name: str
    name: str | None
    given_name: str | None
    family_name: str | None
    email: str | None
    phone: str | None
    phone_e164: str | None
    street: str | None
    zip: str | None
    city: str | None
    country_code: str | None
    language: str | None
    status: str
    terminated_at: datetime | None
    terminated_by: str | None
    owner_id: str | None
    source_campaign_id: str | None
    acquisition_cost: MoneyOut | None
    referred_by_id: str | None
    purchase_motive: str | None
    profiling_objection_at: datetime | None
    next_contact_at: datetime | None
    flags: list[str]


class InteractionOut(RecordOut):
    """An interaction."""

    contact_id: str
    deal_id: str | None
    channel: str | None
    touchpoint: str | None
    direction: str | None
    occurred_at: datetime
    user_id: str | None
    campaign_id: str | None
    subject: str | None
    body: str | None
    sentiment: float | None
    sentiment_source: str | None
    severity: int | None
    resolved_at: datetime | None
    resolution: str | None
    justified: bool | None
    ratings: list[Any]
    nps: int | None
    outcome: str | None
    decline_reason: str | None
    competitor_id: str | None
    effective_at: datetime | None
    event_type: str | None
    cost: MoneyOut | None
    is_public: bool


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
        now: Any = wire_instant(utc_now()) if is_sqlite else utc_now()
        contact = Contact(
            **body.model_dump(),
            id=str(uuid4()),
            display_name=f"{body.given_name} {body.family_name}",
            phone_e164="+49" + (body.phone or "").replace(" ", "").lstrip("0"),
            flags=[],
            external_refs=[],
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
