"""Whose a KeyboardInterrupt is: the user's or a plugin's."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

import pytest

from simbench.system import interrupts
from simbench.system.interrupts import watched


@pytest.fixture(params=[signal.default_int_handler, signal.SIG_IGN], ids=["handled", "ignored"])
def handler(request):
    """The handler of SIGINT: Python's, or that of a process which a shell started in the background."""
    before = signal.signal(signal.SIGINT, request.param)
    yield request.param
    signal.signal(signal.SIGINT, before)


def test_an_interruption_without_a_signal_is_a_plugin_s_in_any_process(handler):
    with watched():
        assert interrupts.watching() and not interrupts.pressed()
        with watched():
            assert interrupts.watching()
        assert interrupts.watching()
    assert not interrupts.watching() and signal.getsignal(signal.SIGINT) is handler


@pytest.fixture
def raising():
    """Python's own handler of SIGINT."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    assert signal.getsignal(signal.SIGINT) in (signal.default_int_handler, signal.SIG_DFL)
    assert not interrupts.watching() and not interrupts.pressed()
    signal.signal(signal.SIGINT, before)


def caught() -> None:
    """As a plugin would."""
    with suppress(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)


def in_a_destructor() -> None:
    """Python reports what is raised there, and goes on."""

    class Dies:
        def __del__(self):
            signal.raise_signal(signal.SIGINT)

    Dies()


def in_an_import() -> None:
    """An extension module does so with what is raised while it is made."""
    try:
        signal.raise_signal(signal.SIGINT)
    except KeyboardInterrupt:
        raise ImportError("no module") from None


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("swallow", [caught, in_a_destructor, in_an_import])
@pytest.mark.parametrize("final", [False, True])
def test_a_signal_that_something_swallows_comes_out_at_the_end(raising, swallow, final):
    with pytest.raises(KeyboardInterrupt), watched(final):
        swallow()
        assert interrupts.pressed()
    assert signal.getsignal(signal.SIGINT) == (signal.SIG_DFL if final else signal.default_int_handler)


def test_what_is_raised_again_is_not_reported_and_the_rest_is(raising, monkeypatch):
    class Fails:
        def __del__(self):
            raise ValueError

    reported = []
    monkeypatch.setattr(sys, "unraisablehook", lambda ignored: reported.append(ignored.exc_type))
    with pytest.raises(KeyboardInterrupt), watched():
        Fails()
        in_a_destructor()
        Fails()
    in_a_destructor()
    assert reported == [ValueError, ValueError, KeyboardInterrupt]


def test_other_exceptions_go_on(raising):
    with pytest.raises(ImportError), watched():
        raise ImportError
    with pytest.raises(KeyboardInterrupt), watched():
        caught()
        interrupts.check()


@pytest.mark.parametrize("threads", [0, 1])
def test_a_signal_that_is_delayed_comes_at_the_end(raising, threads):
    """Also where the process has another thread, which the signal could go to."""
    came, end = [], threading.Event()
    others = [threading.Thread(target=end.wait) for _ in range(threads)]
    for other in others:
        other.start()
    with pytest.raises(KeyboardInterrupt), watched(), interrupts.delayed():
        os.kill(os.getpid(), signal.SIGINT)
        came.append("later")
    end.set()
    assert came == ["later"]


STARTS = """
import multiprocessing, time
from pathlib import Path
from simbench.system.interrupts import delayed

if __name__ == "__main__":
    with delayed():
        process = multiprocessing.get_context("spawn").Process(target=time.sleep, args=(60,))
        process.start()
    print(Path(f"/proc/{process.pid}/status").read_text())
    process.kill()
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc")
def test_a_process_that_is_started_meanwhile_never_has_it(tmp_path):
    """Not even the first of the program, with which multiprocessing starts a process of its own."""
    (tmp_path / "starts.py").write_text(STARTS)
    done = subprocess.run([sys.executable, tmp_path / "starts.py"], capture_output=True, text=True, check=True)
    (blocked,) = (int(line.split()[1], 16) for line in done.stdout.splitlines() if line.startswith("SigBlk"))
    assert blocked & 1 << (signal.SIGINT - 1)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("swallow", [caught, in_a_destructor, in_an_import])
def test_no_command_goes_on_after_a_ctrl_c(raising, swallow, monkeypatch, capsys):
    from simbench.cli import main
    from simbench.system import cache

    monkeypatch.setattr(cache, "contents", lambda: swallow() or {})
    with pytest.raises(SystemExit) as end:
        main(["cache"])
    assert end.value.code == 130 and "simbench: interrupted" in capsys.readouterr().err
