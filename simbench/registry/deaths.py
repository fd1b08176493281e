"""Plugins that killed the process which loaded them: known by the mark that it left, and tried in another process."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from simbench.results.started import Started
from simbench.system.cache import cache_folder
from simbench.system.provenance import digest

#: Seconds that a plugin may take to load where it is tried.
PATIENCE = 120
#: What the other process runs: it loads one plugin of an owner as this one would, and says that it is still there.
_TRIAL = """
import json, sys
sys.path[:], name, owner = map(json.loads, sys.argv[1:])
from simbench.registry.loading import attempt
attempt(name, owner)
sys.__stdout__.write("alive"), sys.__stdout__.flush()
"""


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
        reason = _tried(name, owner)
        if not reason:
            with contextlib.suppress(OSError):
                mark.unlink(missing_ok=True)
        return reason

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


def _tried(name: str, owner: str) -> str:
    """How a process ended that loaded the plugin, or "" if it did not."""
    given = [json.dumps(each) for each in (sys.path, name, owner)]
    try:
        done = subprocess.run(
            [sys.executable, "-c", _TRIAL, *given], stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE,
            check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return f"it takes more than {PATIENCE} s to load; {_ADVICE}"
    if done.stdout.endswith(b"alive"):
        return ""
    code = done.returncode
    with contextlib.suppress(ValueError):
        return f"it kills the process that loads it (signal {-code}, {signal.Signals(-code).name}); {_ADVICE}"
    return f"it ends the process that loads it (exit code {code}); {_ADVICE}"


_ADVICE = "uninstall it, or install another version"
