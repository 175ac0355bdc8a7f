"""What readers are shown: the newest published version and how fresh it is."""

import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, TypeVar, get_args

from sqlalchemy import Table

from services.analytics import store
from services.analytics.product_names import all_names
from services.analytics.schemas import StaleReason
from services.analytics.tables import SLOTS
from services.foundation.database import Database, Reader
from services.foundation.problems import Problem
from services.foundation.statements import Record
from shared.values import wire_instant

_REMEMBER_SECONDS = 1.0
Result = TypeVar("Result")
_NAMED: dict[str, StaleReason] = {reason: reason for reason in get_args(StaleReason)}


class NotComputedYet(Problem):
    code, status = "not_computed_yet", 503
    title = "Nothing is published yet; the first refresh has to finish."

    def __init__(self) -> None:
        super().__init__(headers={"Retry-After": "5"})


class Superseded(Exception):
    """What was read is of a newer version than the publication it was asked of."""


@dataclass(frozen=True)
class Publication:
    """A version and what is known of its freshness."""

    version: Record
    stale_reason: StaleReason | None
    products: Sequence[Record] = ()
    """What the products are called that its customers name by their place."""

    @property
    def number(self) -> int:
        return int(self.version["number"])

    @property
    def slot(self) -> Table:
        """The table that holds the customers."""
        return SLOTS[self.version["slot"]]

    def check(self, number: int) -> None:
        """Make sure that rows and what is said of them are of one version.

        Raises
        ------
        Superseded
            `number`, the newest version when the rows were read, is not this one.
        """
        if number != self.number:
            raise Superseded()

    @property
    def currency(self) -> str:
        return str(self.version["currency"])

    def about(self) -> dict[str, Any]:
        """Return what every answer says of the version it was read from."""
        return {
            "as_of": self.version["as_of"].isoformat(),
            "model_version": self.number,
            "currency": self.currency,
            "published_at": wire_instant(self.version["published_at"]),
            "crm_read_at": wire_instant(self.version["crm_read_at"]),
            "is_stale": self.stale_reason is not None,
            "stale_reason": self.stale_reason,
        }


class Publications:
    """Finds the publication; it is remembered for a second, so that a read costs no extra query."""

    def __init__(
        self,
        database: Database,
        *,
        clock: Callable[[], datetime],
        overdue_after: timedelta | None,
        day_at: Callable[[datetime], date],
    ) -> None:
        """`overdue_after` is how old the last reading of the CRM may be; None: however old.

        `day_at` tells of which day a refresh at an instant is that was asked for none.
        """
        self._database, self._clock, self._overdue_after = database, clock, overdue_after
        self._day_at = day_at
        self._until, self._known = 0.0, None

    _known: Publication | None
    _list: str | None = None
    _products: Sequence[Record] = ()

    async def current(self) -> Publication:
        """Return the newest publication.

        Raises
        ------
        NotComputedYet
            There is none.
        """
        if self._known is not None and time.monotonic() < self._until:
            return self._known
        version = await store.newest_version(self._database)
        if version is None:
            raise NotComputedYet()
        last = await store.last_finished(self._database) or {}
        products = await self._products_of(version, self._database)
        self._known = Publication(version, self._stale_reason(version, last), products)
        self._until = time.monotonic() + _REMEMBER_SECONDS
        return self._known

    async def read(
        self, question: Callable[[Publication], Awaitable[Result]]
    ) -> tuple[Publication, Result]:
        """Ask a question of the newest publication; again if a newer one came meanwhile.

        Raises
        ------
        NotComputedYet
            There is none.
        """
        while True:
            publication = await self.current()
            try:
                return publication, await question(publication)
            except Superseded:
                self._until = 0.0

    async def of(self, version: Record, reader: Reader) -> Publication:
        """Return the publication of a version that was read in a transaction, as fresh as that is."""
        return Publication(version, None, await self._products_of(version, reader))

    async def _products_of(self, version: Record, reader: Reader) -> Sequence[Record]:
        """Return the list of products of a version; read only when it is another one."""
        if version["product_list"] != self._list:
            # A list that was replaced meanwhile is of a newer version, which the rows show, too.
            self._products = await all_names(reader)
            self._list = version["product_list"]
        return self._products

    def _stale_reason(self, version: Record, last: Record) -> StaleReason | None:
        if last.get("status") == "failed":
            return _NAMED.get(last["failure"], "refresh_failed")
        if version["as_of"] < self._day_at(version["crm_read_at"]):
            return "past_day"
        age = self._clock() - version["crm_read_at"]
        is_overdue = self._overdue_after is not None and age > self._overdue_after
        return "overdue" if is_overdue else None
