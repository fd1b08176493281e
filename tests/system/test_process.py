"""How long this process runs, and the peak of its memory."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

from simbench.system.stopwatch import peak_memory, since_start


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the start of a process is read from /proc")
def test_a_process_knows_how_long_it_runs():
    code = "import time; time.sleep(0.3)\nfrom simbench.system.stopwatch import since_start\nprint(since_start())"
    start = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert 0.3 <= float(done.stdout) <= time.perf_counter() - start + 0.02  # a tick of the kernel's clock is 0.01 s
    assert since_start() > 0


@pytest.mark.long
@pytest.mark.skipif(sys.platform == "win32", reason="not told there")
def test_peak_memory_is_in_bytes_and_never_falls():
    code = (
        "from simbench.system.stopwatch import peak_memory\n"
        "before = peak_memory(); x = b'1' * 200_000_000; del x\nprint(before, peak_memory())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    before, after = map(int, done.stdout.split())
    assert before > 3e6 and before + 150e6 < after < before + 250e6
    assert peak_memory() > 100e6, "of a process with torch"


@pytest.mark.skipif(sys.platform == "win32", reason="not told there")
def test_peak_memory_without_proc_is_that_of_getrusage_in_its_system_s_unit(tmp_path):
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for platform, unit in (("linux", 1024), ("darwin", 1)):
        assert peak_memory(tmp_path, platform) == pytest.approx(peak * unit, rel=0.01)
    assert since_start(tmp_path) == 0
