"""Processes of this machine: tasks and results, the death of a process, and what is left afterwards."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

import simbench
from simbench import InputError, Need, WorkerLost


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("local[workers=0]", "workers is 0; auto or a whole number from 1 is allowed"),
        ("local[workers=some]", "'some'; allowed: auto or a whole number"),
        ("local[threads=0]", "threads is 0; auto or a whole number from 1 is allowed"),
        ("local[threads=many]", "'many'; allowed: auto or a whole number"),
        ("locals", "executor 'locals' is unknown; did you mean 'local'"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(registry, spec, message):
    with pytest.raises(InputError, match=message):
        registry.get("executors", spec)


@pytest.mark.parametrize(
    ("spec", "need"),
    [
        ("local[workers=1]", Need(5)),
        ("local", Need(5, seconds=29)),
        ("local", Need(5, threads=1)),
        ("local", Need(1)),
        ("local", Need(5, gpu=True)),
    ],
)
def test_one_worker_is_this_process(registry, spec, need):
    """So is it for what processes of their own are not worth, on one thread, and on a GPU."""
    with registry.get("executors", spec).open(need) as workers:
        assert workers is None


@pytest.mark.parametrize(
    ("room", "tasks", "threads", "number"),
    [(2**40, 50, 3, 3), (2**40, 2, 3, 2), (2**40, 50, 99, 16), (2**32, 50, 3, 2), (0, 50, 3, 1)],
)
def test_auto_is_a_process_for_each_thread_as_far_as_tasks_and_memory_go(
    monkeypatch, registry, room, tasks, threads, number
):
    module = sys.modules[type(registry.get("executors", "local")).__module__]
    started = []
    monkeypatch.setattr(module, "memory", lambda: room)
    monkeypatch.setattr(module.Processes, "start", lambda self: started.append((self.number, self.threads)))
    with registry.get("executors", "local").open(Need(tasks, threads)) as workers:
        assert started == ([] if number == 1 else [(number, max(1, threads // number))])
        assert workers is None or workers.beside


@pytest.mark.long
def test_there_are_no_more_workers_than_tasks_and_threads_are_divided(registry):
    """The threads of `--threads`, whole numbers from 1."""
    executor = registry.get("executors", "local[workers=3]")
    with executor.open(Need(tasks=2, threads=5)) as workers:
        assert set(workers.slots.values()) == {1} and len(workers.slots) == 2 and workers.threads == 2
        pids = {workers.result(workers.submit(os.getpid, to=name)) for name in workers.slots}
        assert len(pids) == 2 and os.getpid() not in pids
        with pytest.raises(ZeroDivisionError):
            workers.result(workers.submit(divmod, 1, 0))
    assert not any(map(alive, pids))


SERVER = """
import psutil, sys, time
import simbench
executor = simbench.load().get("executors", sys.argv[1])
executor.ahead(simbench.Need(tasks=2))
children = [child for child in psutil.Process().children() if "forkserver" in " ".join(child.cmdline())]
print(len(children))
if children:
    (server,) = children
    end = time.monotonic() + 100
    while not any("libtorch_cpu" in each.path for each in server.memory_maps()) and time.monotonic() < end:
        time.sleep(0.05)
    assert "torch" not in sys.modules and any("libtorch_cpu" in each.path for each in server.memory_maps())
    with executor.open(simbench.Need(tasks=2)) as workers:
        assert [child.pid for child in psutil.Process().children() if "forkserver" in " ".join(child.cmdline())] == [
            server.pid
        ]
"""


@pytest.mark.long
@pytest.mark.parametrize(("spec", "servers"), [("local[workers=2]", "1"), ("local[workers=1]", "0")])
def test_the_server_of_forks_imports_torch_before_it_is_asked_for_a_process(spec, servers):
    done = subprocess.run([sys.executable, "-c", SERVER, spec], capture_output=True, text=True, timeout=200)
    assert (done.returncode, done.stdout.strip()) == (0, servers), done.stderr


@pytest.mark.long
def test_a_process_that_is_killed_loses_its_own_task_and_is_replaced(registry):
    with registry.get("executors", "local[workers=2]").open(Need(tasks=9)) as workers:
        first, second = workers.slots
        pid = workers.result(workers.submit(os.getpid, to=first))
        lost, other = workers.submit(time.sleep, 60, to=first), workers.submit(time.sleep, 1, to=second)
        os.kill(pid, signal.SIGKILL)
        with pytest.raises(WorkerLost, match=f"{first}, process {pid}: its process died"):
            workers.result(lost)
        assert workers.result(other) is None
        anew = workers.result(workers.submit(os.getpid, to=first))
        os.kill(anew, signal.SIGKILL)  # while it does nothing
        time.sleep(0.5)
        assert workers.result(workers.submit(os.getpid, to=first)) not in (pid, anew)


@pytest.mark.long
def test_what_is_under_way_ends_with_the_context(registry):
    class Enough(Exception):
        pass

    start = time.monotonic()
    with pytest.raises(Enough), registry.get("executors", "local[workers=2]").open(Need(tasks=2)) as workers:
        pids = [workers.result(workers.submit(os.getpid, to=name)) for name in workers.slots]
        for name in workers.slots:
            workers.submit(time.sleep, 300, to=name)
        raise Enough
    assert not any(map(alive, pids)) and time.monotonic() - start < 200


def test_the_contract_opens_nothing_by_itself():
    with pytest.raises(TypeError, match="executor 'empty' opens nothing"):
        type("Empty", (simbench.Executor,), {"name": "empty", "source": "tests"})().open(Need(1))
