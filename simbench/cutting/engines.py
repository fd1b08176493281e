"""Engines: the ways to cut a network, and what a cut is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from torch import nn

from simbench.errors import unknown

#: In the order in which they are tried; "auto" tries all but the last.
ENGINES = ("sequential", "fx", "export", "export with input", "hook")


@dataclass(frozen=True)
class Cut:
    """`front` and `end` of a network, which it unpacks into. reads_input: the end takes (activations, *inputs)."""

    front: nn.Module
    end: nn.Module
    engine: str
    reads_input: bool = False

    def __iter__(self) -> Iterator[nn.Module]:
        yield from (self.front, self.end)

    def __getitem__(self, part: int) -> nn.Module:
        return (self.front, self.end)[part]

    def __len__(self) -> int:
        return 2


def known(engine: str) -> None:
    """Raise InputError for an unknown engine."""
    if engine not in ("auto", *ENGINES):
        raise unknown("engine", engine, ("auto", *ENGINES))
