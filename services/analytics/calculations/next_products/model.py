"""What goes with what in a base: affinities of products, and how strongly pairs speak."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from services.analytics.calculations.next_products.pairs import PairStatistics
from services.analytics.calculations.next_products.parameters import NextProductParameters
from services.analytics.calculations.purchases import Floats, Integers


@dataclass(frozen=True, slots=True, eq=False)
class AffinityModel:
    """What is known of products that are bought together; plain arrays, kept with the estimates.

    Attributes
    ----------
    product_ids
        The products, in the order of their places here.
    unit_count
        ``N``: units that have bought any product.
    owner_count
        ``n_j``: units that have bought each; shape (products,).
    recent_count
        Units and days of the last time that it was bought on; shape (products,).
    trend
        How much more it is bought of late than owners let expect; no unit, above 0; shape
        (products,).
    repeat_rate
        Share of the later purchases of its owners that contained it again; shape (products,).
    owned, other
        Places of the two products of the pairs that are kept, ordered; shape (pairs,).
    pair_count
        ``n_ij``: units that have bought both; shape (pairs,).
    strength
        How strongly one speaks for the other; no unit, above 0; shape (pairs,).
    new_level, repeat_level
        How often new and repeated products came, against their affinities, of those who bought
        anything; no unit; 1 where nobody has looked.
    """

    product_ids: tuple[str, ...]
    unit_count: int
    owner_count: Integers
    recent_count: Integers
    trend: Floats
    repeat_rate: Floats
    owned: NDArray[np.int32]
    other: NDArray[np.int32]
    pair_count: NDArray[np.int32]
    strength: NDArray[np.float32]
    new_level: float = 1.0
    repeat_level: float = 1.0

    def __eq__(self, other: object) -> bool:
        """Compare the content, to the last digit."""
        if not isinstance(other, AffinityModel):
            return NotImplemented
        return affinity_document(self) == affinity_document(other)

    __hash__ = None  # type: ignore[assignment]

    @classmethod
    def none(cls) -> Self:
        """Return the model of a base that has no products."""
        whole, places = np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int32)
        floats, strength = np.zeros(0), np.zeros(0, dtype=np.float32)
        return cls((), 0, whole, whole, floats, floats, places, places, places, strength)


def affinity(
    pair_count: Floats,
    owner_count: Floats,
    other_count: Floats,
    *,
    unit_count: int,
    parameters: NextProductParameters,
) -> Floats:
    """Estimate the share of the owners of a product that buy another.

    Parameters
    ----------
    pair_count, owner_count, other_count
        ``n_ij``, ``n_i`` and ``n_j``: units that ever bought both, the owned one, the other.
    unit_count
        ``N``: units that have bought any product; above 0.

    Notes
    -----
    ``(n_ij + 10 n_j / N) / (n_i + 10)``. Source: domain specification 6.6.
    """
    prior = parameters.prior_units
    share: Floats = (pair_count + prior * other_count / unit_count) / (owner_count + prior)
    return share


def estimate_affinities(
    statistics: PairStatistics, *, parameters: NextProductParameters
) -> AffinityModel:
    """Estimate from a base what goes with what, keeping the strongest pairs.

    Notes
    -----
    The strength of a pair is a cosine over units, each weighing less the more it owns:
    ``w_ij / sqrt((w_i + 1)(w_j + 1))``. Added up over all that a unit owns it forecast new products
    better than the largest affinity (`bench`, next_products), which is what a reason shows. The trend
    compares late purchases with owners: ``((v + 2) / (n_j V / n + 2))^0.3``.
    """
    pairs = statistics.pairs.tocoo()
    root = np.sqrt(statistics.owner_weight + parameters.prior_weight)
    strength = pairs.data.imag / (root[pairs.row] * root[pairs.col])
    if len(strength) > parameters.pairs_at_most:
        left_out = len(strength) - parameters.pairs_at_most
        kept = strength > np.partition(strength, left_out - 1)[left_out - 1]
    else:
        kept = np.ones(len(strength), dtype=np.bool_)
    owners, recent = statistics.owner_count, statistics.recent_count
    expected = owners * (recent.sum() / max(owners.sum(), 1)) + parameters.recent_prior
    later = statistics.later_count
    base_rate = statistics.repeat_count.sum() / max(later.sum(), 1)
    prior = parameters.prior_units
    return AffinityModel(
        statistics.product_ids,
        statistics.unit_count,
        owners,
        recent,
        ((recent + parameters.recent_prior) / expected) ** parameters.trend_power,
        (statistics.repeat_count + prior * base_rate) / (later + prior),
        pairs.row[kept].astype(np.int32),
        pairs.col[kept].astype(np.int32),
        np.rint(pairs.data.real[kept]).astype(np.int32),
        strength[kept].astype(np.float32),
    )


def affinity_document(model: AffinityModel) -> dict[str, Any]:
    """Write a model so that JSON can hold it: arrays packed, as there are millions of pairs."""
    return {
        field.name: _packed(value) if isinstance(value, np.ndarray) else value
        for field in fields(model)
        for value in (getattr(model, field.name),)
    }


def read_affinity_model(document: Mapping[str, Any]) -> AffinityModel:
    """Read what `affinity_document` wrote, also after a way through JSON.

    Raises
    ------
    KeyError, ValueError
        It is something else.
    """
    values: dict[str, Any] = {
        name: _unpacked(value) if isinstance(value, Mapping) else value
        for name, value in document.items()
    }
    return AffinityModel(**{**values, "product_ids": tuple(values["product_ids"])})


def _packed(values: NDArray[Any]) -> dict[str, str]:
    packed = zlib.compress(np.ascontiguousarray(values).tobytes(), level=1)
    return {"kind": values.dtype.str, "zlib": base64.b64encode(packed).decode()}


def _unpacked(document: Mapping[str, str]) -> NDArray[Any]:
    try:
        content = zlib.decompress(base64.b64decode(document["zlib"], validate=True))
    except zlib.error as error:
        raise ValueError("an array cannot be read") from error
    return np.frombuffer(content, dtype=np.dtype(document["kind"]))
