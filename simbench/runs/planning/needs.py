"""What a run needs of its workers."""

from __future__ import annotations

from itertools import chain

from simbench.contracts import Need
from simbench.runs.job import Job
from simbench.runs.planning.costs import Costs

#: Seconds up to which is counted what a run takes, and seconds that the training of a network counts for.
ENOUGH, TRAINING = 60.0, 10.0
#: Bytes that a process of several has for activations at least, where the run may have as much.
LEAST = 192 * 2**20


def needed(job: Job) -> Need:
    """What a job asks of an executor. Its seconds are those of a reference run, or learnt from its records."""
    request = job.resolved.request
    seconds = TRAINING * job.untrained
    if job.pending and seconds < ENOUGH:
        costs = Costs(job)
        for case in chain.from_iterable(map(job.open, job.parts)):
            seconds += costs(case).each
            if seconds >= ENOUGH:
                break
    return Need(job.pending, request.threads, request.device != "cpu", seconds)


def divided(memory: int, number: int) -> int:
    """Bytes for the activations of each of some processes of one machine, of those of a run. Half stays free for what
    each process takes beside them (torch, the network that runs), except of little memory.

    >>> divided(8 * 2**30, 2) // 2**20, divided(768 * 2**20, 8) // 2**20
    (2048, 192)
    """
    return memory if number == 1 else max(memory // (2 * number), min(memory, LEAST))
