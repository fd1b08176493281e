"""Contents: bytes under their sha256, sent by the driver in pieces and kept in the cache folder of a worker."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import tempfile
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from simbench.errors import InputError
from simbench.system import atomic
from simbench.system.cache import cache_folder
from simbench.system.provenance import digest
from simbench.system.seals import content_of, put, sealed, unsealed, unsealed_text

#: Most bytes of a piece, and of the pieces that travel in one message.
MOST = 2**28
#: What a content is called: its sha256, with the suffix of files whose format their name says; or for the list of the
#: arrays of a data set, which has its own checksum, a hash of the fingerprint.
NAME = re.compile(r"(data-)?[0-9a-f]{64}(\.safetensors)?")
LIST = "data-"


@dataclass(frozen=True)
class Piece:
    """Bytes of a content from `start` on. name: sha256 of the whole content, with a suffix. size: of the whole.
    what: for people, such as `weights of tiny10-3`."""

    name: str
    size: int
    start: int
    data: bytes = field(repr=False)
    what: str = ""


def place(name: str) -> Path:
    """Where the content of a name lies in this cache folder, if it is there. Raises InputError for what is no name."""
    if not NAME.fullmatch(name):
        raise InputError(f"{name[:80]!r} is no name of a content; a sha256 is wanted")
    return cache_folder("parcels", name)


def held(name: str) -> bool:
    """Whether this cache holds a content undamaged. Its file is read once in a process."""
    if name.startswith(LIST):
        return unsealed(place(name)) is not None
    return content_of(place(name)) == name[:64]


def read(name: str) -> bytes:
    """The bytes of a content of this cache."""
    return place(name).read_bytes()


def keep(pieces: Iterable[Piece]) -> None:
    """Put pieces into this cache. A content appears when all of its pieces are there, whichever processes of this
    machine they reached. Raises InputError for bytes that do not fit the name, which are not kept."""
    for piece in pieces:
        if not held(piece.name):
            (_whole if len(piece.data) == piece.size else _part)(piece)


def _whole(piece: Piece) -> None:
    if piece.name.startswith(LIST):
        told = unsealed_text(piece.data) or {}
        right = LIST + digest(str(told.get("fingerprint")).encode()) == piece.name
    else:
        right = hashlib.sha256(piece.data).hexdigest() == piece.name[:64]
    if not right:
        raise _refusal(piece)
    put(place(piece.name), piece.data, flush=False)  # it is checked when it is read


def _part(piece: Piece) -> None:
    """Keep one of several pieces; the last one that arrives makes the content."""
    if not 0 <= piece.start <= piece.start + len(piece.data) <= piece.size:
        raise _refusal(piece)
    folder = place(piece.name).with_name(f"{piece.name}.pieces")
    atomic.write(folder / f"{piece.start:020}", piece.data, flush=False)
    parts = sorted(folder.glob("[0-9]*"))
    if sum(part.stat().st_size for part in parts) < piece.size:
        return
    handle, temporary = tempfile.mkstemp(prefix=".tmp-", dir=folder.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            for part in parts:
                with open(part, "rb") as opened:
                    shutil.copyfileobj(opened, file, 2**24)
        if content_of(Path(temporary)) != piece.name[:64]:
            raise _refusal(piece)
        os.replace(temporary, place(piece.name))
    except FileNotFoundError:  # another process has made it, and removed the pieces
        if not held(piece.name):
            raise
    finally:
        Path(temporary).unlink(missing_ok=True)
        shutil.rmtree(folder, ignore_errors=True)


def _refusal(piece: Piece) -> InputError:
    return InputError(
        f"{piece.what or 'a content'} arrived with other bytes than its hash {piece.name[:12]} says and is refused; "
        "run the command again, and look at the network and the disks if this repeats"
    )


def cache_name() -> str:
    """A name of this cache folder, which all processes that use it share."""
    file = cache_folder("parcels", "name.json")
    known = unsealed(file)
    if known is None:
        with contextlib.suppress(OSError):  # it has one by now, or the disk has no links
            file.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile("w", dir=file.parent, prefix=".tmp-") as new:
                new.write(sealed({"name": uuid.uuid4().hex}))
                new.flush()
                os.link(new.name, file)  # never replaces the name that another process has given
        known = unsealed(file)
    return known["name"] if known else f"unnamed-{os.getpid()}"
