"""Opening a parcel on a worker: the unit as the driver has it, with files and data of this machine."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from simbench.errors import InputError
from simbench.runs.parcels import contents, datasets, pickles, weights
from simbench.runs.parcels.references import BytesRef, DataRef, FileRef, Missing, Parcel, Ref


def opened(parcel: Parcel) -> Any:
    """What was packed, or Missing with all that this machine lacks of it."""
    lacking = tuple(ref.name for ref in parcel.wants if not _here(ref))
    if lacking:
        return Missing(lacking, contents.cache_name())
    return pickles.load(parcel.body, _resolved, _shared(parcel.head.name) if parcel.head else ())


@lru_cache(maxsize=8)
def _shared(head: str) -> list[Any]:
    """The selection that many parcels share, and what is in it. Equal units find the same objects."""
    selection, shared = pickles.load(contents.read(head), _resolved)
    return [selection, *shared]


def _here(ref: Ref) -> bool:
    if isinstance(ref, FileRef):
        return weights.found(ref) is not None
    if isinstance(ref, DataRef):
        return datasets.resolved(ref) is not None
    return contents.held(ref.name)


def _resolved(ref: Ref) -> Any:
    if isinstance(ref, FileRef):  # one that no unit wants yet will come to the cache
        return weights.found(ref) or contents.place(ref.name)
    if isinstance(ref, BytesRef):
        data = contents.read(ref.name)
        return bytearray(data) if ref.writable else data
    dataset = datasets.resolved(ref)
    if dataset is None:
        raise InputError(f"{ref.what} was not sent to this worker; send its parcel again")
    return dataset
