"""What of the hardware this process may use: processors and memory."""

from __future__ import annotations

import math
import os
from pathlib import Path

#: Where Linux shows the limits of a container.
LIMITS = Path("/sys/fs/cgroup")


def processors(limits: Path = LIMITS) -> int:
    """Processors that this process may use: those that it may run on, within the share of a container."""
    here = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota, _, period = _text(limits / "cpu.max").partition(" ")
    if quota.isdigit() and period.isdigit() and int(period):
        here = min(here, max(1, math.ceil(int(quota) / int(period))))
    return here


def memory(limits: Path = LIMITS) -> int:
    """Bytes of memory of this machine, or of the container that this process runs in; 0 where nobody knows."""
    known = [
        int(text)
        for text in map(_text, (limits / "memory.max", limits / "memory/memory.limit_in_bytes"))
        if text.isdigit()
    ]
    return min([*filter(None, [physical()]), *known], default=0)


def physical() -> int:
    """Bytes of memory of this machine; 0 where nobody knows."""
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return 0


def _text(file: Path) -> str:
    try:
        return file.read_text().strip()
    except OSError:
        return ""
