"""Freed memory goes back to the system."""

import subprocess
import sys

import pytest

CODE = """
import sys
from pathlib import Path
from simbench.system.heap import trim
trims = sys.argv[1] == "trims"
def resident():
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024
blocks = [bytearray(b"x" * 100_000) for _ in range(1000)]  # too small to be taken from the system one by one
del blocks[:999]  # the last one lies above the others
full = resident()
if trims:
    trim()
print(full - resident())
"""


def given_back(what):
    done = subprocess.run([sys.executable, "-c", CODE, what], capture_output=True, text=True, check=True)
    return float(done.stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_what_was_freed_below_a_block_in_use_is_given_back():
    assert given_back("nothing") < 1
    assert given_back("trims") > 80  # MiB
