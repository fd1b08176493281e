"""Pickles of work: objects, with references in place of files, large arrays and data sets."""

from __future__ import annotations

import copyreg
import dataclasses
import io
import pickle
import types
import weakref
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import cloudpickle

from simbench.contracts import Dataset, Model
from simbench.contracts.case import Case
from simbench.contracts.selection import Network
from simbench.runs.parcels import weights
from simbench.runs.parcels.files import UserFiles
from simbench.runs.parcels.modules import by_value
from simbench.runs.parcels.references import FileRef, Ref

#: Classes that this process has pickled: they are what they are, whatever a pickle of them says.
_at_home: weakref.WeakSet[type] = weakref.WeakSet()


class Pickler(cloudpickle.Pickler):
    """shared: id of an object -> its place among the objects that the reader has already. refer(object): a reference to
    put in its place, or None; what it raises ends the pickle. modules: of everything that is found by its name."""

    def __init__(self, file: io.BytesIO, shared: Mapping[int, int], refer: Callable[[Any], Ref | None]) -> None:
        super().__init__(file, protocol=5)
        self._shared, self._refer = shared, refer
        self._places: dict[int, int] = {}
        self._alive: list[Any] = []  # so that no id is used twice
        self.refs: list[Ref] = []
        self.modules: set[str] = set()

    def persistent_id(self, obj: Any) -> tuple[str, int] | int | None:
        if id(obj) in self._shared:
            return "shared", self._shared[id(obj)]
        if id(obj) in self._places:
            return self._places[id(obj)]
        ref = obj if isinstance(obj, FileRef) else self._refer(obj)
        if ref is None:
            return None
        if ref not in self.refs:
            self.refs.append(ref)
        self._alive.append(obj)
        self._places[id(obj)] = self.refs.index(ref)
        return self._places[id(obj)]

    def reducer_override(self, obj: Any) -> Any:
        if isinstance(obj, (type, types.FunctionType, types.BuiltinFunctionType)):
            if isinstance(obj, type):
                _at_home.add(obj)
            self.modules.add(getattr(obj, "__module__", None) or "")
        elif isinstance(obj, Case):
            return blank, (Case,), _case(obj)
        elif isinstance(obj, Network):
            return blank, (Network,), _network(obj)
        elif isinstance(obj, Model) and obj.files:
            return blank, (type(obj),), vars(obj) | {"files": UserFiles(obj.files, f"files of {obj.name}")}
        elif isinstance(obj, Dataset) and _plain(type(obj)):
            return blank, (type(obj),), parameters(obj)
        return super().reducer_override(obj)


class Unpickler(pickle.Unpickler):
    """resolve(reference): the object that it stands for; each is resolved once."""

    def __init__(self, blob: bytes, shared: Sequence[Any], refs: Sequence[Ref], resolve: Callable[[Ref], Any]) -> None:
        super().__init__(io.BytesIO(blob))
        self._shared, self._refs, self._resolve = shared, refs, resolve
        self._resolved: dict[int, Any] = {}

    def find_class(self, module: str, name: str) -> Any:
        found = super().find_class(module, name)
        return partial(_set, found) if name == "_class_setstate" else found

    def persistent_load(self, pid: tuple[str, int] | int) -> Any:
        if isinstance(pid, tuple):
            return self._shared[pid[1]]
        if pid not in self._resolved:
            self._resolved[pid] = self._resolve(self._refs[pid])
        return self._resolved[pid]


def dump(
    value: Any, refer: Callable[[Any], Ref | None], shared: Mapping[int, int] = types.MappingProxyType({})
) -> tuple[bytes, list[Ref], set[str]]:
    """A pickle of a value, the references in it, and the modules in which its reader looks things up."""
    file = io.BytesIO()
    with by_value():
        pickler = Pickler(file, shared, refer)
        pickler.dump(value)
    return pickle.dumps((pickler.refs, file.getvalue())), pickler.refs, pickler.modules


def load(packed: bytes, resolve: Callable[[Ref], Any], shared: Sequence[Any] = ()) -> Any:
    """The value of a pickle that `dump` made."""
    refs, blob = pickle.loads(packed)
    return Unpickler(blob, shared, refs, resolve).load()


def _marker(value: object) -> str:
    """The name of a marker in dataclasses."""
    return next(name for name, own in vars(dataclasses).items() if own is value)


for _value in (dataclasses.MISSING, dataclasses.KW_ONLY, dataclasses._FIELD, dataclasses._HAS_DEFAULT_FACTORY):  # type: ignore[attr-defined]
    copyreg.pickle(type(_value), _marker)  # in a class that is pickled by value; they are compared by identity


def blank(cls: type) -> Any:
    """An object without attributes, which the pickle adds."""
    return object.__new__(cls)


def _set(setter: Callable[[type, Any], type], cls: type, state: Any) -> type:
    """cloudpickle's way to fill a class that was pickled by value, but for classes at home here."""
    return cls if cls in _at_home else setter(cls, state)


def _case(case: Case) -> dict[str, Any]:
    """The attributes of a case, with its key, on which its seed rests, and without its long identity."""
    case.key  # noqa: B018 (it is computed)
    return {name: value for name, value in vars(case).items() if name != "identity"}


def _network(network: Network) -> dict[str, Any]:
    """The attributes of a network, with what it is known by and a reference for its file."""
    known = {name: getattr(network, name) for name in ("name", "identity", "content")}
    file = network.file if network.file == Path() else weights.reference(network)
    return vars(network) | known | {"file": file}


def parameters(dataset: Dataset) -> dict[str, Any]:
    """The attributes of a data set without what it computed, which may be all its data, or paths of this machine."""
    cls = type(dataset)
    return {
        name: value
        for name, value in vars(dataset).items()
        if not isinstance(getattr(cls, name, None), cached_property)
    }


def _plain(cls: type) -> bool:
    """Whether a class leaves it to Python how its objects are pickled."""
    return all(getattr(cls, name) is getattr(object, name) for name in ("__reduce__", "__reduce_ex__", "__getstate__"))
