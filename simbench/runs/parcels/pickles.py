"""Pickles of work: objects, with references in place of files, large arrays and data sets."""

from __future__ import annotations

import io
import pickle
import sys
import threading
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache, cached_property
from importlib import metadata
from pathlib import Path
from typing import Any

import cloudpickle

from simbench.contracts import Dataset
from simbench.contracts.case import Case
from simbench.contracts.selection import Network
from simbench.runs.parcels import weights
from simbench.runs.parcels.references import FileRef, Ref

_registering = threading.RLock()  # a pickle may hold pickles


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
            self.modules.add(getattr(obj, "__module__", None) or "")
        elif isinstance(obj, Case):
            return blank, (Case,), _case(obj)
        elif isinstance(obj, Network):
            return blank, (Network,), _network(obj)
        elif isinstance(obj, Dataset) and _plain(type(obj)):
            return blank, (type(obj),), parameters(obj)
        return super().reducer_override(obj)


class Unpickler(pickle.Unpickler):
    """resolve(reference): the object that it stands for; each is resolved once."""

    def __init__(self, blob: bytes, shared: Sequence[Any], refs: Sequence[Ref], resolve: Callable[[Ref], Any]) -> None:
        super().__init__(io.BytesIO(blob))
        self._shared, self._refs, self._resolve = shared, refs, resolve
        self._resolved: dict[int, Any] = {}

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
    with _by_value():
        pickler = Pickler(file, shared, refer)
        pickler.dump(value)
    return pickle.dumps((pickler.refs, file.getvalue())), pickler.refs, pickler.modules


def load(packed: bytes, resolve: Callable[[Ref], Any], shared: Sequence[Any] = ()) -> Any:
    """The value of a pickle that `dump` made."""
    refs, blob = pickle.loads(packed)
    return Unpickler(blob, shared, refs, resolve).load()


def blank(cls: type) -> Any:
    """An object without attributes, which the pickle adds."""
    return object.__new__(cls)


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


@contextmanager
def _by_value() -> Iterator[None]:
    """Inside, classes and functions of modules that no installed package provides are pickled with their code."""
    with _registering:
        before = set(cloudpickle.list_registry_pickle_by_value())
        own = [
            module
            for name, module in list(sys.modules.items())
            if isinstance(module, types.ModuleType)
            and module.__name__ == name
            and name not in before
            and name != "__main__"
            and getattr(module, "__file__", None)
            and distribution(name) is None
        ]
        for module in own:
            cloudpickle.register_pickle_by_value(module)
        try:
            yield
        finally:
            for module in own:
                cloudpickle.unregister_pickle_by_value(module)


def distribution(module: str) -> str | None:
    """The installed package that provides a module; "" for Python itself, None for a file of the user."""
    return _provider(module.partition(".")[0])


@cache
def _provider(top: str) -> str | None:
    if top in sys.stdlib_module_names or top in sys.builtin_module_names:
        return ""
    found = _distributions(tuple(sys.path)).get(top)
    if found:
        return found[0]
    file = str(getattr(sys.modules.get(top), "__file__", None) or "")
    return "" if "site-packages" in file or "dist-packages" in file else None


@cache
def _distributions(path: tuple[str, ...]) -> Mapping[str, list[str]]:
    return metadata.packages_distributions()
