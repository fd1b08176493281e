"""`simbench run --executor`: by name, of another package, and what is refused."""

from __future__ import annotations

import sys

import pytest

import simbench

STRANGER = """
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
import simbench

class Threads(simbench.Executor):
    name, source = "threads", "made by the tests"

    @contextmanager
    def open(self, need):
        with ThreadPoolExecutor(1) as pool:
            yield simbench.Workers(pool, 2)

@simbench.hookimpl
def simbench_executors():
    return [Threads()]
"""


def test_an_executor_of_another_package_is_listed(call, package, monkeypatch):
    monkeypatch.syspath_prepend(package("stranger", STRANGER))
    assert "threads" in call("list", "executors").out


@pytest.mark.long
def test_an_executor_of_another_package_gives_the_same_bytes(call, package, monkeypatch, tiny, warm, finished):
    monkeypatch.syspath_prepend(package("stranger", STRANGER))
    done = call(*tiny, "--executor", "threads")
    assert done.code == 0, done.err
    there, here = (each.folder / "simbench-results" / "measurements.csv" for each in (done, finished))
    assert there.read_bytes() == here.read_bytes() and len(there.read_bytes().splitlines()) > 10


@pytest.mark.long
@pytest.mark.parametrize("more", [(), ("--profile",), ("--threads", "1")])
def test_a_long_run_takes_a_process_for_each_thread_unless_it_is_to_be_profiled(
    call, monkeypatch, tiny, warm, finished, more
):
    """And measures the same; half a minute is long."""
    local = simbench.load().get("executors", "local")
    monkeypatch.setattr(sys.modules[type(local).__module__], "WORTH", 0.0)
    done = call(*tiny, *(more if "--threads" in more else ("--threads", "2", *more)))
    assert done.code == 0 and ("units on 2 workers" in done.err) == (not more), done.err
    if not more:
        there, here = (each.folder / "simbench-results" / "measurements.csv" for each in (done, finished))
        assert len(there.read_bytes().splitlines()) == len(here.read_bytes().splitlines()) > 10


@pytest.mark.parametrize(
    ("executor", "message"),
    [
        ("locale", "executor 'locale' is unknown; did you mean 'local'?"),
        ("local[workers=0]", "local[workers=0]: workers is 0; auto or a whole number from 1 is allowed"),
        ("local[worker=2]", "parameter of 'local' 'worker' is unknown; did you mean 'workers'?"),
        ("dask[resources=GPU]", "resources is 'GPU'; allowed: names and numbers such as GPU=1 or GPU=1+MEMORY=4"),
        ("local,dask", "executor 'local,dask' is unknown"),
    ],
)
def test_what_cannot_be_used_is_one_line_and_nothing_is_written(call, tiny, warm, executor, message):
    done = call(*tiny, "--executor", executor)
    assert done.code == 2 and message in done.err and done.err.count("\n") == 1
    assert not (done.folder / "simbench-results").exists()


def test_a_missing_package_is_one_line(call, tiny, warm, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "distributed", None)
    done = call(*tiny, "--executor", "dask")
    assert done.code == 2 and done.err.splitlines()[-1] == (
        "simbench: executor dask needs the package distributed, which is not installed; pip install 'simbench[dask]'"
    )
    assert not (done.folder / "simbench-results").exists()
