"""Families: an entry point that names a package stands for every module of the package that implements a hook."""

from __future__ import annotations

import ast
import importlib
from collections.abc import Callable
from functools import lru_cache, partial
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from pathlib import Path

from simbench.system.surroundings import abroad

#: Names of the hooks (`simbench.hookspecs`).
HOOKS = tuple(
    f"simbench_{kind}"
    for kind in ("indices", "stitchers", "models", "datasets", "experiments", "panels", "sources", "executors")
)


def members(point: EntryPoint) -> list[tuple[str, Callable[[], object]]]:
    """(name, function that loads it) of the plugins behind an entry point.

    A package whose own `__init__` has no hooks gives one plugin per module that implements hooks, under the name
    of the module, so that a module that cannot be imported does not take the others with it. Modules are found by
    their source text; those without hooks, which may import torch, are not imported. Anything else is one plugin
    under the name of the entry point.
    """
    try:
        with abroad():  # the packages around it are imported
            spec = None if point.attr else find_spec(point.module)
    except Exception:  # raised again, and reported by name, when the entry point is loaded
        spec = None
    if spec is None or not spec.submodule_search_locations or _has_hooks_of_its_own(Path(spec.origin or "")):
        return [(point.name, point.load)]
    files = sorted(file for folder in spec.submodule_search_locations for file in Path(folder).glob("*.py"))
    names = [file.stem for file in files if file.stem != "__init__" and has_hooks(file)]
    loads = [(name, partial(importlib.import_module, f"{point.module}.{name}")) for name in names]
    return loads or [(point.name, point.load)]


def elsewhere(name: str) -> str:
    """How to get a plugin that is not installed, where an installed package says so, or "".

    A package names plugins of others as entry points of the group `simbench.elsewhere`: the name of the plugin, and the
    module of the distribution that has it.
    """
    places = {point.module.replace("_", "-") for point in entry_points(group="simbench.elsewhere", name=name)}
    return f"{name} comes with a package of its own: pip install {' or '.join(sorted(places))}" if places else ""


def has_hooks(file: Path) -> bool:
    """True for a source file with a function under `@hookimpl`, and for one that cannot be read as Python."""
    text = _read(file)
    return text is None or _defines(text)


def _has_hooks_of_its_own(file: Path) -> bool:
    """True for an `__init__` that defines hooks, or imports them from elsewhere."""
    text = _read(file)
    return text is None or _defines(text) or _imports(text)


def _read(file: Path) -> bytes | None:
    try:
        return file.read_bytes()
    except OSError:
        return None


@lru_cache(maxsize=1024)
def _defines(text: bytes) -> bool:
    """Of a source text, parsed once per process."""
    tree = _parsed(text)
    return tree is None or any(
        ast.unparse(mark).partition("(")[0].rpartition(".")[2] == "hookimpl"
        for node in tree.body
        if isinstance(node, ast.FunctionDef)
        for mark in node.decorator_list
    )


@lru_cache(maxsize=64)
def _imports(text: bytes) -> bool:
    tree = _parsed(text)
    names = {
        alias.asname or alias.name
        for node in (tree.body if tree else ())
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    return not names.isdisjoint({*HOOKS, "*"})


def _parsed(text: bytes) -> ast.Module | None:
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError):
        return None
