"""The hammer of interruptions: one Ctrl-C at a random moment of a command, from its first import to the end of the
interpreter, ends it without a traceback, or came too late. `pytest -m hammer`; HAMMER_TRIALS sets another number."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import pytest

TRIALS = int(os.environ.get("HAMMER_TRIALS", 200))
pytestmark = [pytest.mark.hammer, pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")]

#: Forks a child per trial, which is the command from its first import on; heavy packages are imported before. The
#: moment is drawn in the time of the processor, in which an undisturbed child takes about the same each time.
ZYGOTE = """
import json, os, random, signal, sys
import numpy, pandas, click, jinja2, rich.console
if "torch" in sys.argv[2]:
    import torch
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
chance, trials, words = random.Random(18), int(sys.argv[1]), sys.argv[3:]

def child(moment):
    out = os.open(os.devnull, os.O_WRONLY)
    os.dup2(out, 1)
    os.dup2(writing, 2)
    came = []
    def press(*_):
        os.write(told, b"1")
        signal.raise_signal(signal.SIGINT)
    signal.signal(signal.SIGPROF, press)
    sys.argv = ["simbench", *words]
    from simbench.cli import main  # what comes before is Python's own start
    if moment:
        signal.setitimer(signal.ITIMER_PROF, moment)
    main()

longest = 0.0
for trial in range(trials + 1):
    reading, writing = os.pipe()
    asked, told = os.pipe()
    moment = chance.uniform(0.001, longest * 1.1) if trial else 0.0
    pid = os.fork()
    if not pid:
        os.close(reading)
        os.close(asked)
        child(moment)
        raise SystemExit(99)
    os.close(writing)
    os.close(told)
    with open(reading, errors="replace") as file:
        said = file.read()
    with open(asked) as file:
        pressed = bool(file.read())
    _, status, used = os.wait4(pid, 0)
    longest = longest or used.ru_utime + used.ru_stime
    print(json.dumps([os.waitstatus_to_exitcode(status), pressed, said]), flush=True)
"""


def trials(words: list[str], cache, heavy: str = "", count: int = TRIALS) -> list[tuple[int, bool, str]]:
    done = subprocess.run(
        [sys.executable, "-c", ZYGOTE, str(count), heavy, *words],
        env=os.environ | {"SIMBENCH_CACHE": str(cache), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
        start_new_session=True,
    )
    assert done.returncode == 0, done.stderr
    return [tuple(json.loads(line)) for line in done.stdout.splitlines()]


def judged(found: list[tuple[int, bool, str]]) -> None:
    (code, pressed, said), *rest = found
    assert (code, pressed) == (0, False), said
    for code, pressed, said in rest:
        late = (0, -signal.SIGPROF)  # the command was over, or the interpreter had given its handlers back
        assert code in ((130, -signal.SIGINT) if pressed else late), (code, pressed, said)
        assert "Traceback" not in said or "ignored" in said, (
            said
        )  # Python reports what it ignores; the command ends all the same
    assert any(code == 130 for code, _, _ in rest)


def test_a_list_that_is_interrupted_ends(tmp_path):
    judged(trials(["list", "indices"], tmp_path))


def test_a_run_that_is_interrupted_ends(tiny, warm_cache, tmp_path):
    words = [*tiny, "--force", "--results", str(tmp_path / "r")]
    judged(trials(words, warm_cache, "torch", max(1, TRIALS // 4)))
