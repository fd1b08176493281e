"""Columns of text as whole numbers that sort and group as the text does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    import pyarrow as pa


def coded(column: pa.Array | pa.ChunkedArray) -> tuple[np.ndarray, list[str]]:
    """A text column as places in its values, and these in order."""
    import pyarrow as pa

    encoded = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if not isinstance(encoded, pa.DictionaryArray):
        encoded = encoded.dictionary_encode()
    values = encoded.dictionary.to_pylist()
    order = sorted(set(values))
    place = {value: at for at, value in enumerate(order)}
    moved = np.array([place[value] for value in values], np.int32)
    return moved[encoded.indices.to_numpy(zero_copy_only=False)] if len(values) else np.zeros(0, np.int32), order


def numbers(column: pa.Array | pa.ChunkedArray) -> pd.Series | np.ndarray:
    """A column of numbers; of whole ones with missing values, of Int64."""
    import pyarrow as pa

    if column.null_count and pa.types.is_integer(column.type):
        return column.to_pandas(types_mapper={pa.int64(): pd.Int64Dtype()}.get).array
    return column.to_numpy() if isinstance(column, pa.ChunkedArray) else column.to_numpy(zero_copy_only=False)


def ranks(values) -> tuple[np.ndarray, int]:
    """Values as whole numbers that sort as they do, missing ones last, and their count."""
    codes, different = pd.factorize(values, sort=True)
    return np.where(codes < 0, len(different), codes), len(different) + bool((codes < 0).any())


def text(codes: np.ndarray, values: list[str]) -> pd.Series:
    """A text column of a table."""
    return pd.Series(values, dtype=None if values else str).take(codes).reset_index(drop=True)


def small(codes: np.ndarray, size: int) -> np.ndarray:
    """In the fewest bytes: short whole numbers are sorted in linear time."""
    return codes.astype(np.uint8 if size <= 2**8 else np.uint16 if size <= 2**16 else np.int64)
