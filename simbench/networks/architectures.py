"""Architectures: a hash of what a model builds, remembered so that it is known without building it."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from functools import cached_property, lru_cache
from importlib import metadata
from pathlib import Path

from simbench.contracts import Dataset, Model
from simbench.errors import InputError
from simbench.system.cache import cache_folder
from simbench.system.codes import HOST, Description, local
from simbench.system.provenance import digest, versions
from simbench.system.seals import content_of, put, sealed, unsealed
from simbench.system.stopwatch import since_start

#: Packages whose versions are asked for in every memory.
INSTALLED = ("python", "simbench", "torch", "torchvision", "numpy")


def architecture(model: Model, dataset: Dataset) -> str:
    """sha256 of the graph (`simbench.networks.graphs`) of the network that a model builds for the channels and classes
    of a data set.

    Remembered in the cache folder with the contents of the source files and the versions of the packages it rests on;
    where these are the same, neither torch nor the model's own packages are imported. Files that `build` reads apart
    from its source are not seen. Raises InputError when the model cannot be built.
    """
    home = frozenset(cls.__module__.partition(".")[0] for cls in type(model).__mro__) - HOST - {"builtins"}
    lasting = _lasting(model)
    key = digest(
        [
            model.identity,
            dataset.channels,
            dataset.classes,
            str(_file(type(model))),
            _described(type(model), home),
            [versions().get(name, "") for name in INSTALLED],
        ]
    )
    file = cache_folder("graphs", f"{key}.json")
    known = remembered(file) if lasting else None
    if known and "torch" not in sys.modules:
        return known
    if not lasting:
        return _built(model, dataset, home)
    live = digest([key, _described(type(model), home, lazy=True)])
    found = _built_once(live, model, dataset, home)
    sources = {} if known == found else _sources(home)
    if sources:
        with contextlib.suppress(OSError):  # a cache that cannot be written to remembers nothing
            put(file, sealed({"key": key, "graph": found, "sources": sources, "packages": _packages()}))
    return found


def _described(cls: type, home: frozenset[str], lazy: bool = False) -> list:
    """The code of a class as it is in this process."""
    code = Description(home, lazy=lazy)
    return [code.of(cls), code.rest()]


@lru_cache(maxsize=256)
def _built_once(live: str, model: Model, dataset: Dataset, home: frozenset[str]) -> str:
    """live: changes when the code in this process is exchanged."""
    return _built(model, dataset, home)


def _built(model: Model, dataset: Dataset, home: frozenset[str]) -> str:
    import torch

    from simbench.networks.graphs import graph

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        try:
            net = model.build(dataset.channels, dataset.classes)
        except InputError:
            raise
        except Exception as error:  # the plugin's own
            reason = " ".join(f"{type(error).__name__}: {error}".split())
            raise InputError(
                f"model {model.spec} cannot be built for {dataset.channels} channels and "
                f"{dataset.classes} classes of {dataset.label} ({reason}); choose another, or mend its "
                "`build`"
            ) from error
        return graph(net, home)


def _lasting(model: Model) -> bool:
    """True when the class is there by its name in every process, and its parameters say all of the object."""
    cls = type(model)
    known = {f.name for f in fields(model)} if is_dataclass(model) else set()
    remembered = {name for name in vars(model) if isinstance(getattr(cls, name, None), cached_property)}
    module = sys.modules.get(cls.__module__)
    return (
        _file(cls) is not None
        and getattr(module, cls.__qualname__, None) is cls
        and not vars(model).keys() - known - remembered
    )


def _file(cls: type) -> Path | None:
    """The source file of a class."""
    file = getattr(sys.modules.get(cls.__module__), "__file__", None)
    return Path(file).resolve() if file and Path(file).is_file() else None


def _sources(home: frozenset[str]) -> dict[str, str]:
    """Source file -> hash of its content, of every module loaded that belongs to the model's packages or is not
    installed; empty when one has been written to since this process began, which may run what stood there before."""
    began, found = time.time() - since_start(), {}
    for name, module in list(sys.modules.items()):
        top = name.partition(".")[0]
        file = getattr(module, "__file__", None)
        if file and (top in home or local(top)) and Path(file).is_file():
            if Path(file).stat().st_mtime >= began:
                return {}
            found[file] = content_of(Path(file))
    return found


def _packages() -> dict[str, str]:
    """Distribution -> version, of every installed package that is loaded."""
    loaded = {name.partition(".")[0] for name in sys.modules}
    names = {name for top, found in _distributions(tuple(sys.path)).items() if top in loaded for name in found}
    return {name: _version(name) for name in sorted(names)}


@lru_cache(maxsize=4)
def _distributions(path: tuple[str, ...]) -> Mapping[str, list[str]]:
    """Top-level package -> distributions of it that are installed along sys.path, read once per process and path."""
    return metadata.packages_distributions()


def remembered(file: Path) -> str | None:
    """The hash that is kept under a key, None where none is, or what it rests on has changed."""
    known = unsealed(file)
    if known is None or known.get("key") != file.stem:
        return None
    same = all(content_of(Path(name)) == content for name, content in known["sources"].items()) and all(
        _version(name) == version for name, version in known["packages"].items()
    )
    return known["graph"] if same else None


@lru_cache(maxsize=1024)
def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""
