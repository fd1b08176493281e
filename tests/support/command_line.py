"""The command line, in this process or in one of its own."""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from simbench.cli import main


@dataclass(frozen=True)
class Done:
    """A finished command."""

    code: int
    out: str
    err: str
    folder: Path


def here(*words: str) -> Done:
    """The command in this process, in the current folder."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), pytest.raises(SystemExit) as end:
        main(list(words))
    return Done(end.value.code or 0, out.getvalue(), err.getvalue(), Path.cwd())


def apart(folder: Path, *words: str, python: tuple[str, ...] = (), **environment: str) -> Done:
    """The command in a process of its own, in a folder."""
    done = subprocess.run(
        [sys.executable, *python, "-m", "simbench.cli", *words],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        env=os.environ | environment,
        timeout=120,
    )
    return Done(done.returncode, done.stdout, done.stderr, folder)
