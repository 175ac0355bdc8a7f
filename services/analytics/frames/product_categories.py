"""The categories of the products that records name."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from services.analytics.frames.arrays import Integers, Words, places_of
from services.analytics.frames.product_list import by_id
from services.analytics.mirror.snapshot import Snapshot


@dataclass(frozen=True, slots=True, eq=False)
class ProductCategories:
    """Products by the key that records name them by, and the category of each."""

    keys: pa.Array
    category: Words

    @classmethod
    def read(cls, snapshot: Snapshot) -> ProductCategories:
        """Read the products in the order of their ids."""
        table = by_id(snapshot, ["id", "key", "category"])
        return cls(table.column("key").combine_chunks(), Words.of(table.column("category")))

    def places(self, product_ids: pa.ChunkedArray) -> Integers:
        """Return the place of each product in the list, -1 where it is not known."""
        return places_of(product_ids, self.keys)

    def of(self, product_ids: pa.ChunkedArray) -> Words:
        """Return the category of each product; empty where it is not known."""
        return self.of_places(self.places(product_ids))

    def of_places(self, places: Integers) -> Words:
        """Return the category of the product at each place; empty where it is not known."""
        return Words(np.append(self.category.codes, -1)[places], self.category.words)
