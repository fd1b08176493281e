"""Streams: what is kept of the layers of two networks, batch after batch, and the values of indices of moments."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import torch
from torch import Tensor

from simbench.comparison.passes import Layer, Tile, tiles
from simbench.comparison.spans import Spans
from simbench.contracts import Index
from simbench.errors import InputError
from simbench.isolation.answers import asked
from simbench.measuring.value import MIN_ROWS, Side, Value, value
from simbench.moments.layers import LayerMoments
from simbench.moments.memory import taken
from simbench.moments.pair import Moments
from simbench.moments.views import rows

#: Most neurons in view flat whose moments are taken: 128 MB a layer.
MOST_NEURONS = 4096


@dataclass(frozen=True)
class Shape:
    """What the first batch tells of a layer: height and width, neurons and bytes of a row, rows of a batch."""

    size: tuple[int, ...]
    width: int
    bytes: int
    rows: int


class MomentStream:
    """Indices of moments, in any view; of spatial rows for layers of equal height and width."""

    def __init__(self, indices: Sequence[Index], view: str) -> None:
        self.indices, self.view = indices, view
        self._shapes: dict[Layer, Shape] = {}
        self._kept: dict[Layer, Tensor] = {}
        self._wanted: set[Layer] | None = None
        self._tiles: list[tuple[Tile, LayerMoments]] = []

    def take(self, side: str, layer: str, x: Tensor) -> Tensor | None:
        """Rows of the output of a layer of side a or b, (n, p) or (n, c, h, w), good until its next; none of what is
        too wide or not looked at in this pass."""
        size, key, known = tuple(x.shape[2:]) or (1, 1), (side, layer), self._shapes.get((side, layer))
        if known is not None and ((known.size != size and self.view != "pooled") or known.width != self._width(x)):
            raise InputError(
                "layers change their height and width from batch to batch; give images of one size, or view='pooled'"
            )
        if known is None:
            count = len(x) * (x[0, 0].numel() if self.view == "spatial" else 1)
            self._shapes[key] = Shape(size, self._width(x), self._width(x) * x.element_size(), count)
        if self._too_wide(key) or (self._wanted is not None and key not in self._wanted):
            return None
        given, kept = rows(x, self.view), self._kept.get(key)
        if kept is None or kept.shape[1] != given.shape[1] or len(kept) < len(given):
            kept = self._kept[key] = torch.empty_like(given, memory_format=torch.contiguous_format)
        return kept[: len(given)].copy_(given)

    def _width(self, x: Tensor) -> int:
        return x[0].numel() if self.view == "flat" else x.shape[1]

    def held(self) -> int:
        """Bytes of the rows that `take` has handed out."""
        return sum(kept.numel() * kept.element_size() for kept in self._kept.values())

    def let_go(self) -> None:
        """Nothing that was handed out is needed."""
        self._kept = {}

    def tiles(self, a: Sequence[Layer], b: Sequence[Layer], room: int, images: tuple[int, int | None]) -> list[Tile]:
        """All pairs of a with b that pair, in parts that take no more bytes than there is room.

        images: of a batch, and the most in all where that is known.
        """
        found = []
        for group in dict.fromkeys(self._group(key) for key in a):
            sides = [[key for key in side if self._group(key) == group] for side in (a, b)]
            if group is not None and all(sides):
                found += tiles(
                    *sides, lambda a, b: self._planned(a, b, room, images)[0], room, lambda key: self._shapes[key].width
                )
        return found

    def _planned(
        self, a: Sequence[Layer], b: Sequence[Layer], room: int, images: tuple[int, int | None]
    ) -> tuple[int, int]:
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
        """Every pair once: of two layers of one network, whose transpose is the other, in the order of the layers."""
        order = {key: i for i, key in enumerate(self._shapes)}
        return list(dict.fromkeys((i, j) if i[0] != j[0] or order[i] <= order[j] else (j, i) for i in a for j in b))

    def begin(self, parts: Sequence[Tile], room: int, images: tuple[int, int | None]) -> None:
        """Look at these pairs from now on."""
        self._tiles = [
            (tile, LayerMoments(self._pairs(tile.a, tile.b), self._planned(tile.a, tile.b, room, images)[1]))
            for tile in parts
        ]
        self._wanted = {key for tile in parts for key in tile.layers}
        self._kept = {key: kept for key, kept in self._kept.items() if key in self._wanted}

    def add(self, taken: Mapping[Layer, Tensor | None]) -> None:
        """What `take` gave of a batch, layer by layer."""
        for _, blocks in self._tiles:
            blocks.add(taken)
            self._finite(blocks)

    def _finite(self, blocks: LayerMoments) -> None:
        spoilt = blocks.spoilt()
        if spoilt is not None:
            raise InputError(f"layer {spoilt[1]!r} of {spoilt[0]} has NaN or infinite activations; give finite ones")

    def close(self) -> Iterator[tuple[Index, Layer, Layer, Value]]:
        """All batches are in: the values of the pairs that are looked at. InputError for NaN and infinity, as in
        `add`, which sees it after some rows."""
        self._kept = {}
        for _, blocks in self._tiles:
            blocks.close()
            self._finite(blocks)
        while self._tiles:
            yield from self._values(*self._tiles.pop(0))

    def _values(self, tile: Tile, blocks: LayerMoments) -> Iterator[tuple[Index, Layer, Layer, Value]]:
        single = len(blocks.pairs) == 1
        spans = Spans(blocks.rows, 0 if single else tile.bytes - blocks.held())
        wanted = {(i, j) for i in tile.a for j in tile.b}
        for i, j in blocks.pairs:
            if blocks.n < MIN_ROWS:
                raise InputError(
                    f"the batches have {blocks.n} rows in view {self.view!r}; at least {MIN_ROWS} are needed"
                )
            wide = blocks.wide(i, j)
            m = None if wide else blocks.pair(i, j)
            for a, b in dict.fromkeys(((i, j), (j, i))):
                if (a, b) not in wanted:
                    continue
                if m is not None and (a, b) != (i, j):
                    m = m.swap()
                sides = [
                    Side(f"{key[1]!r} of {name}", blocks.constant(key), blocks.rounding(key))
                    for key, name in ((a, "a"), (b, "b"))
                ]
                for index in self.indices:
                    if single and m is not None:
                        m = Moments(replace(m.a), replace(m.b), m.ab)  # without what the last index made of it
                    yield index, a, b, value(index, sides, partial(_answer, index, m, spans, a, b))

    def unpaired(self, a: Layer, b: Layer) -> Iterator[tuple[Index, Value]]:
        """The rows of a pair that is in no tile: why there is no value."""
        yield from ((index, Value(None, "skipped", self._problem(a, b))) for index in self.indices)

    def _too_wide(self, key: Layer) -> bool:
        return self.view == "flat" and self._shapes[key].width > MOST_NEURONS

    def _group(self, key: Layer) -> object:
        """What two layers must share for their rows to pair; None pairs with nothing."""
        if self._too_wide(key):
            return None
        return self._shapes[key].size if self.view == "spatial" else "images"

    def _problem(self, a: Layer, b: Layer) -> str:
        for key in (a, b):
            if self._too_wide(key):
                return (
                    f"{key[1]!r} has more than {MOST_NEURONS} neurons: too many for moments in view flat; "
                    "view='pooled', or an index of minibatches"
                )
        sizes = [" x ".join(map(str, self._shapes[key].size)) for key in (a, b)]
        return f"{a[1]!r} is {sizes[0]} and {b[1]!r} {sizes[1]}: pixels do not pair; view='pooled' pairs all"


def _answer(index: Index, m: Moments | None, spans: Spans, a: Layer, b: Layer) -> tuple:
    """What an index answers for the moments of a pair; None: for those of its spans."""
    return asked(index, spans.moments(index, a, b) if m is None else m)
