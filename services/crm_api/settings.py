"""The settings of the CRM service, read once at the edge."""

from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator
from pydantic_settings import SettingsConfigDict

from services.foundation.settings import LOOPBACK, TimeZoneName, TokenSettings

FIVE_YEARS = 1827


class Settings(TokenSettings):
    """Environment variables; each has the prefix PHASEWISE_."""

    model_config = SettingsConfigDict(
        env_prefix="PHASEWISE_", frozen=True, extra="ignore", env_ignore_empty=True
    )

    data_dir: Path = Path("var")
    crm_database_url: str = ""
    crm_host: str = "127.0.0.1"
    crm_port: int = Field(default=8000, ge=1, le=65535)
    crm_allowed_hosts: list[str] = ["127.0.0.1", "localhost"]
    crm_allowed_origins: list[str] = []
    crm_requests_per_minute: int = Field(default=6000, ge=1)
    crm_database_connections: int = Field(default=4, ge=1, le=100)
    # Networks that webhooks may reach although they are not public, also by http and at any port.
    crm_webhook_networks: list[IPv4Network | IPv6Network] = []
    crm_webhook_poll_seconds: float = Field(default=1.0, ge=0.01, le=60)
    retention_trash_days: int = Field(default=30, ge=1, le=3650)
    retention_import_days: int = Field(default=30, ge=1, le=3650)
    retention_undo_days: int = Field(default=90, ge=1, le=3650)
    # Not below five years: § 7a UWG wants the proof of consents for so long, and the log is part of it.
    retention_audit_days: int = Field(default=1830, ge=FIVE_YEARS, le=36_500)
    retention_proof_days: int = Field(default=1830, ge=FIVE_YEARS, le=36_500)
    retention_inactive_months: int | None = Field(default=None, ge=6, le=1200)
    retention_inactive_contacts: Literal["propose", "trash"] = "propose"
    # The run of the day waits so long after the start, which has enough to do.
    retention_delay_seconds: float = Field(default=60.0, ge=0, le=86_400)
    business_time_zone: TimeZoneName = "Europe/Berlin"
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_requests: bool = True

    @model_validator(mode="after")
    def _is_safe(self) -> Self:
        if self.crm_host not in LOOPBACK and self.database_url.startswith("sqlite:"):
            raise ValueError(
                "PHASEWISE_CRM_HOST opens the service to a network: give it PostgreSQL "
                "(PHASEWISE_CRM_DATABASE_URL), SQLite is for one machine"
            )
        return self

    @property
    def database_url(self) -> str:
        return self.crm_database_url or f"sqlite:///{self.data_dir / 'crm.sqlite3'}"
