"""A unit of work: cases that share forward passes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from simbench.contracts.case import Case
from simbench.contracts.selection import Selection


@dataclass(frozen=True)
class Needs:
    """What a worker needs for a unit.

    networks: contents of the networks that it runs. layers: that it reads. megabytes: of memory at most, for
    activations, states and weights. gpu: whether it runs on a CUDA device. seconds: estimate of the time that its cases
    take. shared: that of what they share with the other cases of their tile at these layers. own: that of the part of
    it that they need.
    """

    networks: tuple[str, ...] = ()
    layers: tuple[str, ...] = ()
    megabytes: float = 0.0
    gpu: bool = False
    seconds: float = 0.0
    shared: float = 0.0
    own: float = 0.0


@dataclass(frozen=True)
class Unit:
    """Cases that share forward passes, submitted to an executor together. Plain data.

    A unit is measured as a whole, anywhere, any number of times, with the same result: a worker that dies costs the
    units that it has begun, one, and none of those that it has finished. tile: units of one tile run the same networks,
    which the worker of the tile keeps from one unit to the next (`simbench.runs.planning.schedule`); "" where one
    worker measures everything.
    """

    selection: Selection
    device: str
    memory: int
    cases: Sequence[Case]
    tile: str = ""
    needs: Needs = Needs()
