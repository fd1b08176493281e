"""Values of indices of moments for all pairs of layers of two networks, from batches of their outputs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial

import torch
from torch import Tensor

from simbench.comparison.ahead import Read, ahead
from simbench.comparison.passes import Layer, Tile, tiles
from simbench.comparison.spans import Spans
from simbench.contracts import Index
from simbench.errors import InputError
from simbench.isolation.answers import ask
from simbench.measuring.value import Side, Value, not_finite, unpaired, value
from simbench.moments.layers import LayerMoments
from simbench.moments.memory import bases, taken
from simbench.moments.pair import Moments
from simbench.moments.views import CANONICAL, rows

#: Most neurons of a layer in view flat; its moments take 128 MB.
MOST_NEURONS = 4096


@dataclass(frozen=True)
class Shape:
    """Sizes of a layer in the first batch. size: height and width. width: neurons of a row. bytes: of a row. rows: of
    the batch."""

    size: tuple[int, ...]
    width: int
    bytes: int
    rows: int


class MomentStream:
    """Indices of moments in any view; in view spatial, layers of equal height and width pair."""

    def __init__(self, indices: Sequence[Index], view: str) -> None:
        self.indices, self.view = indices, view
        self._shapes: dict[Layer, Shape] = {}
        self._buffers: dict[Layer, Tensor] = {}
        self._layers: set[Layer] | None = None
        self._tiles: list[tuple[Tile, LayerMoments]] = []
        self._read: Read = {}
        self._spare = 0

    def take(self, side: str, layer: str, x: Tensor) -> Tensor | None:
        """Rows of a layer of side "a" or "b" for its output x (n, p) or (n, c, h, w) on a batch, in a buffer that the
        next batch overwrites; None if the layer is too wide or in no tile. InputError if its size has changed."""
        size, key, known = tuple(x.shape[2:]) or (1, 1), (side, layer), self._shapes.get((side, layer))
        if known is not None and ((known.size != size and self.view != "pooled") or known.width != self._width(x)):
            raise InputError(
                "layers change their height and width from batch to batch; give images of one size, or view='pooled'"
            )
        if known is None:
            count = len(x) * (x[0, 0].numel() if self.view == "spatial" else 1)
            self._shapes[key] = Shape(size, self._width(x), self._width(x) * x.element_size(), count)
        if self._too_wide(key) or (self._layers is not None and key not in self._layers):
            return None
        given, buffer = rows(x, self.view, CANONICAL[x.ndim]), self._buffers.get(key)
        if buffer is None or buffer.shape[1] != given.shape[1] or len(buffer) < len(given):
            buffer = self._buffers[key] = torch.empty_like(given, memory_format=torch.contiguous_format)
        return buffer[: len(given)].copy_(given)

    def _width(self, x: Tensor) -> int:
        return x[0].numel() if self.view == "flat" else x.shape[1]

    def held(self) -> int:
        """Bytes of the buffers of `take`."""
        return sum(buffer.numel() * buffer.element_size() for buffer in self._buffers.values())

    def let_go(self) -> None:
        """Drop the buffers of `take`."""
        self._buffers = {}

    def tiles(self, a: Sequence[Layer], b: Sequence[Layer], room: int, images: tuple[int, int | None]) -> list[Tile]:
        """All pairs of a with b whose rows pair, in tiles of at most `room` bytes.

        images: of a batch, and at most in all (None: not known).
        """
        parts = []
        for group in dict.fromkeys(self._group(key) for key in a):
            sides = [[key for key in side if self._group(key) == group] for side in (a, b)]
            if group is not None and all(sides):
                parts += tiles(
                    *sides, lambda a, b: self._planned(a, b, room, images)[0], room, lambda key: self._shapes[key].width
                )
        return parts

    def _planned(
        self, a: Sequence[Layer], b: Sequence[Layer], room: int, images: tuple[int, int | None]
    ) -> tuple[int, int]:
        """Bytes of the moments of all pairs of a with b, and the `limit` of their `LayerMoments`."""
        shapes = {key: self._shapes[key] for key in (*a, *b)}
        batch = max(shape.rows for shape in shapes.values())
        expected = None if images[1] is None else -(-batch // images[0]) * images[1]
        return taken(
            *({key: self._shapes[key].width for key in side} for side in (a, b)),
            {key: shape.bytes for key, shape in shapes.items()},
            batch,
            expected,
            room,
        )

    def _pairs(self, a: Sequence[Layer], b: Sequence[Layer]) -> list[tuple[Layer, Layer]]:
        """All pairs of a with b. Of (i, j) and (j, i) in one network, whose moments are transposes, only the one in the
        order of the layers."""
        order = {key: i for i, key in enumerate(self._shapes)}
        return list(dict.fromkeys((i, j) if i[0] != j[0] or order[i] <= order[j] else (j, i) for i in a for j in b))

    def begin(self, parts: Sequence[Tile], room: int, images: tuple[int, int | None], spare: int) -> None:
        """Start a pass over the data that computes the pairs of these tiles. spare: bytes that no tile of the pass, of
        any stream, takes."""
        self._tiles = [
            (tile, LayerMoments(self._pairs(tile.a, tile.b), self._planned(tile.a, tile.b, room, images)[1]))
            for tile in parts
        ]
        self._layers = {key for tile in parts for key in tile.layers}
        self._spare = spare
        self._buffers = {key: buffer for key, buffer in self._buffers.items() if key in self._layers}

    def add(self, taken: Mapping[Layer, Tensor | None]) -> None:
        """Add a batch: layer -> what `take` returned. InputError for NaN and infinity."""
        for _, moments in self._tiles:
            moments.add(taken)
            self._must_be_finite(moments)

    def _must_be_finite(self, moments: LayerMoments) -> None:
        key = moments.spoilt()
        if key is not None:
            raise InputError(f"{not_finite(f'{key[1]!r} of {key[0]}')}; give finite ones")

    def close(self) -> Iterator[tuple[Index, Layer, Layer, Value]]:
        """After the last batch: the values of the pairs of this pass. InputError for NaN and infinity, which `add`
        may have missed in the last rows."""
        self._buffers = {}
        for _, moments in self._tiles:
            moments.close()
            self._must_be_finite(moments)
        while self._tiles:
            yield from self._values(*self._tiles.pop(0))

    def _values(self, tile: Tile, moments: LayerMoments) -> Iterator[tuple[Index, Layer, Layer, Value]]:
        # The bytes of a tile of one pair are those of one decomposition at a time, and not of what indices share.
        single = len(moments.pairs) == 1
        bare = single and self._spare < bases(self._shapes[key].width for key in tile.layers)
        spans = Spans(moments.rows, 0 if single else tile.bytes - moments.held())
        in_tile = {(i, j) for i in tile.a for j in tile.b}

        def made(pair: tuple[Layer, Layer]) -> Moments | None:
            return None if moments.wide(*pair) else moments.pair(*pair)

        widest = max(self._shapes[key].width for key in tile.layers)
        with closing(ahead(moments.pairs, made, widest, None if bare else self._read)) as ready:
            for (i, j), m in ready:
                for a, b in dict.fromkeys(((i, j), (j, i))):
                    if (a, b) not in in_tile:
                        continue
                    if m is not None and (a, b) != (i, j):
                        m = m.swap()
                    sides = [
                        Side(f"{key[1]!r} of {name}", moments.constant(key), moments.rounding(key), rows=moments.n)
                        for key, name in ((a, "a"), (b, "b"))
                    ]
                    for index in self.indices:
                        if bare and m is not None:
                            m = Moments(replace(m.a), replace(m.b), m.ab)  # without what the last index cached in it
                        yield index, a, b, value(index, sides, partial(_answer, index, m, spans, a, b))

    def unpaired(self, a: Layer, b: Layer) -> str:
        """Why the rows of a and b do not pair, or have no moments."""
        for key in (a, b):
            if self._too_wide(key):
                return (
                    f"{key[1]!r} has more than {MOST_NEURONS} neurons: too many for moments in view flat; "
                    "view='pooled', or an index of minibatches"
                )
        return unpaired(*((f"{key[1]!r} of {name}", self._shapes[key].size) for key, name in ((a, "a"), (b, "b"))))

    def _too_wide(self, key: Layer) -> bool:
        return self.view == "flat" and self._shapes[key].width > MOST_NEURONS

    def _group(self, key: Layer) -> object:
        """Layers of one group pair; a layer of group None pairs with none."""
        if self._too_wide(key):
            return None
        return self._shapes[key].size if self.view == "spatial" else "images"


def _answer(index: Index, m: Moments | None, spans: Spans, a: Layer, b: Layer) -> tuple:
    """The answer of an index for the moments of a pair, or, if they are None, for those of its spans."""
    return ask(index, spans.moments(index, a, b) if m is None else m)
