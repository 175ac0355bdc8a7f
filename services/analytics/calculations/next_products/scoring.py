"""The next products of each unit as columns, with how likely each is bought."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pandas as pd

from services.analytics.calculations.events import Events
from services.analytics.calculations.next_products.choosing import Situation, choose_products
from services.analytics.calculations.next_products.model import AffinityModel
from services.analytics.calculations.next_products.offering import price_limits
from services.analytics.calculations.next_products.parameters import NextProductParameters
from services.analytics.calculations.next_products.pool import Pool
from services.analytics.calculations.next_products.products import Products
from services.analytics.calculations.next_products.top import spread
from services.analytics.calculations.purchases import Floats, Purchases

COUNT: Final = 3
"""Products that are named for each unit."""
_PARTS: Final = ("", "_affinity", "_probability", "_margin", "_price", "_owned", "_flags")
PRODUCT_COLUMNS: Final = tuple(
    f"product{rank}{part}" for rank in range(1, COUNT + 1) for part in _PARTS
)


def next_products(
    events: Events,
    customers: pd.DataFrame,
    amounts: Floats,
    *,
    purchases: Purchases,
    products: Products,
    model: AffinityModel,
    default_margin: float,
    parameters: NextProductParameters,
) -> pd.DataFrame:
    """Find the next products of every unit.

    Parameters
    ----------
    events
        ``bought_products``, ``declined_products`` and ``interest``.
    customers
        ``state`` and ``churn_probability``, indexed like the units.
    amounts
        Of the won deals; base currency, NaN unknown.
    purchases
        What those deals make.
    products
        All that there are.
    model
        What goes with what in the whole base.
    default_margin
        Share of the price that is left where the cost is unknown.

    Returns
    -------
    pandas.DataFrame
        `PRODUCT_COLUMNS`: place of the product, affinity (share), chance to be bought within the
        unit's churn horizon (probability), margin and price (base currency), place of the owned
        product that speaks for it most, and bits; NaN where there is none. A terminated or excluded
        unit has none.

    Notes
    -----
    ``purchase probability = affinity * P(alive) * P(any purchase in H)``, the latter two together
    being one less the churn probability; 5 % for a lead, to whom what most buy is offered. As owners
    who ever bought both are more than those who buy the other next, the affinity is multiplied by
    how often such products came of late (`levels`). The affinity of a repeated product is the share
    of the unit's later purchases that contained it. Source: domain specification 6.6.
    """
    offers = choose_products(
        Situation.of(
            events,
            price_limits(amounts, purchases, parameters=parameters),
            as_of_day=purchases.as_of_day,
            products=products,
            parameters=parameters,
        ),
        Pool.of(model, products, default_margin=default_margin, parameters=parameters),
        products,
        count=COUNT,
        parameters=parameters,
    )
    state = customers["state"]
    is_gone = ((state == "terminated") | (state == "excluded")).to_numpy()
    buys = 1 - customers["churn_probability"].to_numpy(dtype=np.float64)
    buys[(state == "lead").to_numpy()] = parameters.lead_purchase_probability
    is_none = (offers.product < 0) | is_gone[:, None]
    columns: dict[str, Any] = {
        "": offers.product,
        "_affinity": offers.affinity,
        "_probability": offers.chance * buys[:, None],
        "_margin": spread(products.margin(default_margin=default_margin), offers.product),
        "_price": spread(products.price, offers.product),
        "_owned": np.where(offers.owned < 0, np.nan, offers.owned),
        "_flags": offers.flags,
    }
    numbers = np.stack([columns[part] for part in _PARTS], axis=2)
    numbers[is_none] = np.nan
    return pd.DataFrame(
        numbers.reshape(len(customers), -1),
        index=customers.index,
        columns=list(PRODUCT_COLUMNS),
        copy=False,
    )
