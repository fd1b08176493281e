"""Python files of the user that models read: one content on the way, and files again on a worker."""

from __future__ import annotations

import os
import pickle
from dataclasses import dataclass
from pathlib import Path

from simbench.runs.parcels import contents
from simbench.runs.parcels.references import FilesRef
from simbench.system import atomic
from simbench.system.provenance import digest
from simbench.system.seals import content_of


@dataclass(frozen=True, eq=False)
class UserFiles:
    """What stands for the files of a model in a pickle. what: for people."""

    paths: tuple[Path, ...]
    what: str


def packed(files: UserFiles) -> bytes:
    """Names, below the folder that all files share, and bytes of files, in their order."""
    paths = [path.absolute() for path in files.paths]
    top = os.path.commonpath([path.parent for path in paths])
    return pickle.dumps([(path.relative_to(top).parts, path.read_bytes()) for path in paths])


def unpacked(ref: FilesRef) -> tuple[Path, ...]:
    """The files in a folder of the cache, where processes of one machine share them."""
    paths = []
    for parts, data in pickle.loads(contents.read(ref.name)):
        path = contents.place(ref.name).with_name(f"{ref.name}.files").joinpath(*parts)
        if content_of(path) != digest(data):
            atomic.write(path, data)
        paths.append(path)
    return tuple(paths)
