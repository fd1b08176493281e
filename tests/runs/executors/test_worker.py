"""The process in which cases are measured apart says nothing when the process that started it is gone."""

from __future__ import annotations

import os
from multiprocessing import get_context

from simbench.runs.executors.worker import serve


def test_a_process_that_nobody_waits_for_any_more_ends_quietly(capfd):
    context = get_context("forkserver")
    ours, theirs = context.Pipe()
    process = context.Process(target=serve, args=(theirs, dict(os.environ), os.getcwd(), 1))
    ours.close()
    process.start()
    theirs.close()
    process.join(60)
    assert process.exitcode == 0 and capfd.readouterr().err == ""
