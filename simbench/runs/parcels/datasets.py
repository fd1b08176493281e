"""Data sets in a parcel: those that a worker reads itself, and stand-ins for those whose splits it is sent."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from functools import lru_cache
from typing import Any

from simbench.contracts import Dataset, Split
from simbench.contracts.splits import SPLITS
from simbench.errors import InputError
from simbench.runs.parcels import arrays, pickles
from simbench.runs.parcels.references import DataRef, Ref
from simbench.system.provenance import digest
from simbench.system.raised import told
from simbench.system.surroundings import abroad

#: What a data set says of itself, beside its splits.
SAID = ("name", "label", "spec", "params", "identity", "arguments", "source", "version", "channels", "classes", "mean")
SAID += ("std", "range", "attributes", "raw", "labelled", "vocabulary", "as_given", "epochs", "augment")
SAID += ("regression", "tokens")
#: Most bytes of an array in the pickle of a data set that travels as it is.
SMALL = 2**16


class _TooMuch(Exception):
    """A data set holds its data."""


def reference(dataset: Dataset, fingerprint: str = "") -> DataRef:
    """fingerprint: of a data set whose splits are read; "": it only says what networks were trained on.

    Raises InputError, with its name, for one that cannot travel."""
    try:
        stated = {f.name: getattr(dataset, f.name) for f in fields(dataset)} if is_dataclass(dataset) else {}
        given = {name: value for name, value in stated.items() if _pickled(value)}
        stand_in, *_ = pickles.dump((type(dataset), given, _said(dataset)), _nothing_large)
    except Exception as error:
        raise InputError(
            f"data set {dataset.label} cannot be sent to a worker: {told(error)}; give one whose class can be pickled"
        ) from error
    size = _size(dataset) if fingerprint else 0
    return DataRef(_name(fingerprint), fingerprint, _pickled(dataset), stand_in, size, f"data set {dataset.label}")


def _pickled(value: Any) -> bytes:
    """A pickle, or b"" of what is large or cannot be pickled."""
    try:
        return pickles.dump(value, _nothing_large)[0]
    except Exception:
        return b""


def resolved(ref: DataRef) -> Dataset | None:
    """The data set of a reference: read on this machine, or else of the splits that its cache holds; None where it is
    sent no splits yet."""
    own = _made(ref)
    if own is not None or not ref.name:
        return own or _stand_in(ref, None)
    stored = arrays.stored(ref.name)
    return None if stored is None else _stand_in(ref, stored)


def _name(fingerprint: str) -> str:
    return f"data-{digest(fingerprint.encode())}" if fingerprint else ""


def _said(dataset: Dataset) -> dict[str, Any]:
    said = {}
    for name in SAID:
        try:
            said[name] = getattr(dataset, name)
        except Exception:  # one without images, say, which networks were trained on elsewhere
            continue
    return said


def _size(dataset: Dataset) -> int:
    with abroad():
        parts = [dataset.split(name) for name in SPLITS]
        return sum(part.inputs.nbytes + part.labels.nbytes for part in parts)


def _nothing_large(obj: Any) -> Ref | None:
    if isinstance(obj, (bytes, bytearray)) and len(obj) > SMALL:
        raise _TooMuch
    if isinstance(obj, pickle.PickleBuffer) and obj.raw().nbytes > SMALL:
        raise _TooMuch
    return None


@lru_cache(maxsize=64)
def _made(ref: DataRef) -> Dataset | None:
    """The data set itself, where it can be used here and is the same."""
    if not ref.recipe:
        return None
    try:
        with abroad():
            dataset = pickles.load(ref.recipe, _unresolved)
            said = pickles.load(ref.stand_in, _unresolved)[2]
            if ref.name:
                if not dataset.at_hand:
                    return None
                dataset.prepare()
                if dataset.fingerprint() != ref.fingerprint:
                    return None
            return dataset if _said(dataset) == said else None
    except Exception:  # there is no such path or package here, say
        return None


def _stand_in(ref: DataRef, split: Callable[[str], Split] | None) -> Dataset:
    """An object of a subclass of the data set's class that says what the data set says, with these splits."""
    cls, given, said = pickles.load(ref.stand_in, _unresolved)
    own: dict[str, Any] = {"__module__": cls.__module__, "__qualname__": cls.__qualname__, "__doc__": cls.__doc__}
    if split is not None:
        own |= {"split": split, "fingerprint": _Constant(ref.fingerprint), "prepare": _Constant(None)}
    made = pickles.blank(type(cls.__name__, (cls,), said | own))
    vars(made).update(given)
    return made


class _Constant:
    """A method that returns one value."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __call__(self) -> Any:
        return self.value


def _unresolved(ref: Ref) -> Any:
    raise InputError(f"{ref.what} is no part of a data set")
