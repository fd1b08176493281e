"""The process in which cases are measured apart: it receives cases and answers with what they gave, until it is told to
end, or dies."""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
from dataclasses import replace
from multiprocessing.connection import Connection

import torch

from simbench.measuring.bench import Workbench
from simbench.measuring.measure import Measured, failed, measure
from simbench.system.raised import told, trace

#: First word of the process: it has imported all that it needs.
READY = "ready"


def serve(pipe: Connection, environment: dict[str, str], folder: str, threads: int) -> None:
    """Answer `(selection, device, memory)` by keeping a bench for it, and a case by what measuring it gave.

    Both come pickled. environment, folder, threads: of the process that wants to know. A Ctrl-C is for that process.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.environ.clear()
    os.environ.update(environment)
    with contextlib.suppress(OSError):  # removed meanwhile
        os.chdir(folder)
    torch.set_num_threads(threads)
    pipe.send_bytes(pickle.dumps(READY))
    bench: Workbench | None = None
    with contextlib.suppress(EOFError, OSError):  # the other process is gone
        while True:
            given = pickle.loads(pipe.recv_bytes())
            if isinstance(given, tuple):
                bench = Workbench(*given)
            else:
                pipe.send_bytes(_sent(measure(given, bench)))


def _sent(result: Measured) -> bytes:
    try:
        return pickle.dumps(replace(result, case=None))  # who asked knows it
    except Exception as error:  # a plugin may put anything into its parameters
        row = failed(result.case, f"the result cannot be sent: {told(error)}")
        return pickle.dumps(Measured(None, (row,), result.samples, result.seconds, trace(error)))
