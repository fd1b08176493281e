"""Files of weights: what of them travels, and where a worker has them."""

from __future__ import annotations

import hashlib
import json
from functools import cache, lru_cache
from pathlib import Path

from simbench.contracts import Panel
from simbench.contracts.selection import Network
from simbench.errors import InputError
from simbench.runs.parcels import contents
from simbench.runs.parcels.references import FileRef
from simbench.system.seals import content_of, stamps


def reference(network: Network) -> FileRef:
    """The file of a network that has one. Of a panel, the tensors of this network alone travel. Raises InputError for
    a file that is not there."""
    file, what = network.file, f"weights of {network.name}"
    whole = content_of(file)
    if not whole:
        raise InputError(f"{what} cannot be read from {str(file)!r}; put the file back, or run without an executor")
    name, size = _part(file, network.part, *stamps(file)) if network.part else (whole, file.stat().st_size)
    suffix = ".safetensors" if network.part or file.suffix == ".safetensors" else ""
    return FileRef(name + suffix, network.part, whole, str(file.absolute()), size, what)


def part_of(file: Path, part: str) -> bytes:
    """A safetensors file of the tensors whose names begin with `part`, as they are in another one."""
    with open(file, "rb") as opened:
        length = int.from_bytes(opened.read(8), "little")
        header = json.loads(opened.read(length))
        told, blocks, at = {}, [], 0
        mine = [(name, each) for name, each in header.items() if name.startswith(part) and name != "__metadata__"]
        for name, each in sorted(mine, key=lambda item: item[1]["data_offsets"]):
            start, end = each["data_offsets"]
            opened.seek(8 + length + start)
            blocks.append(opened.read(end - start))
            told[name] = each | {"data_offsets": [at, at + end - start]}
            at += end - start
    text = json.dumps(told, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return b"".join([len(text).to_bytes(8, "little"), text, *blocks])


@lru_cache(maxsize=4096)
def _part(file: Path, part: str, *_: int) -> tuple[str, int]:
    """sha256 and bytes of a part of a file, computed once as long as the file stays as it is."""
    data = part_of(file, part)
    return hashlib.sha256(data).hexdigest(), len(data)


def found(ref: FileRef) -> Path | None:
    """The file of a reference on this machine: in the cache, in an installed panel, or where the driver has it; None
    where it is nowhere."""
    if contents.held(ref.name):
        return contents.place(ref.name)
    if ref.whole in _panels():
        return _panels()[ref.whole]
    there = Path(ref.path)
    return there if content_of(there) == ref.whole else None


@cache
def _panels() -> dict[str, Path]:
    """sha256 -> file of every panel that an installed package holds."""
    from simbench.registry import load

    provided: list[Panel] = [entry.plugin for entry in load().entries["panels"].values()]
    return {panel.sha256: panel.file for panel in provided if panel.file and content_of(panel.file) == panel.sha256}
