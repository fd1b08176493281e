"""All pairs of layers of two networks: both run on all batches, in as few passes as fit in memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import Any

import torch
from torch import Tensor

from simbench.comparison.passes import Layer, Tile, packed, readable
from simbench.comparison.repeated import Repeated
from simbench.errors import InputError
from simbench.measuring.value import Value
from simbench.moments.layers import Outgrown
from simbench.system.batches import counted
from simbench.tracing.hooks import Taps
from simbench.tracing.inputs import Inputs, batches_of

#: (index, layer of a, layer of b) -> value.
Values = dict[tuple[str, str, str], Value]
_NONE = object()


@dataclass(frozen=True)
class Side:
    """One of the two networks: its name "a" or "b", the hooks on its layers, and how batches become its inputs."""

    name: str
    taps: Taps
    inputs: Inputs


@dataclass(frozen=True)
class _Plan:
    """passes: the tiles of each pass, with the numbers of their streams. images: of a batch, and in all if known."""

    passes: list[list[tuple[int, Tile]]]
    images: tuple[int, int | None]

    @property
    def batches(self) -> int | None:
        return None if self.images[1] is None else -(-self.images[1] // self.images[0])


@dataclass(frozen=True)
class _First:
    """The first batch, what the streams took of it (None: it has to run again), and an iterator over the rest."""

    batch: Any
    taken: list[dict[Layer, Any]] | None
    rest: Iterator


class Reading:
    """Compares all pairs of layers of two sides in all streams; both sides are one object if the network is the same.

    layers: names of the layers of both sides, set by `values`; layers with a known layout come first.
    """

    def __init__(
        self,
        streams: Sequence,
        sides: tuple[Side, Side],
        names: tuple[list[str] | None, list[str] | None],
        room: int,
        masked: bool = False,
    ) -> None:
        """names: of the requested layers of a and of b, or patterns; None for all.
        room: bytes for all streams together.
        masked: rows are tokens, and those that are padding are left out."""
        self._streams, self._sides, self._names, self._room = streams, sides, names, room
        self.masked = masked
        self.layers: tuple[list[str], list[str]] = ([], [])

    def values(self, batches: Iterable) -> Values:
        """The value of every index on every pair of layers.

        The first batch runs before the passes are planned, because it shows the layers and their sizes. InputError if
        there are no batches, or if several passes are needed and `batches` can be read only once.
        """
        iterator = batches_of(batches)
        batch = next(iterator, _NONE)
        if batch is _NONE:
            raise InputError("batches is empty; give at least one batch of inputs")
        taken, images = self._run(batch, speculative=True)
        self.layers = tuple(side.taps.expanded(names) for names, side in zip(self._names, self._sides, strict=True))
        try:
            total = len(batches) * images
        except TypeError:
            total = None
        repeatable = iterator is not batches  # an iterator iterates over itself
        try:
            values = self._passes(batches, self._plan(images, total, repeatable), _First(batch, taken, iterator))
        except Outgrown:
            values = self._passes(batches, self._plan(images, None, True), None)
        return {**self._unpaired(values), **values}

    def _plan(self, images: int, total: int | None, repeatable: bool) -> _Plan:
        """The passes for batches of so many images. repeatable: the batches can be read more than once."""
        layers = self._readable_layers()
        numbered = [
            (number, tile)
            for number, stream in enumerate(self._streams)
            for tile in stream.tiles(*layers, self._room, (images, total))
        ]
        passes = packed(numbered, self._room)
        if len(passes) > 1 and not repeatable:
            whole = [tile for stream in self._streams for tile in stream.tiles(*layers, 2**62, (images, total))]
            size = sum(tile.bytes for tile in whole)
            raise InputError(
                f"all pairs of layers in one pass take about {readable(size)} and memory has "
                f"room for {readable(self._room)}; batches can be read only once: give a list or a DataLoader, "
                "more memory, fewer layers, or view='pooled'"
            )
        return _Plan(passes or [[]], (images, total))

    def _passes(self, batches: Iterable, plan: _Plan, first: _First | None) -> Values:
        """The values of all pairs in tiles, pass by pass. first: the beginning of the first pass, already read."""
        values, repeated = Values(), Repeated()
        for at, tiles in enumerate(plan.passes, 1):
            name = f"pass {at} of {len(plan.passes)}"
            spare = self._room - sum(tile.bytes for _, tile in tiles)
            for number, stream in enumerate(self._streams):
                stream.begin([tile for of, tile in tiles if of == number], self._room, plan.images, spare)
            count = 0
            taken = None if first is None else first.taken
            read = batches_of(batches) if first is None else chain([first.batch], first.rest)
            for batch in counted(read, name, plan.batches):
                repeated.batch(batch)
                if taken is None:
                    taken, images = self._run(batch)
                else:
                    images = plan.images[0]
                for stream, of_stream in zip(self._streams, taken, strict=True):
                    stream.add(of_stream)
                taken, first, count = None, None, count + images
            repeated.end(count)
            for stream in self._streams:
                found = counted(stream.close(), f"values of {name}", None, "number")
                values.update(((index.spec, a[1], b[1]), value) for index, a, b, value in found)
        return values

    def _run(self, batch: Any, speculative: bool = False) -> tuple[list[dict[Layer, Any]] | None, int]:
        """Run both networks on a batch: what each stream takes of every layer, and the number of inputs.

        speculative: the passes are not planned yet. If the streams hold more than half of the room on the way, they
        drop everything, and None is returned in its place.
        """
        taken: list[dict[Layer, Any]] = [{} for _ in self._streams]
        complete = True

        def take(side: str, layer: str, output: Tensor) -> None:
            nonlocal complete
            for stream, of_stream in zip(self._streams, taken, strict=True):
                of_stream[side, layer] = stream.take(side, layer, output)
            if speculative and sum(stream.held() for stream in self._streams) > self._room // 2:
                complete = False
                for stream, of_stream in zip(self._streams, taken, strict=True):
                    stream.let_go()
                    of_stream.clear()

        counts, masks = {}, []
        for side in dict.fromkeys(self._sides):
            call = side.inputs(batch)
            side.taps(call, partial(take, side.name))
            counts[side.name] = call.rows
            masks += [] if call.mask is None else [call.mask.cpu()]
        if len(set(counts.values())) > 1:
            raise InputError(
                f"a batch has {counts['a']} inputs for a and {counts['b']} for b; both must be of the "
                "same things, in the same order"
            )
        if self.masked and len(masks) > 1 and not torch.equal(*masks):
            raise InputError("attention_mask of a batch differs between a and b: tokens do not pair; use view='pooled'")
        return taken if complete else None, counts["a"]

    def _readable_layers(self) -> tuple[list[Layer], list[Layer]]:
        """The layers of both sides whose layout is known."""
        return tuple(
            [(side.name, layer) for layer in layers if layer not in side.taps.unknown]
            for side, layers in zip(self._sides, self.layers, strict=True)
        )

    def _unpaired(self, values: Values) -> Values:
        """The pairs without a value, each with the reason."""
        unpaired: Values = {}
        for stream in self._streams:
            for a in self.layers[0]:
                for b in self.layers[1]:
                    if (stream.indices[0].spec, a, b) in values:
                        continue
                    pair = list(zip(self._sides, (a, b), strict=True))
                    reasons = [side.taps.unknown[layer] for side, layer in pair if layer in side.taps.unknown]
                    reason = reasons[0] if reasons else stream.unpaired(*((side.name, layer) for side, layer in pair))
                    unpaired.update(((index.spec, a, b), Value(None, "skipped", reason)) for index in stream.indices)
        return unpaired
