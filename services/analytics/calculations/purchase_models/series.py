"""Chebyshev series: costly smooth functions, one per distinct ``x``, evaluated for many units."""

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
        """The Chebyshev polynomials at some points; shape (points, terms)."""
        scaled = 2 * (points - self.low) / (self.high - self.low) - 1
        return np.asarray(chebyshev.chebvander(scaled, self.terms - 1), dtype=np.float64)


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """Functions on an interval; coefficients of shape (..., functions, terms)."""

    interval: Interval
    coefficients: Floats

    def table(self, points: Floats) -> Floats:
        """Evaluate every function at every point; shape (..., functions, points)."""
        return product(self.coefficients, self.interval.polynomials(points).T)

    def rows(self, function: Integers, points: Floats) -> Floats:
        """Evaluate one function at one point per row; shape (..., rows)."""
        values = np.empty((*self.coefficients.shape[:-2], len(points)))
        for start in range(0, len(points), _BLOCK_ROWS):
            rows = slice(start, start + _BLOCK_ROWS)
            polynomials = self.interval.polynomials(points[rows])
            chosen = self.coefficients[..., function[rows], :]
            values[..., rows] = np.einsum("...ij,ij->...i", chosen, polynomials)
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
    """Multiply matrices in parts so small that BLAS keeps each on one thread.

    Its threads wait for each other by spinning, which costs more than it brings at these sizes:
    beside other work several times the CPU time. Shapes (..., rows, inner) and (inner, columns).
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


def _angles(terms: int) -> Floats:
    return np.asarray((np.arange(terms) + 0.5) * (np.pi / terms), dtype=np.float64)
