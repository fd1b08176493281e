"""Plugins that killed the process which loaded them: known by the mark that it left, and tried in another process."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from simbench.system.cache import cache_folder
from simbench.system.provenance import digest
from simbench.system.started import Started
from simbench.system.trial import death

#: Seconds that a plugin may take to load where it is tried.
PATIENCE = 120
#: What the other process runs: it loads one plugin of an owner as this one would.
_TRIAL = "import sys; from simbench.registry.loading import attempt; attempt(*sys.argv[1:])"


class Deaths:
    """Marks of the plugin that this process is loading, in the cache folder, and what the marks of dead processes say.

    A process may also have been killed from outside while it loaded a plugin: the next one tries that plugin in another
    process, and believes what happens there. Where nothing can be written there are no marks.
    """

    def __init__(self) -> None:
        self._started = Started(cache_folder())
        self._left: dict[str, Path] = {}
        with contextlib.suppress(OSError):
            self._left = self._started.left()
        self._works = True

    def of(self, name: str, owner: str) -> str:
        """Why a plugin is not to be loaded in this process, or ""."""
        mark = self._left.get(_key(name, owner))
        if mark is None:
            return ""
        reason = death(_TRIAL, name, owner, patience=PATIENCE)
        if reason:
            return f"loading it {reason}; uninstall it, or install another version"
        with contextlib.suppress(OSError):
            mark.unlink(missing_ok=True)
        return ""

    @contextlib.contextmanager
    def loading(self, name: str, owner: str) -> Iterator[None]:
        """Mark a plugin as being loaded inside."""
        try:
            if self._works:
                self._started.begin(_key(name, owner))
        except OSError:
            self._works = False
        yield  # the next mark is written over this one, and `close` removes it

    def close(self) -> None:
        """All are loaded."""
        with contextlib.suppress(OSError):
            self._started.close()


def _key(name: str, owner: str) -> str:
    return digest(["plugin", name, owner])
