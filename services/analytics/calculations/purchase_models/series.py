"""Chebyshev series: costly smooth functions, one per distinct ``x``, evaluated for many units.

Values do not depend on what else is computed in the same call, to the last digit: every sum adds up
its terms one after another, which BLAS does not promise.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.polynomial import chebyshev

from services.analytics.calculations.purchases import Floats, Integers

_BLOCK_ROWS = 16_384
_NARROWEST = 1e-2
_PART_CELLS = 200_000
_PART_COLUMNS = 64


@dataclass(frozen=True, slots=True, eq=False)
class Interval:
    """Where the functions are wanted, and at how many points they are computed there."""

    low: float
    high: float
    terms: int

    @property
    def nodes(self) -> Floats:
        """The points where a function must be computed; shape (terms,)."""
        scaled = (np.cos(_angles(self.terms)) + 1) / 2
        return np.asarray(self.low + (self.high - self.low) * scaled, dtype=np.float64)

    def interpolate(self, values: Floats) -> Series:
        """Make the series of functions from their values at the nodes; shape (..., terms)."""
        to_series = np.cos(np.outer(_angles(self.terms), np.arange(self.terms))) * (2 / self.terms)
        to_series[:, 0] /= 2
        return Series(self, product(values, to_series))

    def polynomials(self, points: Floats) -> Floats:
        """The Chebyshev polynomials at some points; shape (terms, points)."""
        scaled = 2 * (points - self.low) / (self.high - self.low) - 1
        return np.ascontiguousarray(chebyshev.chebvander(scaled, self.terms - 1).T)


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """Functions on an interval; coefficients of shape (..., functions, terms)."""

    interval: Interval
    coefficients: Floats

    def table(self, points: Floats, *, is_quick: bool = False) -> Floats:
        """Evaluate every function at every point; shape (..., functions, points)."""
        multiply = quick_product if is_quick else product
        return multiply(self.coefficients, self.interval.polynomials(points))

    def rows(self, function: Integers, points: Floats) -> Floats:
        """Evaluate one function at one point per row, as `table` does; shape (..., rows)."""
        values = np.empty((*self.coefficients.shape[:-2], len(points)))
        by_term = np.ascontiguousarray(np.swapaxes(self.coefficients, -1, -2))
        for start in range(0, len(points), _BLOCK_ROWS):
            rows = slice(start, start + _BLOCK_ROWS)
            polynomials = self.interval.polynomials(points[rows])
            values[..., rows] = column_products(by_term[..., function[rows]], polynomials)
        return values


def interval_between(low: float, high: float, *, strip: float, terms: float = 0.0) -> Interval:
    """Choose the terms that make a series exact to rounding.

    Parameters
    ----------
    low, high
        The interval; it is widened upwards where it has no width.
    strip
        Half the width of the strip around the real axis in which the functions are analytic.
    terms
        Terms that are needed for other reasons.
    """
    width = max(high - low, _NARROWEST)
    by_strip = 36 / np.arcsinh(2 * strip / width)
    return Interval(low, low + width, int(np.ceil(max(by_strip, terms))) + 4)


def product(left: Floats, right: Floats) -> Floats:
    """Multiply matrices; each element adds up its terms in their order, whatever the shapes are.

    Shapes (..., rows, inner) and (inner, columns). Not by BLAS, whose last digits depend on the
    shapes.
    """
    rows = np.ascontiguousarray(left.reshape(-1, left.shape[-1]))
    # A single column would be added up in another order.
    columns = right if right.shape[1] > 1 else np.repeat(right, 2, axis=1)
    result: Floats = np.einsum("ij,jk->ik", rows, np.ascontiguousarray(columns), optimize=False)
    return result[:, : right.shape[1]].reshape(*left.shape[:-1], right.shape[1])


def quick_product(left: Floats, right: Floats) -> Floats:
    """Multiply matrices several times quicker, for what is computed of a whole base only.

    In parts so small that BLAS keeps each on one thread: its threads wait for each other by
    spinning, which costs more than it brings at these sizes. Shapes as of `product`.
    """
    rows, inner = left.shape[-2:]
    height = max(1, _PART_CELLS // (_PART_COLUMNS * max(1, inner)))
    result = np.empty((*left.shape[:-1], right.shape[1]))
    for top in range(0, rows, height):
        part = left[..., top : top + height, :]
        for start in range(0, right.shape[1], _PART_COLUMNS):
            columns = slice(start, start + _PART_COLUMNS)
            result[..., top : top + height, columns] = part @ right[:, columns]
    return result


def column_products(left: Floats, right: Floats) -> Floats:
    """Add up the products of each column, in the order of the rows as `product` does.

    Shapes (..., inner, columns) and (inner, columns).
    """
    if right.shape[1] == 1:
        return column_products(np.repeat(left, 2, axis=-1), np.repeat(right, 2, axis=1))[..., :1]
    left, right = np.ascontiguousarray(left), np.ascontiguousarray(right)
    result = np.empty((*left.shape[:-2], right.shape[1]))
    for place in np.ndindex(left.shape[:-2]):
        result[place] = np.einsum("jk,jk->k", left[place], right, optimize=False)
    return result


def _angles(terms: int) -> Floats:
    return np.asarray((np.arange(terms) + 0.5) * (np.pi / terms), dtype=np.float64)
