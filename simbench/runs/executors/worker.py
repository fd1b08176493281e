"""The process in which cases are measured apart: it receives cases and answers with what they gave, until it is told to
end, or dies."""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import threading
from dataclasses import replace
from multiprocessing import current_process, parent_process
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess

import torch

from simbench.measuring.bench import Workbench
from simbench.measuring.measure import Measured, failed, measure
from simbench.system.interrupts import watched
from simbench.system.raised import told, trace

#: First word of the process: it has imported all that it needs.
READY = "ready"


def serve(pipe: Connection, environment: dict[str, str], folder: str, threads: int) -> None:
    """Answer `(selection, device, memory)` by keeping a bench for it, and a case by what measuring it gave.

    Both come pickled, the selection in a pickle of its own. environment, folder, threads: of the process that wants to
    know. A Ctrl-C is for that process.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    current_process().daemon = False  # plugins may start processes
    os.environ.clear()
    os.environ.update(environment)
    with contextlib.suppress(OSError):  # removed meanwhile
        os.chdir(folder)
    torch.set_num_threads(threads)
    threading.Thread(target=_end_with, args=(parent_process(),), daemon=True).start()
    bench: Workbench | Exception | None = None
    with watched(), contextlib.suppress(EOFError, OSError):  # the other process is gone
        pipe.send_bytes(pickle.dumps(READY))
        while True:
            given = pickle.loads(pipe.recv_bytes())
            if isinstance(given, tuple):
                selection, device, memory = given
                bench = _bench(pickle.loads(selection), device, memory)
            elif isinstance(bench, Exception):
                row = failed(given, f"the data cannot be used: {told(bench)}")
                pipe.send_bytes(sent(Measured(given, (row,), 0, 0.0, trace(bench))))
            else:
                pipe.send_bytes(sent(measure(given, bench)))


def _bench(*given) -> Workbench | Exception:
    """A bench, or why there is none."""
    try:
        return Workbench(*given)
    except Exception as error:
        return error


def sent(result: Measured) -> bytes:
    """A result without its case, which who asked knows."""
    try:
        return pickle.dumps(replace(result, case=None))
    except Exception as error:  # a plugin may put anything into its parameters
        row = failed(result.case, f"the result cannot be sent: {told(error)}")
        return pickle.dumps(Measured(None, (row,), result.samples, result.seconds, trace(error)))


def _end_with(parent: BaseProcess) -> None:
    """End this process with the one that wants to know, whatever it is doing."""
    parent.join()
    os._exit(1)
