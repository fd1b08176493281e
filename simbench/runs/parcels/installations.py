"""Installations: what of Python, simbench and its packages can change a number or a pickle, here and on a worker."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterable, Mapping
from functools import cache, lru_cache
from importlib import metadata, util
from pathlib import Path

from simbench.contracts import Dataset, Model
from simbench.runs.parcels.modules import distribution
from simbench.system.surroundings import abroad

#: Packages that every number or pickle rests on.
ALWAYS = ("simbench", "torch", "numpy", "scipy", "cloudpickle")
#: What stands for a package that is not installed.
ABSENT = "not installed"


def installation(packages: Iterable[str] = ()) -> dict[str, str]:
    """Part -> version of this process: Python without its patch level, `ALWAYS`, and the named packages; and for
    simbench and every package of plugins among them `code of NAME`, a hash of its Python files.

    Versions are without their local part (`+cpu`): builds of torch for other devices are one version.
    """
    versions = {"python": f"{sys.version_info.major}.{sys.version_info.minor}"}
    for name in dict.fromkeys((*ALWAYS, *sorted(packages))):
        versions[name] = _version(name)
        if versions[name] != ABSENT:
            versions |= _codes(name)
    return versions


def installed(modules: Iterable[str]) -> dict[str, str]:
    """The installation of this process, with the packages that provide some modules, and of packages of plugins those
    that they require: another version of them may give other numbers."""
    packages = {distribution(module) for module in modules} - {"", None}
    return dict(_installation(frozenset(packages.union(*map(_required, packages)))))


@cache
def _installation(packages: frozenset[str]) -> dict[str, str]:
    return installation(packages)


def built_of(model: Model, dataset: Dataset) -> frozenset[str]:
    """Modules of the parts of the network that a model builds for a data set: those of torchvision, say."""
    return _built(model, dataset.channels, dataset.classes)


@lru_cache(maxsize=1024)
def _built(model: Model, channels: int, classes: int) -> frozenset[str]:
    import torch

    try:
        with abroad(), torch.random.fork_rng(devices=[]):
            return frozenset(type(module).__module__ for module in model.build(channels, classes).modules())
    except Exception:  # the cases of it say so
        return frozenset()


def difference(mine: Mapping[str, str], theirs: Mapping[str, str]) -> list[str]:
    """A line for each part of an installation that another one has otherwise; parts that only theirs has do not count.

    >>> difference({"torch": "2.11.0", "numpy": "2.1"}, {"torch": "2.12.0", "numpy": "2.1", "timm": "1.0"})
    ['torch is 2.11.0 here and 2.12.0 on the worker; install the same']
    >>> difference({"timm": "1.0.9"}, {"timm": "not installed"})
    ['timm is 1.0.9 here and not installed on the worker; install the same']
    """
    return [
        f"{part} is {told} here and {theirs.get(part, ABSENT)} on the worker; install the same"
        for part, told in mine.items()
        if theirs.get(part, ABSENT) != told
    ]


def packages_of(installed: Mapping[str, str]) -> list[str]:
    """The packages that an installation tells of."""
    return [part for part in installed if part != "python" and not part.startswith("code of ")]


@cache
def _required(package: str) -> set[str]:
    """The installed packages that a package of plugins other than simbench requires."""
    if package not in _plugin_packages() or package == "simbench":
        return set()
    names = {_word(line) for line in metadata.requires(package) or () if "extra ==" not in line}
    return {name for name in names if _version(name) != ABSENT}


def _word(requirement: str) -> str:
    """The name of a requirement such as `numpy>=2.0`."""
    end = next((at for at, letter in enumerate(requirement) if not (letter.isalnum() or letter in "-_.")), None)
    return requirement[:end]


@cache
def _version(name: str) -> str:
    try:
        return metadata.version(name).partition("+")[0]
    except metadata.PackageNotFoundError:
        return ABSENT


@cache
def _plugin_packages() -> frozenset[str]:
    return frozenset(point.dist.name for point in metadata.entry_points(group="simbench") if point.dist)


@cache
def _codes(package: str) -> dict[str, str]:
    """Hash of the Python files of a package of plugins, by the name of each module that its entry points lead to."""
    if package not in _plugin_packages():
        return {}
    points = metadata.distribution(package).entry_points.select(group="simbench")
    tops = {point.module.partition(".")[0] for point in points} | ({"simbench"} if package == "simbench" else set())
    return {f"code of {top}": code(top) for top in sorted(tops)}


def code(top: str) -> str:
    """Hash of names and bytes of the Python files of a top-level package or module."""
    spec = util.find_spec(top)
    if spec is None:
        return ABSENT
    folders = [Path(folder) for folder in spec.submodule_search_locations or ()]
    files = [(file.relative_to(folder), file) for folder in folders for file in folder.rglob("*.py")]
    files = files or [(Path(Path(spec.origin).name), Path(spec.origin))]
    modules = {name.as_posix(): file for name, file in files if all(map(str.isidentifier, name.parts[:-1]))}
    sha = hashlib.sha256()
    for name, file in sorted(modules.items()):
        data = file.read_bytes()
        sha.update(f"{name} {len(data)} ".encode())
        sha.update(data)
    return sha.hexdigest()[:12]
