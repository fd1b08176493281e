"""Cases in a process of their own, which may die or take too long without taking the run along."""

from __future__ import annotations

import os
import pickle
import signal
import time
from dataclasses import replace
from multiprocessing import connection, current_process, get_all_start_methods, get_context
from typing import TYPE_CHECKING, Any

import cloudpickle

from simbench.contracts.case import Case
from simbench.runs.executors.packing import Packing
from simbench.system import interrupts
from simbench.system.raised import told, trace

if TYPE_CHECKING:
    from simbench.measuring.measure import Measured
    from simbench.runs.unit import Unit

#: Beginning of the note of a case whose process died.
CRASHED = "crashed"
#: What to do where no process can be started.
GUARD = "a script that calls simbench.run needs `if __name__ == '__main__':` around it"


class Apart:
    """Measures one case after the other in one process, which is replaced when it has died.

    timeout: seconds that a case may take, with what it computes first for other cases; None is no limit.
    """

    def __init__(self, timeout: float | None = None) -> None:
        self.timeout = timeout
        self._process: Any = None
        self._pipe: connection.Connection | None = None
        self._bench: Any = None
        self._packing = Packing()

    def measure(self, unit: Unit, case: Case) -> Measured:
        """What measuring a case of a unit gave; one row `failed` if its process died, or was killed for its time."""
        start = time.perf_counter()
        try:
            bench = (self._packing.selection(unit.selection), unit.device, unit.memory)
            given = bench, cloudpickle.dumps(case)
        except Exception as error:  # of what a plugin holds
            return _failed(case, f"it cannot be measured in a process of its own: {told(error)}", start, trace(error))
        if self._process is not None and self._process.exitcode is not None:
            self.close()  # of what the last case left behind
        try:
            if self._process is None:
                self._start()
        except Exception as error:
            self.close()
            return _failed(case, f"no process can be started ({told(error)}); {GUARD}", start, trace(error))
        try:
            if given[0] != self._bench:
                self._pipe.send_bytes(pickle.dumps(given[0]))
                self._bench = given[0]
            self._pipe.send_bytes(given[1])
            if not self._pipe.poll(self.timeout):
                self.close()
                return _failed(case, f"timed out after {self.timeout:g} s", start)
            return replace(pickle.loads(self._pipe.recv_bytes()), case=case)
        except (EOFError, OSError):
            return _failed(case, self._died(), start)

    def kill(self) -> None:
        """Kill the process, from whatever thread: the case under way is then `crashed`."""
        process = self._process
        if process is not None:
            process.kill()

    def close(self) -> None:
        """End the process, whatever it is doing."""
        if self._process is not None:
            self._process.kill()
            self._process.join()
            self._pipe.close()
        self._process = self._pipe = self._bench = None

    def _start(self) -> None:
        """A new process that has imported torch: a fork of a server of forks, where there is such a thing."""
        import torch

        served = "forkserver" in get_all_start_methods()
        context: Any = get_context("forkserver" if served else "spawn")
        if served:
            context.set_forkserver_preload(["simbench.runs.executors.worker"])
        from simbench.runs.executors.worker import serve

        self._pipe, theirs = context.Pipe()
        given = (theirs, dict(os.environ), os.getcwd(), torch.get_num_threads())
        if current_process().daemon:  # as a worker of a cluster, which might start no process
            current_process().daemon = False
        self._process = context.Process(target=serve, args=given, daemon=True)
        with interrupts.delayed():  # either process would show a traceback for the Ctrl-C of this one
            self._process.start()
        theirs.close()
        try:
            self._pipe.recv_bytes()
        except EOFError:
            self._process.join(5)
            raise ChildProcessError(f"it ended with exit code {self._process.exitcode}") from None

    def _died(self) -> str:
        """How the process ended, which is forgotten."""
        self._process.join(5)
        code = self._process.exitcode
        self.close()
        return (
            f"{CRASHED} ({f'signal {-code}, {_name(-code)}' if code is not None and code < 0 else f'exit code {code}'})"
        )


def _name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return "unknown"


def _failed(case: Case, note: str, start: float, error: str = "") -> Measured:
    from simbench.measuring.measure import Measured, failed

    return Measured(case, (failed(case, note),), 0, time.perf_counter() - start, error or note)
