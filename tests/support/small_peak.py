"""Run as a program: the memory that `similarities` takes at its peak beside what two networks take, in bytes.

One line for each kind of batches, measured in a fork of its own.
"""

import os
import re
import sys
from pathlib import Path

import torch
from torch import nn

from simbench import similarities


class Again:
    """Batches that can be read again, of unknown number."""

    def __init__(self, batches):
        self._batches = batches

    def __iter__(self):
        return iter(self._batches)


def peak():
    return 1024 * int(re.search(r"VmHWM:\s*(\d+)", Path("/proc/self/status").read_text())[1])


def main(depth, width, rows, kind, indices, memory):
    torch.set_num_threads(1)
    torch.manual_seed(0)
    nets = [nn.Sequential(*(nn.Linear(width, width) for _ in range(depth))) for _ in range(2)]
    batches = list(torch.randn(rows, width).split(50))
    similarities(indices, nets[0][:2], nets[1][:2], batches)  # what is imported and compiled once
    Path("/proc/self/clear_refs").write_text("5")
    before = peak()
    found = similarities(indices, *nets, Again(batches) if kind == "again" else batches, memory=memory)
    assert len(found) == len(indices.split(",")) * depth**2 and not found["value"].isna().any()
    print(peak() - before)


if __name__ == "__main__":
    for kind in sys.argv[4].split(","):
        pid = os.fork()
        if not pid:
            main(*map(int, sys.argv[1:4]), kind, *sys.argv[5:])
            sys.exit()
        if os.waitpid(pid, 0)[1]:
            sys.exit(f"{kind} failed")
