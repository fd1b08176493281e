"""Architectures: a hash of the network that a model builds, cached so that later runs need not build the network."""

from __future__ import annotations

import contextlib
import sys
import time
from dataclasses import fields, is_dataclass
from functools import cached_property, lru_cache
from importlib import metadata
from pathlib import Path

from simbench.contracts import Dataset, Model
from simbench.errors import InputError
from simbench.system import fatal
from simbench.system.cache import cache_folder
from simbench.system.codes import HOST, Description, local
from simbench.system.distributions import distributions
from simbench.system.provenance import digest, versions
from simbench.system.raised import told
from simbench.system.seals import content_of, put, sealed, stamps, unsealed
from simbench.system.stopwatch import since_start

#: Packages whose versions are part of every cache key.
INSTALLED = ("python", "simbench", "torch", "torchvision", "numpy")


def architecture(model: Model, dataset: Dataset) -> str:
    """sha256 of the graph (`simbench.networks.graphs`) of the network that a model builds for the channels and classes
    of a data set.

    The hash is cached together with hashes of the source files and the versions of the packages that it depends on; as
    long as these are unchanged, neither torch nor the packages of the model need to be imported. Other files that
    `build` reads are not tracked. Raises InputError when the model cannot be built.
    """
    packages = frozenset(cls.__module__.partition(".")[0] for cls in type(model).__mro__) - HOST - {"builtins"}
    lasting = _lasting(model)
    key = digest(
        [
            model.identity,
            dataset.channels,
            dataset.classes,
            str(_file(type(model))),
            _described(type(model), packages),
            [versions().get(name, "") for name in INSTALLED],
        ]
    )
    file = cache_folder("graphs", f"{key}.json")
    if lasting and "torch" not in sys.modules and (known := _known(file)):
        return known
    if not lasting:
        return _built(model, dataset, packages)
    live = digest([key, _described(type(model), packages, lazy=True)])
    built = _built_once(live, model, dataset, packages)
    if _CACHED.get(file) != (built, stamps(file)):
        _put(file, key, built, packages)
    return built


#: File of a hash -> the hash, and the file's stamps: what this process has found there, or written.
_CACHED: dict[Path, tuple[str, tuple[int, ...]]] = {}


def _known(file: Path) -> str | None:
    """The cached hash in a file; its source files are hashed once per process."""
    known = _CACHED.get(file)
    if known is None or known[1] != stamps(file):
        built = cached_hash(file)
        if built is None:
            return None
        known = _CACHED[file] = built, stamps(file)
    return known[0]


def _put(file: Path, key: str, built: str, packages: frozenset[str]) -> None:
    """Cache a hash, unless it is in the file already, or code has changed since the process began."""
    if cached_hash(file) != built:
        sources = _sources(packages)
        if not sources:
            return
        with contextlib.suppress(OSError):  # without a writable cache the hash is computed again next time
            put(file, sealed({"key": key, "graph": built, "sources": sources, "packages": _packages()}))
    _CACHED[file] = built, stamps(file)


def _described(cls: type, packages: frozenset[str], lazy: bool = False) -> list:
    """The code of a class as it is loaded in this process."""
    code = Description(packages, lazy=lazy)
    return [code.of(cls), code.rest()]


@lru_cache(maxsize=256)
def _built_once(live: str, model: Model, dataset: Dataset, packages: frozenset[str]) -> str:
    """live: a hash that changes when code of the model is replaced in this process."""
    return _built(model, dataset, packages)


def _built(model: Model, dataset: Dataset, packages: frozenset[str]) -> str:
    name = f"model {model.spec} cannot be built for {dataset.channels} channels and {dataset.classes} classes of"
    advice = "choose another, or correct its `build`"
    work = ["building", model.identity, dataset.channels, dataset.classes]
    try:
        with fatal.marked(work, _graph, model, dataset, packages):
            return _graph(model, dataset, packages)
    except fatal.Died as died:
        raise InputError(f"{name} {dataset.label} (that {died}); {advice}") from None
    except InputError:
        raise
    except Exception as error:  # a plugin may raise anything
        raise InputError(f"{name} {dataset.label} ({told(error)}); {advice}") from error


def _graph(model: Model, dataset: Dataset, packages: frozenset[str]) -> str:
    import torch

    from simbench.networks.graphs import graph

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        net = model.build(dataset.channels, dataset.classes)
        if not isinstance(net, torch.nn.Module):
            raise InputError(f"model {model.spec}: build returned {type(net).__name__}; a torch.nn.Module is wanted")
        return graph(net, packages)


def _lasting(model: Model) -> bool:
    """True when every process can find the class by its name, and the object has no state but its parameters."""
    cls = type(model)
    known = {f.name for f in fields(model)} if is_dataclass(model) else set()
    cached = {name for name in vars(model) if isinstance(getattr(cls, name, None), cached_property)}
    module = sys.modules.get(cls.__module__)
    return (
        _file(cls) is not None
        and getattr(module, cls.__qualname__, None) is cls
        and not vars(model).keys() - known - cached
    )


def _file(cls: type) -> Path | None:
    """The source file of a class."""
    file = getattr(sys.modules.get(cls.__module__), "__file__", None)
    return Path(file).resolve() if file and Path(file).is_file() else None


def _sources(packages: frozenset[str]) -> dict[str, str]:
    """Source file -> hash of its content, for every loaded module of the model's packages or of code that is not
    installed. Empty when one of the files has changed since the process began: the process may run the old code."""
    began, hashes = time.time() - since_start(), {}
    for name, module in list(sys.modules.items()):
        top = name.partition(".")[0]
        file = getattr(module, "__file__", None)
        if file and (top in packages or local(top)) and Path(file).is_file():
            if Path(file).stat().st_mtime >= began:
                return {}
            hashes[file] = content_of(Path(file))
    return hashes


def _packages() -> dict[str, str]:
    """Distribution -> version, for every installed package that is loaded."""
    loaded = {name.partition(".")[0] for name in sys.modules}
    installed = {name for top, names in distributions().items() if top in loaded for name in names}
    return {name: _version(name) for name in sorted(installed)}


def cached_hash(file: Path) -> str | None:
    """The cached hash in a file, or None where there is none or a source file or package has changed since."""
    entry = unsealed(file, key=str, graph=str, sources=dict, packages=dict)
    if entry is None or entry.get("key") != file.stem:
        return None
    same = all(content_of(Path(name)) == content for name, content in entry["sources"].items()) and all(
        _version(name) == version for name, version in entry["packages"].items()
    )
    return entry["graph"] if same else None


@lru_cache(maxsize=1024)
def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""
