"""What deals tell besides purchases: invoices, losses, contracts, interest, faults of payment."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from services.analytics.calculations.events import EVENT_COLUMNS
from services.analytics.frames.arrays import (
    NEVER,
    Booleans,
    Integers,
    Words,
    floats_of,
    instants_of,
    strings_of,
)
from services.analytics.frames.clock import Clock
from services.analytics.frames.deals import Deals
from services.analytics.frames.json_lists import read_lists
from services.analytics.frames.product_categories import ProductCategories
from services.analytics.mirror.snapshot import Snapshot

_LINE = pa.struct([("product_id", pa.string())])


def deal_events(
    snapshot: Snapshot,
    deals: Deals,
    products: ProductCategories,
    complaints: tuple[Integers, pa.ChunkedArray],
    clock: Clock,
) -> dict[str, pd.DataFrame]:
    """Build the frames of events that deals tell of; dates later than the day count as empty.

    `complaints` are the units and deals of the complaints that are open or justified.
    """
    source = _DealEvents(snapshot, deals, clock)
    return {
        "invoices": source.invoices(complaints),
        "lost_deals": source.lost_deals(),
        "open_deals": source.open_deals(),
        "contracts": source.contracts(),
        "contract_products": source.contract_products(products),
        **source.bought(products),
        "won_reasons": source.won_reasons(),
        "chargebacks": source.chargebacks(),
        "frauds": source.frauds(),
    }


class _DealEvents:
    def __init__(self, snapshot: Snapshot, deals: Deals, clock: Clock) -> None:
        self.snapshot = snapshot
        self.deals = deals
        self.clock = clock
        self.is_known = deals.unit >= 0
        self.is_won = self.is_known & (deals.stages.won_at != NEVER)

    def read(self, columns: list[str], where: Booleans) -> pa.Table:
        return self.snapshot.read("deals", columns, where=where)

    def instants(self, name: str) -> Integers:
        return instants_of(self.snapshot.read("deals", [name]), name)

    def has_passed(self, instants: Integers) -> Booleans:
        """Tell which came by the day."""
        return instants < self.clock.end

    def days(self, instants: Integers) -> Any:
        return self.clock.days(instants).astype(np.int32)

    def amounts(self, table: pa.Table, where: Booleans) -> Any:
        return floats_of(table, "amount_minor") * self.deals.base_per_minor[where]

    def invoices(self, complaints: tuple[Integers, pa.ChunkedArray]) -> pd.DataFrame:
        """Collect what is to be paid by a date; without a date of issue that of winning holds."""
        where = self.is_won & (self.instants("due_at") != NEVER)
        names = ["id", "amount_minor", "invoiced_at", "due_at", "paid_at", "disputed_at"]
        table = self.read(names, where)
        issued, due, paid, disputed = (instants_of(table, name) for name in names[2:])
        issued = np.where(issued == NEVER, self.deals.stages.won_at[where], issued)
        frame = framed(
            "invoices",
            unit=self.deals.unit[where],
            day=self.days(issued),
            due_day=self.days(due),
            paid_day=self.clock.days_passed(paid),
            amount=self.amounts(table, where),
            is_disputed=self.has_passed(disputed),
            is_complained_of=_are_pairs_of(self.deals.unit[where], table.column("id"), complaints),
            deal_id=strings_of(table.column("id")),
        )
        return frame.loc[self.has_passed(issued)].reset_index(drop=True)

    def lost_deals(self) -> pd.DataFrame:
        lost_at = self.deals.stages.lost_at
        where = self.is_known & (lost_at != NEVER)
        table = self.read(["id", "lost_reason", "competitor_id"], where)
        return framed(
            "lost_deals",
            unit=self.deals.unit[where],
            day=self.days(lost_at[where]),
            lost_reason=Words.of(table.column("lost_reason")).category(),
            names_competitor=np.asarray(table.column("competitor_id").is_valid().to_numpy()),
            deal_id=strings_of(table.column("id")),
        )

    def open_deals(self) -> pd.DataFrame:
        stages = self.deals.stages
        where = self.is_known & stages.is_open
        table = self.read(["id", "opened_at"], where)
        return framed(
            "open_deals",
            unit=self.deals.unit[where],
            day=self.days(instants_of(table, "opened_at")),
            stage=Words(stages.stage.codes[where], stages.stage.words).category(),
            deal_id=strings_of(table.column("id")),
        )

    def contracts(self) -> pd.DataFrame:
        where = self.has_contract()
        names = ["id", "amount_minor", "contract_end_at", "contract_cancelled_at"]
        table = self.read(names, where)
        return framed(
            "contracts",
            unit=self.deals.unit[where],
            start_day=self.days(self.deals.stages.won_at[where]),
            end_day=self.days(instants_of(table, "contract_end_at")),
            cancelled_day=self.clock.days_passed(instants_of(table, "contract_cancelled_at")),
            amount=self.amounts(table, where),
            deal_id=strings_of(table.column("id")),
        )

    def contract_products(self, products: ProductCategories) -> pd.DataFrame:
        """Collect what contracts are about: the lines that name a product."""
        where = self.has_contract()
        names = ["contract_end_at", "contract_cancelled_at", "lines"]
        table = self.read(names, where)
        deal, lines = read_lists(table.column("lines").fill_null("[]"), _LINE)
        product = lines.column("product_id")
        named = np.flatnonzero(product.is_valid().to_numpy())
        deal, product = deal[named], product.take(pa.array(named))
        end, cancelled = (instants_of(table, name)[deal] for name in names[:2])
        return framed(
            "contract_products",
            unit=self.deals.unit[where][deal],
            start_day=self.days(self.deals.stages.won_at[where][deal]),
            end_day=self.days(end),
            cancelled_day=self.clock.days_passed(cancelled),
            product=Words.of(product).category(),
            category=products.of(product).category(),
        )

    def has_contract(self) -> Booleans:
        """Tell which deals were won with a contract that ends."""
        has_contract: Booleans = self.is_won & (self.instants("contract_end_at") != NEVER)
        return has_contract

    def bought(self, products: ProductCategories) -> dict[str, pd.DataFrame]:
        """Collect products and categories of the lines of purchases."""
        rows, place = self.line_products(products, self.deals.is_purchase)
        unit, day = self.deals.unit[rows], self.days(self.deals.stages.won_at[rows])
        category = products.of_places(place)
        has_one = category.codes >= 0
        categories = Words(category.codes[has_one], category.words)
        return {
            "purchased_categories": framed(
                "purchased_categories",
                unit=unit[has_one],
                day=day[has_one],
                category=categories.category(),
            ),
            "bought_products": framed(
                "bought_products", unit=unit, day=day, product=place.astype(np.int32)
            ),
        }

    def interest(self, products: ProductCategories) -> tuple[Integers, Integers, Words]:
        """Return unit, instant and category of the lines of open deals."""
        where = self.is_known & self.deals.stages.is_open
        rows, place = self.line_products(products, where)
        category = products.of_places(place)
        has_one = category.codes >= 0
        rows, shown = rows[has_one], Words(category.codes[has_one], category.words)
        return self.deals.unit[rows], self.instants("opened_at")[rows], shown

    def line_products(
        self, products: ProductCategories, where: Booleans
    ) -> tuple[Integers, Integers]:
        """Return row and place of the product of every line that names a known one."""
        if not len(products.keys) or not where.any():
            return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
        texts = self.read(["lines"], where).column("lines").fill_null("[]")
        deal, lines = read_lists(texts, _LINE)
        place = products.places(lines.column("product_id"))
        is_known = place >= 0
        return np.flatnonzero(where)[deal[is_known]], place[is_known]

    def won_reasons(self) -> pd.DataFrame:
        where = self.deals.is_purchase
        reason = Words.of(self.read(["won_reason"], where).column("won_reason"))
        is_given = reason.codes >= 0
        rows = np.flatnonzero(where)[is_given]
        return framed(
            "won_reasons",
            unit=self.deals.unit[rows],
            day=self.days(self.deals.stages.won_at[rows]),
            won_reason=Words(reason.codes[is_given], reason.words).category(),
        )

    def chargebacks(self) -> pd.DataFrame:
        charged = self.instants("chargeback_at")
        where = self.is_known & self.has_passed(charged)
        table = self.read(["id", "chargeback_lost_minor"], where)
        return framed(
            "chargebacks",
            unit=self.deals.unit[where],
            day=self.days(charged[where]),
            is_lost=floats_of(table, "chargeback_lost_minor") > 0,
            deal_id=strings_of(table.column("id")),
        )

    def frauds(self) -> pd.DataFrame:
        """Collect confirmed frauds; the CRM dates none that no person has confirmed."""
        confirmed = self.instants("fraud_confirmed_at")
        where = self.is_known & self.has_passed(confirmed)
        return framed(
            "frauds",
            unit=self.deals.unit[where],
            day=self.days(confirmed[where]),
            is_confirmed_by_person=np.ones(int(where.sum()), dtype=np.bool_),
            deal_id=strings_of(self.read(["id"], where).column("id")),
        )


def open_deal_interest(
    snapshot: Snapshot, deals: Deals, products: ProductCategories, clock: Clock
) -> tuple[Integers, Integers, Words]:
    """Return unit, instant and category of what the lines of open deals are about."""
    return _DealEvents(snapshot, deals, clock).interest(products)


def framed(name: str, **columns: Any) -> pd.DataFrame:
    """Put the columns of an event frame into their order."""
    return pd.DataFrame({column: columns[column] for column in EVENT_COLUMNS[name]}, copy=False)


def _are_pairs_of(
    unit: Integers, deal_ids: pa.ChunkedArray, complaints: tuple[Integers, pa.ChunkedArray]
) -> Booleans:
    """Tell which deals a complaint of the same unit is about."""
    complaining, about = complaints
    if not len(complaining) or not len(unit):
        return np.zeros(len(unit), dtype=np.bool_)
    left = pd.MultiIndex.from_arrays([unit, strings_of(deal_ids)])
    found = left.isin(pd.MultiIndex.from_arrays([complaining, strings_of(about)]))
    return np.asarray(found, dtype=np.bool_)
