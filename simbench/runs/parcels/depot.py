"""The depot of a driver: it packs work and hands out the contents that workers lack."""

from __future__ import annotations

import hashlib
import pickle
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import cloudpickle

from simbench.contracts import Dataset, Model
from simbench.contracts.fields import NOUNS
from simbench.contracts.selection import Network, Selection, Setting
from simbench.errors import InputError
from simbench.runs.cases import Cases
from simbench.runs.parcels import datasets, files, pickles, sources, weights
from simbench.runs.parcels.contents import MOST, Piece
from simbench.runs.parcels.files import UserFiles
from simbench.runs.parcels.installations import built_of, installed
from simbench.runs.parcels.references import BytesRef, DataRef, FileRef, FilesRef, Missing, Parcel, Ref
from simbench.runs.unit import Unit
from simbench.system.raised import told

#: Bytes from which an array or tensor travels as a content.
LARGE = 2**16


@dataclass(frozen=True)
class _Head:
    """A packed selection. shared: id of each object in it -> its place. wants: of every unit of the selection."""

    selection: Selection
    ref: BytesRef
    shared: dict[int, int]
    wants: tuple[Ref, ...]
    modules: frozenset[str]


class Depot:
    """What the driver of a run packs and sends. most: bytes of a message. sent: (cache of a worker, name of a content)
    -> how often."""

    def __init__(self, most: int = MOST) -> None:
        self.most = most
        self.sent: Counter[tuple[str, str]] = Counter()
        self._sources: dict[str, Callable[[int], Iterator[Piece]]] = {}
        self._heads: dict[int, _Head] = {}
        self._data: dict[tuple[int, str], tuple[Dataset, DataRef]] = {}

    def pack(self, unit: Unit) -> Parcel:
        """A unit as a parcel of kilobytes. Raises InputError, with its name, for what cannot be sent."""
        head, cases = self._head(unit.selection), Cases.of(unit.cases)
        needed = {id(setting.dataset): setting.fingerprint for setting in cases.distinct("setting")}
        given = cases.distinct("experiment") + list(filter(None, cases.distinct("method")))
        body, refs, modules = self._dump(replace(unit, cases=cases), needed, head.shared, given)
        networks = {id(each): each for side in ("a", "b", "control") for each in cases.distinct(side) if each}
        wants = (*head.wants, *self._files(networks.values()), *filter(_wanted, refs))
        models = {(each.model, each.home(unit.selection.setting)) for each in networks.values()}
        what = f"{len(cases)} cases from {cases[0].name}" if cases else "no cases"
        return Parcel(head.ref, body, tuple(dict.fromkeys(wants)), _installed(head.modules | modules, models), what)

    def pack_training(self, network: Network, setting: Setting, device: str) -> Parcel:
        """A network to train, a placeholder, as a parcel. Raises InputError for what cannot be sent, and for published
        weights, which the driver fetches."""
        home, what = network.home(setting), f"training of {network.name}"
        if network.model.published():
            raise InputError(f"{network.name} has published weights, which the driver fetches; train another network")
        needed = {id(home): network.fingerprint or setting.fingerprint}
        body, refs, modules = self._dump((network, setting, device), needed, {}, [network.model])
        return Parcel(None, body, tuple(filter(_wanted, refs)), _installed(modules, {(network.model, home)}), what)

    def supply(self, missing: Missing) -> Iterator[tuple[Piece, ...]]:
        """The contents that a worker lacks, a message of at most `most` bytes (or of one piece) at a time. A content
        that was sent to the worker's cache is under way and not sent again, unless the worker asks `again`.

        Raises InputError for a content that this depot has not packed, or can no longer read."""
        message: list[Piece] = []
        size = 0
        for name in missing.names:
            if self.sent[missing.cache, name] and not missing.again:
                continue
            if name not in self._sources:
                raise InputError(f"a worker lacks content {name[:17]}, which was not packed here; send its own parcels")
            self.sent[missing.cache, name] += 1
            for piece in self._sources[name](self.most):
                if message and size + len(piece.data) > self.most:
                    yield tuple(message)
                    message, size = [], 0
                message.append(piece)
                size += len(piece.data)
        if message:
            yield tuple(message)

    def _head(self, selection: Selection) -> _Head:
        if id(selection) not in self._heads:
            setting, slim = selection.setting, _sendable(selection)
            networks = (*selection.networks, *selection.controls)
            models = (network.model for network in networks)
            parts = [setting, setting.dataset, *networks, *models, *slim.indices, *slim.stitchers]
            shared = list({id(part): part for part in parts}.values())
            needed = {id(setting.dataset): setting.fingerprint}
            packed, refs, modules = self._dump((slim, shared), needed, {}, shared)
            ref = self._bytes(packed, f"the selection on {setting.dataset.label}")
            others = (each for each in refs if _wanted(each) and not isinstance(each, FileRef))
            wants = (ref, *others, *self._files(selection.networks))
            places = {id(part): place for place, part in enumerate([selection, *shared])}
            self._heads[id(selection)] = _Head(selection, ref, places, wants, frozenset(modules))
        return self._heads[id(selection)]

    def _dump(
        self, value: Any, needed: dict[int, str], shared: dict[int, int], plugins: Iterable[Any]
    ) -> tuple[bytes, list[Ref], set[str]]:
        """needed: id of each data set whose splits are read -> its fingerprint. plugins: one may be to blame."""
        try:
            return pickles.dump(value, partial(self._refer, needed), shared)
        except InputError:
            raise
        except Exception as error:
            for plugin in plugins:
                reason = _why_not(plugin)
                if reason:
                    noun = NOUNS.get(getattr(plugin, "kind", ""), "object")
                    who = getattr(plugin, "spec", type(plugin).__name__)
                    raise InputError(f"{noun} {who} cannot be sent to a worker: {reason}") from error
            raise InputError(f"the work cannot be sent to a worker: {told(error)}") from error

    def _refer(self, needed: dict[int, str], obj: Any) -> Ref | None:
        if isinstance(obj, Dataset):
            return self._dataset(obj, needed.get(id(obj), ""))
        if isinstance(obj, UserFiles):
            data = files.packed(obj)
            sent = self._bytes(data, obj.what)
            return FilesRef(sent.name, sent.size, sent.what)
        if isinstance(obj, (bytes, bytearray)) and len(obj) > LARGE:
            return self._bytes(obj, "an array", isinstance(obj, bytearray))
        if isinstance(obj, pickle.PickleBuffer) and obj.raw().nbytes > LARGE:
            return self._bytes(obj.raw(), "an array", not obj.raw().readonly)
        return None

    def _dataset(self, dataset: Dataset, fingerprint: str) -> DataRef:
        key = (id(dataset), fingerprint)
        if key not in self._data:
            self._data[key] = dataset, datasets.reference(dataset, fingerprint)
            ref = self._data[key][1]
            if ref.name:
                self._sources[ref.name] = partial(sources.of_data, ref, dataset)
        return self._data[key][1]

    def _bytes(self, data: bytes | bytearray | memoryview, what: str, writable: bool = False) -> BytesRef:
        ref = BytesRef(hashlib.sha256(data).hexdigest(), len(data), what, writable)
        self._sources.setdefault(ref.name, partial(sources.of_bytes, ref, data))
        return ref

    def _files(self, networks: Iterable[Network]) -> list[FileRef]:
        refs = [weights.reference(network) for network in networks if network.file != Path()]
        self._sources.update({ref.name: partial(sources.of_file, ref) for ref in refs})
        return refs


def size(parcel: Parcel) -> int:
    """Bytes of a parcel and of all that it wants, which a worker that has nothing is sent."""
    return len(parcel.body) + sum(ref.size for ref in parcel.wants)


def _wanted(ref: Ref) -> bool:
    return bool(ref.name)


def _sendable(selection: Selection) -> Selection:
    """The selection without methods that cannot be sent: cases of them fail by themselves."""
    indices, stitchers = (
        tuple(method for method in methods if not _why_not(method))
        for methods in (selection.indices, selection.stitchers)
    )
    if (indices, stitchers) == (selection.indices, selection.stitchers):
        return selection
    return replace(selection, indices=indices, stitchers=stitchers)


def _why_not(plugin: Any) -> str:
    """Why an object cannot be pickled, or ""."""
    try:
        cloudpickle.dumps(plugin)
    except Exception as error:
        return told(error)
    return ""


def _installed(modules: Iterable[str], models: set[tuple[Model, Dataset]]) -> dict[str, str]:
    """What must be the same on a worker that looks things up in these modules and builds these models."""
    return installed({*modules, *(module for model, home in models for module in built_of(model, home))})
