"""Columns of the mirror as plain arrays; what they mean is known elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from services.analytics.frames.dictionary import FrameInvalid
from shared.money import currency_exponent

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Booleans = NDArray[np.bool_]

NEVER = np.iinfo(np.int64).max


@dataclass(frozen=True, slots=True, eq=False)
class Words:
    """A column of few words as codes, -1 where it is empty."""

    codes: Integers
    words: list[str]

    @classmethod
    def of(cls, column: pa.ChunkedArray) -> Words:
        if not pa.types.is_dictionary(column.type):
            column = column.dictionary_encode()
        array = column.unify_dictionaries().combine_chunks()
        if isinstance(array, pa.ChunkedArray):
            array = array.chunk(0)
        codes = array.indices.fill_null(-1).to_numpy(zero_copy_only=False)
        return cls(codes.astype(np.int64), array.dictionary.to_pylist())

    @classmethod
    def joined(cls, parts: Sequence[Words]) -> Words:
        """Put columns one below the other."""
        words = list(dict.fromkeys(word for part in parts for word in part.words))
        place = {word: code for code, word in enumerate(words)}
        codes = [np.array([*map(place.__getitem__, part.words), -1])[part.codes] for part in parts]
        return cls(np.concatenate(codes), words)

    def are(self, *wanted: str) -> Booleans:
        return np.array([*(word in wanted for word in self.words), False])[self.codes]

    def category(self) -> pd.Categorical:
        """Return the words as pandas takes them, missing where empty, without unused ones."""
        used = np.flatnonzero(np.bincount(self.codes[self.codes >= 0], minlength=len(self.words)))
        place = np.full(len(self.words) + 1, -1)
        place[used] = np.arange(len(used))
        words = pd.Index([self.words[code] for code in used], dtype="str")
        return pd.Categorical.from_codes(place[self.codes], categories=words)

    def numbers(self, number_of: Callable[[str], float], *, empty: float) -> Floats:
        """Give every row the number of its word."""
        return np.array([*map(number_of, self.words), empty], dtype=np.float64)[self.codes]


def instants_of(table: pa.Table, name: str) -> Integers:
    """Microseconds since 1970 in UTC; NEVER where empty, as what comes later counts as empty."""
    column = table.column(name).cast(pa.int64()).fill_null(NEVER)
    return np.asarray(column.to_numpy(), dtype=np.int64)


def floats_of(table: pa.Table, name: str) -> Floats:
    column = table.column(name).cast(pa.float64(), safe=False)
    return np.array(column.to_numpy(), dtype=np.float64)


def booleans_of(table: pa.Table, name: str) -> Booleans:
    return np.asarray(table.column(name).fill_null(False).to_numpy(), dtype=np.bool_)


def strings_of(values: Any) -> Any:
    """A pandas array of strings, missing where empty, without making a Python string each."""
    return pd.array(values.cast(pa.large_string()), dtype="str")


def minor_per_unit(currency: Words) -> Floats:
    try:
        return currency.numbers(lambda word: 10.0 ** currency_exponent(word), empty=np.nan)
    except ValueError as error:
        raise FrameInvalid(str(error)) from None


def places_of(values: pa.ChunkedArray, within: pa.Array) -> Integers:
    """Return where each value stands in `within`, -1 where it does not."""
    places = pc.index_in(values, value_set=within).fill_null(-1)
    return np.asarray(places.to_numpy(), dtype=np.int64)


def latest_of(instants: Integers, unit: Integers, unit_count: int) -> Integers:
    latest = np.full(unit_count, -NEVER)
    np.maximum.at(latest, unit, instants)
    return latest
