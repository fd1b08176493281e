"""References: what takes the place of files, arrays and data sets in a parcel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class FileRef:
    """A file of weights. name: of the content that is sent. part: first letters of the names of the tensors that are
    sent, "" for the whole file. whole: sha256 of the file; a worker that has it, at `path` or as the file of an
    installed panel, needs no content. size: bytes."""

    name: str
    part: str
    whole: str
    path: str
    size: int
    what: str


@dataclass(frozen=True)
class BytesRef:
    """Bytes of an array or tensor. writable: arrays made of them can be changed."""

    name: str
    size: int
    what: str
    writable: bool = False


@dataclass(frozen=True)
class DataRef:
    """A data set. name: of the list of its arrays, `data-` and a hash of its fingerprint, where its splits are read;
    else "".

    recipe: the pickled data set, without what it computed, for a worker that can read the splits itself; b"" where it
    holds the data. stand_in: its pickled class, parameters and what it says of itself, for one that cannot. size: bytes
    of its splits, 0 where nobody has looked.
    """

    name: str
    fingerprint: str
    recipe: bytes = field(repr=False)
    stand_in: bytes = field(repr=False)
    size: int
    what: str


Ref = FileRef | BytesRef | DataRef


@dataclass(frozen=True)
class Parcel:
    """Work for a worker, in kilobytes. head: the pickle that all work of a selection shares, as a content; None where
    all is in the body. body: the pickle of the rest. wants: all that the worker must have, the head too. installation:
    of the driver, by part. what: for people."""

    head: BytesRef | None
    body: bytes = field(repr=False)
    wants: tuple[Ref, ...] = field(repr=False)
    installation: Mapping[str, str] = field(repr=False)
    what: str


@dataclass(frozen=True)
class Missing:
    """A worker's answer to a parcel of which it lacks contents. names: of the contents. cache: of its cache folder, by
    which processes that share one are known. again: it lacks them although it was just sent contents."""

    names: tuple[str, ...]
    cache: str
    again: bool = False


@dataclass(frozen=True)
class Refused:
    """A worker's answer to a parcel that it must not open: its installation is another one. lines: each difference."""

    lines: tuple[str, ...]


@dataclass(frozen=True)
class Done:
    """A worker's answer to a parcel: its results as plain data, in the order of the cases, or trained weights."""

    results: Any = field(repr=False)


@dataclass(frozen=True)
class Trained:
    """A network that was trained on a worker. weights: sha256 of its tensors. content: bytes of a file of weights.
    notes: how it was trained, kept beside the file."""

    weights: str
    content: bytes = field(repr=False)
    notes: Mapping[str, Any]
