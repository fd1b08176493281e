"""Run as a program: programs, each in a fork of this process, which has imported torch and nothing of simbench.

Reads {name: [code, folder]} as JSON from stdin; writes `out` and `err` into the folder of each program, which is its
working folder, too; prints {name: exit code}.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
import warnings
from pathlib import Path


def run(name: str, code: str, folder: str) -> int:
    pid = os.fork()
    if pid:
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    status = 1
    try:
        os.chdir(folder)
        for number, file in ((1, "out"), (2, "err")):
            os.dup2(os.open(file, os.O_WRONLY | os.O_CREAT), number)
        exec(compile(code, name, "exec"), {"__name__": "__main__"})
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        os._exit(status)


if __name__ == "__main__":
    import torch  # noqa: F401

    warnings.filterwarnings("ignore", ".*fork", DeprecationWarning)  # torch and numpy may have threads
    print(json.dumps({name: run(name, *given) for name, given in json.load(sys.stdin).items()}))
    assert not [name for name in sys.modules if name.startswith("simbench")], Path.cwd()
