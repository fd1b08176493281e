"""The command line in a fork of this process that may do less: without root's right to any file, or with full disks."""

from __future__ import annotations

import ctypes
import os
import sys
import tempfile
from pathlib import Path

from command_line import Done

from simbench.cli import main


def without_rights() -> None:
    """Root becomes a user who may read and write what the rights of a file say (capset(2) on Linux)."""
    if os.geteuid():
        return
    libc = ctypes.CDLL(None, use_errno=True)
    head = (ctypes.c_uint32 * 2)(0x20080522, 0)
    if libc.capset(head, (ctypes.c_uint32 * 6)()):
        raise OSError(ctypes.get_errno(), "capset")


def files_of_at_most(size: int) -> None:
    """A file that grows beyond so many bytes is an error, as on a full disk. No bytecode is written: Python 3.11
    leaves a part of a file that did not fit, which no later process can import."""
    import resource

    sys.dont_write_bytecode = True
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def limited(limit, *words: str) -> Done:
    """The command with a limit, in a fork of this process, in the current folder."""
    with tempfile.TemporaryDirectory() as folder:
        out, err = (Path(folder, name) for name in ("out", "err"))
        child = os.fork()
        if not child:
            code = 99
            try:
                os.dup2(os.open(out, os.O_WRONLY | os.O_CREAT), 1)
                os.dup2(os.open(err, os.O_WRONLY | os.O_CREAT), 2)
                sys.stdout, sys.stderr = (os.fdopen(at, "w") for at in (1, 2))
                limit()
                main(list(words))
            except SystemExit as end:
                code = end.code or 0
            finally:
                os._exit(code)
        _, status = os.waitpid(child, 0)
        return Done(os.waitstatus_to_exitcode(status), out.read_text(), err.read_text(), Path.cwd())
