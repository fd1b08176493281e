"""What a driver sends: the pieces of a content, read when a worker lacks it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from simbench.contracts import Dataset
from simbench.errors import InputError
from simbench.runs.parcels import arrays, weights
from simbench.runs.parcels.contents import Piece
from simbench.runs.parcels.references import BytesRef, DataRef, FileRef


def of_bytes(ref: BytesRef, data: bytes | bytearray | memoryview, most: int) -> Iterator[Piece]:
    """The pieces of bytes in memory, at most so many bytes each."""
    view = memoryview(data)
    return pieces(ref.name, ref.size, ref.what, (bytes(view[at : at + most]) for at in range(0, ref.size, most)))


def of_file(ref: FileRef, most: int) -> Iterator[Piece]:
    """The pieces of a file of weights, or of a part of it. Raises InputError where it cannot be read."""
    try:
        if ref.part:
            yield from of_bytes(BytesRef(ref.name, ref.size, ref.what), weights.part_of(Path(ref.path), ref.part), most)
            return
        with open(ref.path, "rb") as file:
            yield from pieces(ref.name, ref.size, ref.what, iter(lambda: file.read(most), b""))
    except (OSError, ValueError, KeyError) as error:
        raise InputError(
            f"{ref.what} cannot be read any more from {ref.path!r} ({error}); put the file back"
        ) from error


def of_data(ref: DataRef, dataset: Dataset, most: int) -> Iterator[Piece]:
    """The pieces of a data set: of each array, and of the list of them."""
    listed, parts = arrays.described(dataset, ref.fingerprint)
    for array in parts:
        yield from pieces(array.description["name"], array.lying.nbytes, ref.what, array.read(most))
    data = listed.encode()
    yield Piece(ref.name, len(data), 0, data, ref.what)


def pieces(name: str, size: int, what: str, blocks: Iterable[bytes]) -> Iterator[Piece]:
    """The pieces of a content whose bytes come in blocks."""
    start = 0
    for block in blocks:
        yield Piece(name, size, start, block, what)
        start += len(block)
