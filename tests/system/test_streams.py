"""Standard streams that a plugin closes or replaces are those of before after the call."""

from __future__ import annotations

import io
import subprocess
import sys

import pytest

from simbench.system.surroundings import abroad

CLOSED = """
import sys
from simbench.system.surroundings import abroad, at_home
with abroad():
    with abroad():
        sys.{name}.close()
    print("inner", file=sys.{name})
    with at_home():
        print("home", file=sys.{name})
print("outer", file=sys.{name})
with abroad():
    sys.{name}.close()
print("again", file=sys.{name})
"""


@pytest.mark.parametrize("name", ["stdout", "stderr"])
def test_a_closed_stream_is_opened_again(name):
    done = subprocess.run([sys.executable, "-c", CLOSED.format(name=name)], capture_output=True, text=True)
    assert done.returncode == 0 and getattr(done, name).split() == ["inner", "home", "outer", "again"]


def test_without_a_descriptor_a_closed_stream_stays_closed():
    code = "import os\n" + CLOSED.format(name="stdout").replace("close()", "close(); os.close(1)", 1)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 1 and "I/O operation on closed file" in done.stderr and done.stdout == ""


@pytest.mark.parametrize("name", ["stdout", "stderr"])
def test_a_replaced_stream_is_put_back(name):
    before = getattr(sys, name)
    with abroad():
        setattr(sys, name, io.StringIO())
    assert getattr(sys, name) is before
