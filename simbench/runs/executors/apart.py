"""Cases in a process of their own, which may die or take too long without taking the run along."""

from __future__ import annotations

import os
import pickle
import signal
import time
from dataclasses import replace
from multiprocessing import connection, get_all_start_methods, get_context
from typing import TYPE_CHECKING, Any

import cloudpickle

from simbench.contracts.case import Case
from simbench.system import interrupts
from simbench.system.raised import told, trace

if TYPE_CHECKING:
    from simbench.contracts import Plugin
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
        self._packed: tuple[Any, bytes] = (None, b"")

    def measure(self, unit: Unit, case: Case) -> Measured:
        """What measuring a case of a unit gave; one row `failed` if its process died, or was killed for its time."""
        start = time.perf_counter()
        try:
            if self._packed[0] is not unit.selection:  # packing one takes milliseconds
                self._packed = unit.selection, _bench(unit)
            given = self._packed[1], cloudpickle.dumps(case)
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
                self._pipe.send_bytes(given[0])
                self._bench = given[0]
            self._pipe.send_bytes(given[1])
            if not self._pipe.poll(self.timeout):
                self.close()
                return _failed(case, f"timed out after {self.timeout:g} s", start)
            return replace(pickle.loads(self._pipe.recv_bytes()), case=case)
        except (EOFError, OSError):
            return _failed(case, self._died(), start)

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
            from multiprocessing import forkserver

            context.set_forkserver_preload(["simbench.runs.executors.worker"])
            with interrupts.delayed():  # it would show a traceback for the Ctrl-C of this process
                forkserver.ensure_running()
        from simbench.runs.executors.worker import serve

        self._pipe, theirs = context.Pipe()
        given = (theirs, dict(os.environ), os.getcwd(), torch.get_num_threads())
        self._process = context.Process(target=serve, args=given)
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


def _bench(unit: Unit) -> bytes:
    """What the process makes its bench of: without the methods that cannot be sent, if there are any."""
    bench = (unit.selection, unit.device, unit.memory)
    try:
        return cloudpickle.dumps(bench)
    except Exception:
        some = {
            kind: tuple(method for method in getattr(unit.selection, kind) if _can_be_sent(method))
            for kind in ("indices", "stitchers")
        }
        return cloudpickle.dumps((replace(unit.selection, **some), *bench[1:]))


def _can_be_sent(method: Plugin) -> bool:
    try:
        cloudpickle.dumps(method)
    except Exception:
        return False
    return True


def _name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return "unknown"


def _failed(case: Case, note: str, start: float, error: str = "") -> Measured:
    from simbench.measuring.measure import Measured, failed

    return Measured(case, (failed(case, note),), 0, time.perf_counter() - start, error or note)
