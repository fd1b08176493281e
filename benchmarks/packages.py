"""Packages and published code that simbench is compared with: none is a dependency, and what is absent is left out."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from types import ModuleType

#: Folders below that of the published code whose modules are imported by name.
_IMPORTED = ("resi", "netrep", "svcca", "imd")
_CODE: list[Path] = []


def install(names: Sequence[str]) -> str:
    """Install packages from the registry, without dependencies, into a folder of their own; the reason why not, or
    nothing."""
    folder = tempfile.mkdtemp(prefix="simbench-peers-")
    command = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--only-binary", ":all:", "--target", folder]
    done = subprocess.run([*command, *names], capture_output=True, text=True)
    sys.path.append(folder)
    sys.modules.setdefault("coverage", None)  # numba looks for the package, and would find the script of that name
    return (done.stderr.strip().splitlines() or ["pip failed"])[-1] if done.returncode else ""


def use_code(folder: Path) -> None:
    """Take published code from checkouts in a folder, one per repository, each under the repository's name."""
    _CODE.append(folder)
    sys.path.extend(str(folder / name) for name in _IMPORTED)


@cache
def code(path: str) -> ModuleType:
    """The module in a file of the published code: repository/path. Raises ImportError if it is not there."""
    for folder in _CODE:
        if (folder / path).is_file():
            spec = importlib.util.spec_from_file_location(f"peer_{path.replace('/', '_')[:-3]}", folder / path)
            module = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
            return module
    raise ImportError(f"no {path}")
