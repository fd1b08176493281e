"""Reading: both networks run on all batches, in as many passes as the memory of what is kept allows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import Any

from torch import Tensor

from simbench.comparison.passes import Layer, packed, told
from simbench.errors import InputError
from simbench.measuring.value import Value
from simbench.moments.layers import Outgrown
from simbench.tracing.hooks import Taps
from simbench.tracing.inputs import Inputs, batches_of

_NONE = object()


@dataclass(frozen=True)
class Side:
    """One of the two networks: its name, what is read of it, what it is given."""

    name: str
    taps: Taps
    inputs: Inputs


class Reading:
    """All pairs of the layers of two sides in all streams; the two sides are one object where the network is one.

    layers: the names of both sides, those first whose axes are known; there after `values`.
    """

    def __init__(
        self, streams: Sequence, sides: tuple[Side, Side], names: tuple[list[str] | None, list[str] | None], room: int
    ) -> None:
        """names: of the layers that were asked for. room: bytes that streams may take together."""
        self._streams, self._sides, self._names, self._room = streams, sides, names, room
        self._whole = True
        self.layers: tuple[list[str], list[str]] = ([], [])

    def values(self, batches: Iterable) -> dict[tuple[str, str, str], Value]:
        """(index, layer of a, layer of b) -> value."""
        stream = batches_of(batches)
        first = next(stream, _NONE)
        if first is _NONE:
            raise InputError("batches is empty; give at least one batch of inputs")
        kept, rows = self._run(first, speculative=True)
        self.layers = tuple(
            names or sorted([*side.taps.layers, *side.taps.unknown], key=side.taps.order)
            for names, side in zip(self._names, self._sides, strict=True)
        )
        try:
            expected = len(batches) * rows
        except TypeError:
            expected = None
        again = stream is not batches  # an iterator is its own
        try:
            found = self._looked(batches, stream, first, kept, self._plan(rows, expected, again))
        except Outgrown:
            found = self._looked(batches, None, None, None, self._plan(rows, None, True))
        return {**self._others(found), **found}

    def _plan(self, rows: int, expected: int | None, again: bool) -> tuple[list, tuple[int, int | None]]:
        """The passes, and what they count on: images of a batch and in all."""
        keys = self._keys()
        found = [
            (k, tile)
            for k, stream in enumerate(self._streams)
            for tile in stream.tiles(*keys, self._room, (rows, expected))
        ]
        passes = packed(found, self._room)
        if len(passes) > 1 and not again:
            whole = [tile for stream in self._streams for tile in stream.tiles(*keys, 2**62, (rows, expected))]
            total = sum(tile.bytes for tile in whole)
            raise InputError(
                f"all pairs of layers in one pass take about {told(total)} and memory has "
                f"room for {told(self._room)}; batches can be read only once: give a list or a DataLoader, "
                "more memory, fewer layers, or view='pooled'"
            )
        return passes or [[]], (rows, expected)

    def _looked(
        self,
        batches: Iterable,
        stream: Iterator | None,
        first: Any,
        kept: list | None,
        plan: tuple[list, tuple[int, int | None]],
    ) -> dict[tuple[str, str, str], Value]:
        """The values of all pairs in tiles, pass by pass."""
        found: dict[tuple[str, str, str], Value] = {}
        counts = []
        for passing in plan[0]:
            for k, each in enumerate(self._streams):
                each.begin([tile for number, tile in passing if number == k], self._room, plan[1])
            count = 0
            for batch in batches_of(batches) if stream is None else chain([first], stream):
                if kept is None or not self._whole:
                    kept, rows = self._run(batch)
                else:
                    rows = plan[1][0]
                for each, taken in zip(self._streams, kept, strict=True):
                    each.add(taken)
                kept, count = None, count + rows
            counts.append(count)
            if count != counts[0]:
                raise InputError(
                    f"batches gave {counts[0]} inputs in the first pass and {count} in another; give an "
                    "iterable that can be read again, or more memory for one pass"
                )
            stream = None
            for each in self._streams:
                found.update(((index.spec, a[1], b[1]), value) for index, a, b, value in each.close())
        return found

    def _run(self, batch: Any, speculative: bool = False) -> tuple[list[dict[Layer, Any]], int]:
        """Run both networks on a batch: what each stream takes of every layer, and the number of inputs.

        speculative: before it is known what fits; nothing is kept where it would be more than half of the room.
        """
        kept: list[dict[Layer, Any]] = [{} for _ in self._streams]

        def take(side: str, layer: str, output: Tensor) -> None:
            for stream, taken in zip(self._streams, kept, strict=True):
                taken[side, layer] = stream.take(side, layer, output)
            if speculative and sum(stream.held() for stream in self._streams) > self._room // 2:
                self._whole = False
                for stream, taken in zip(self._streams, kept, strict=True):
                    stream.let_go()
                    taken.clear()

        counts = {}
        for side in dict.fromkeys(self._sides):
            call = side.inputs(batch)
            side.taps(call, partial(take, side.name))
            counts[side.name] = call.rows
        if len(set(counts.values())) > 1:
            raise InputError(
                f"a batch has {counts['a']} inputs for a and {counts['b']} for b; both must be of the "
                "same things, in the same order"
            )
        return kept, counts["a"]

    def _keys(self) -> tuple[list[Layer], list[Layer]]:
        """The layers of both sides that are read."""
        return tuple(
            [(side.name, layer) for layer in layers if layer not in side.taps.unknown]
            for side, layers in zip(self._sides, self.layers, strict=True)
        )

    def _others(self, found: dict) -> dict[tuple[str, str, str], Value]:
        """What is said of the pairs that have no value."""
        others = {}
        for stream in self._streams:
            for a in self.layers[0]:
                for b in self.layers[1]:
                    if (stream.indices[0].spec, a, b) in found:
                        continue
                    reasons = [
                        side.taps.unknown[layer]
                        for side, layer in zip(self._sides, (a, b), strict=True)
                        if layer in side.taps.unknown
                    ]
                    keys = [(side.name, layer) for side, layer in zip(self._sides, (a, b), strict=True)]
                    values = (
                        [(index, Value(None, "skipped", reasons[0])) for index in stream.indices]
                        if reasons
                        else stream.unpaired(*keys)
                    )
                    others.update(((index.spec, a, b), value) for index, value in values)
        return others
