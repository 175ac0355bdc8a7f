"""The settings of the analytics service, read once at the edge."""

from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import Field, model_validator
from pydantic_settings import SettingsConfigDict

from services.foundation.settings import LOOPBACK, TimeZoneName, TokenSettings


class Settings(TokenSettings):
    """Environment variables; each has the prefix PHASEWISE_."""

    model_config = SettingsConfigDict(
        env_prefix="PHASEWISE_", frozen=True, extra="ignore", env_ignore_empty=True
    )

    data_dir: Path = Path("var")
    analytics_database_url: str = ""
    analytics_host: str = "127.0.0.1"
    analytics_port: int = Field(default=8001, ge=1, le=65535)
    analytics_allowed_hosts: list[str] = ["127.0.0.1", "localhost"]
    analytics_allowed_origins: list[str] = []
    analytics_requests_per_minute: int = Field(default=6000, ge=1)
    analytics_database_connections: int = Field(default=4, ge=1, le=100)
    analytics_key_file: Path | None = None
    # Of another key, with which decisions are planned in the CRM and nothing else can be done.
    analytics_write_key_file: Path | None = None
    # Of a third one, with which customer cards are read, names included, and nothing is changed.
    analytics_card_key_file: Path | None = None
    # What the operator changes of the catalogue: costs, effects, switches, texts, own instruments.
    catalogue_overlay: Path | None = None
    crm_url: str = ""
    crm_port: int = Field(default=8000, ge=1, le=65535)
    as_of: date | None = None
    base_currency: Annotated[str, Field(pattern="^[A-Z]{3}$")] = "EUR"
    business_time_zone: TimeZoneName = "Europe/Berlin"
    # The purchase model that rhythms, values and what is learned rest on.
    analytics_purchase_model: Literal["mbg_nbd", "bg_nbd", "pareto_nbd"] = "mbg_nbd"
    refresh_minutes: float = Field(default=15, ge=0, le=525_600)
    refresh_retry_seconds: float = Field(default=20.0, gt=0, le=3600)
    # Estimates of a base this large are kept for some days; smaller ones are made in a moment.
    estimates_kept_from_contacts: int = Field(default=20_000, ge=0)
    estimates_kept_days: int = Field(default=7, ge=1, le=365)
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_requests: bool = True

    @model_validator(mode="after")
    def _is_safe(self) -> Self:
        if self.analytics_host not in LOOPBACK and self.database_url.startswith("sqlite:"):
            raise ValueError(
                "PHASEWISE_ANALYTICS_HOST opens the service to a network: give it PostgreSQL "
                "(PHASEWISE_ANALYTICS_DATABASE_URL), SQLite is for one machine"
            )
        return self

    @property
    def database_url(self) -> str:
        return self.analytics_database_url or f"sqlite:///{self.data_dir / 'analytics.sqlite3'}"

    def day_at(self, now: datetime) -> date:
        """Return the day that a refresh computes at an instant unless it is asked for another one."""
        return self.as_of or now.astimezone(ZoneInfo(self.business_time_zone)).date()

    @property
    def crm_base_url(self) -> str:
        return self.crm_url or f"http://127.0.0.1:{self.crm_port}"

    @property
    def key_file(self) -> Path:
        return self.analytics_key_file or self.data_dir / "analytics.key"

    @property
    def write_key_file(self) -> Path:
        return self.analytics_write_key_file or self.data_dir / "analytics_write.key"

    @property
    def card_key_file(self) -> Path:
        return self.analytics_card_key_file or self.data_dir / "analytics_card.key"
