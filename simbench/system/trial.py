"""A trial: code that may kill its process, run in another one."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from contextlib import suppress

_HEAD = "import json, sys\nsys.path[:] = json.loads(sys.argv.pop(1))\ntry:\n"
_TAIL = "\nexcept Exception:\n    pass\nsys.__stdout__.write('alive'), sys.__stdout__.flush()\n"


def death(code: str, *given: str, stdin: bytes = b"", patience: float | None = None) -> str:
    """How a process died that ran the code, as the end of "it ...", or "" if it did not. What the code raises is no
    death.

    given: becomes sys.argv[1:]. patience: seconds after which it counts as dead.

    >>> death("import os; os._exit(3)"), death("raise ValueError")
    ('ends its process (exit code 3)', '')
    """
    return attempt(code, *given, stdin=stdin, patience=patience)[0]


def attempt(code: str, *given: str, stdin: bytes = b"", patience: float | None = None) -> tuple[str, bytes]:
    """As `death`, and what the process wrote to its standard output."""
    body = "\n".join(f"    {line}" for line in code.strip().splitlines())
    words = [sys.executable, "-c", _HEAD + body + _TAIL, json.dumps(sys.path), *given]
    try:
        done = subprocess.run(words, input=stdin, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=patience)
    except subprocess.TimeoutExpired as error:
        return f"takes more than {patience:g} s", error.stdout or b""
    if done.stdout.endswith(b"alive"):
        return "", done.stdout
    with suppress(ValueError):
        how = f"kills its process (signal {-done.returncode}, {signal.Signals(-done.returncode).name})"
        return how, done.stdout
    return f"ends its process (exit code {done.returncode})", done.stdout
