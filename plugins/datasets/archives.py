"""Archives of published data sets: downloaded by torchvision, verified, and unpacked again if files are damaged.

In all functions, `data` is a `simbench_plugins.datasets.published.Published` and `original` its class in
torchvision.datasets.
"""

from __future__ import annotations

import contextlib
import shutil
import socket
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from simbench import InputError
from simbench.system.aside import make_way
from simbench.system.seals import content_of


class Archive(NamedTuple):
    """A published file. file: path at which torchvision looks for it. url: its source. md5: hash of its content."""

    file: Path
    url: str
    md5: str

    def intact(self) -> bool:
        from torchvision.datasets.utils import check_integrity

        return check_integrity(self.file, self.md5)


def mend(data: Any, original: Any, folder: Path) -> None:
    """Unpack again the files that differ from their first content or from their archive. Without an archive, remove
    them, so that they are downloaded again."""
    home, known = folder / data.unpacked, data.known()
    contents = known["contents"] if known is not None else {}
    archives = data.archives(original, folder)
    packed = {archive.file.name for archive in archives}
    broken = [
        name
        for name, content in contents.items()
        if name not in packed and (home / name).exists() and content_of(home / name) != content
    ]
    if not broken and (contents or not data.unverified(archives)):
        return
    intact = [archive for archive in archives if archive.intact()]
    temporary = folder / f".unpacking-{uuid.uuid4().hex}"
    try:
        for archive in intact:
            data.unpack(archive, temporary)
        fresh = {file.name: file for file in (temporary / data.unpacked).glob("*")}
        broken += [
            name
            for name, file in fresh.items()
            if not contents and (home / name).exists() and content_of(home / name) != content_of(file)
        ]
        for name in sorted(set(broken)):
            source = (
                f"unpacked again from {', '.join(archive.file.name for archive in intact)}"
                if name in fresh
                else "fetched again"
            )
            print(f"simbench: {home / name} is damaged; it is {source}", file=sys.stderr)
            make_way(home / name)
            if name in fresh:
                fresh[name].replace(home / name)
            else:
                (home / name).unlink(missing_ok=True)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


@contextlib.contextmanager
def fetching(data: Any, folder: Path) -> Iterator[Any]:
    """torchvision's class, with a timeout of `data.patience` seconds for new connections. Its exceptions become an
    InputError of one line."""
    from torchvision import datasets

    original = getattr(datasets, data.original)
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(data.patience)
    try:
        yield original
    except Exception as error:  # network, proxy, disk, archive: each library below raises its own
        raise _unavailable(data, data.archives(original, folder), error) from error
    finally:
        socket.setdefaulttimeout(before)


def _unavailable(data: Any, archives: list[Archive], error: Exception) -> InputError:
    """The error, in one line: what was tried, why it failed and what to do."""
    home = archives[0].file.parent
    reason = " ".join(f"{type(error).__name__}: {error}".split())
    if data.unverified(archives):
        return InputError(
            f"{data.name}: the unpacked files in {home} are broken ({reason}); remove them, and they are "
            "unpacked or fetched anew"
        )
    unusable = [archive for archive in archives if not archive.intact()]
    broken = [archive.file.name for archive in unusable if archive.file.exists()]
    state = f"the {broken[0]} in {home} is broken or incomplete" if broken else f"no usable copy is in {home}"
    wanted = unusable or archives
    by_hand = ", ".join(f"{archive.file.name} (md5 {archive.md5})" for archive in wanted)
    return InputError(
        f"{data.name}: {state}, and fetching {wanted[0].url} failed ({reason}); put {by_hand} there by "
        f"hand{data.otherwise}"
    )
