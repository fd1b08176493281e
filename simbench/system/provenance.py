"""Identity of data and provenance of runs: canonical text, content hashes, versions, commit and machine."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
import subprocess
from functools import cache
from importlib import metadata
from pathlib import Path

from simbench.system.hardware import physical

_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False, ensure_ascii=False)


def canonical(data) -> str:
    """The one JSON text of plain data: sorted keys, no spaces, finite numbers only."""
    return _CANONICAL.encode(data)


def digest(data) -> str:
    """sha256 of bytes, or of the canonical text of plain data, as 64 hexadecimal digits."""
    return hashlib.sha256(data if isinstance(data, bytes) else canonical(data).encode()).hexdigest()


@cache
def versions() -> dict[str, str]:
    """Installed versions of the packages that can affect results, read without importing them."""
    names = ("simbench", "torch", "torchvision", "numpy", "scipy", "pandas", "scikit-learn")
    installed = {}
    for name in names:
        try:
            installed[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return {"python": platform.python_version(), **installed}


def commit(folder: Path) -> str:
    """The git commit of `folder`, followed by `+` when files are modified; empty when git does not track it."""
    if shutil.which("git") is None:
        return ""

    def git(*words: str) -> str:
        process = subprocess.run(["git", *words], cwd=folder, capture_output=True, text=True)
        return process.stdout.strip() if process.returncode == 0 else ""

    head = git("rev-parse", "HEAD") if git("ls-files", ".") else ""
    return head + ("+" if head and git("status", "--porcelain", "--untracked-files=no") else "")


@cache
def machine() -> dict[str, str]:
    """The hardware class: processor, cores and memory, without names that identify the machine."""
    processor = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        named = [
            line.split(":", 1)[1].strip() for line in cpuinfo.read_text().splitlines() if line.startswith("model name")
        ]
        processor = named[0] if named else processor
    memory = f"{physical() / 2**30:.0f} GiB" if physical() else ""
    return {"system": platform.system(), "processor": processor, "cores": str(os.cpu_count()), "memory": memory}
