"""Values of indices that need samples for all pairs of layers of two networks, from batches of their outputs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial

import torch
from torch import Tensor

from simbench.comparison.drawing import Draw, Sample
from simbench.comparison.passes import Layer, Tile, readable, tiles
from simbench.comparison.streams import Shape
from simbench.comparison.table import values
from simbench.contracts import Index
from simbench.errors import InputError
from simbench.measuring.value import Side, Value, not_finite, unpaired
from simbench.moments.views import CANONICAL, rows

#: Of a layer in a batch, by number of rows drawn at most: the draw after the batch, and the rows drawn of it.
Taken = dict[int | None, tuple[Draw, Tensor]]
#: Matrices of n x n numbers that an index may need at a time for two layers: their states, and what it works with.
_WORKING = 4


class SampleStream:
    """Indices that need samples, in any view, on the same drawn rows of all layers that pair: pixels of the images in
    view spatial, else images."""

    def __init__(self, indices: Sequence[Index], view: str) -> None:
        self.indices, self.view = indices, view
        self._limits = list(dict.fromkeys(index.max_rows for index in indices))
        self._shapes: dict[Layer, Shape] = {}
        self._layers: set[Layer] | None = None
        self._tiles: list[Tile] = []
        self._room = 0
        self._before: dict[tuple, Draw] = {}
        self._after: dict[tuple, Draw] = {}
        self._held: dict[Layer, int] = {}
        self._samples: dict[tuple[Layer, int | None], Sample] = {}
        self._sides: dict[tuple[Layer, int | None], Side] = {}

    def take(self, side: str, layer: str, x: Tensor) -> Taken | None:
        """The rows drawn of a layer of side "a" or "b" from its output x (n, p) or (n, c, h, w) on a batch; None if the
        layer is in no tile. InputError if its size has changed, and for NaN and infinity."""
        key, size, known = (side, layer), tuple(x.shape[2:]) or (1, 1), self._shapes.get((side, layer))
        given = rows(x, self.view, CANONICAL[x.ndim])
        if known is not None and ((known.size != size and self.view != "pooled") or known.width != given.shape[1]):
            raise InputError(
                "layers change their height and width from batch to batch; give images of one size, or view='pooled'"
            )
        if known is None:
            self._shapes[key] = Shape(size, given.shape[1], given.shape[1] * given.element_size(), len(given))
        if self._layers is not None and key not in self._layers:
            return None
        if not bool(given.sum(dtype=torch.float64).isfinite()) and not bool(given.isfinite().all()):
            raise InputError(f"{not_finite(f'{layer!r} of {side}')}; give finite ones")
        taken: Taken = {}
        for most in self._limits:
            draw = self._draw(key, most, len(given))
            taken[most] = draw, given[draw.taken.to(given.device)]
        self._held[key] = sum(part.nbytes for _, part in taken.values())
        return taken

    def _draw(self, key: Layer, most: int | None, count: int) -> Draw:
        """After this batch, the same for all layers that pair."""
        place = (self._group(key), most)
        if place not in self._after:
            self._after[place] = self._before.get(place, Draw(most)).after(count)
        return self._after[place]

    def held(self) -> int:
        """Bytes of what `take` returned for one batch."""
        return sum(self._held.values())

    def let_go(self) -> None:
        """Drop what `take` returned. Nothing is held here."""
        self._held = {}

    def tiles(self, a: Sequence[Layer], b: Sequence[Layer], room: int, images: tuple[int, int | None]) -> list[Tile]:
        """All pairs of a with b whose rows pair, in tiles of at most `room` bytes.

        images: of a batch, and at most in all (None: not known).
        """
        parts = []
        for group in dict.fromkeys(self._group(key) for key in a):
            sides = [[key for key in side if self._group(key) == group] for side in (a, b)]
            if all(sides):
                parts += tiles(
                    sides[0], sides[1], lambda a, b: self._cost(a, b, images), room, lambda key: self._shapes[key].width
                )
        return parts

    def _cost(self, a: Sequence[Layer], b: Sequence[Layer], images: tuple[int, int | None]) -> int:
        """Bytes of the rows of these layers, and of the work on two of them."""
        shapes = [self._shapes[key] for key in dict.fromkeys((*a, *b))]
        batch = max(shape.rows for shape in shapes)
        expected = batch if images[1] is None else -(-batch // images[0]) * images[1]
        counts = [expected if most is None else min(most, expected if images[1] else most) for most in self._limits]
        widest, most = max(shape.width for shape in shapes), max(counts)
        return sum(shape.bytes for shape in shapes) * sum(counts) + 8 * most * (_WORKING * most + 3 * widest)

    def begin(self, parts: Sequence[Tile], room: int, images: tuple[int, int | None], spare: int) -> None:
        """Start a pass over the data that computes the pairs of these tiles."""
        self._tiles, self._room = list(parts), room
        self._layers = {key for tile in parts for key in tile.layers}
        self._before, self._after, self._samples, self._sides = {}, {}, {}, {}

    def add(self, taken: Mapping[Layer, Taken | None]) -> None:
        """Add a batch: layer -> what `take` returned. InputError if more rows come in than fit in memory."""
        for key in self._layers or ():
            for most, (draw, part) in (taken[key] or {}).items():
                self._before[self._group(key), most] = draw
                self._samples.setdefault((key, most), Sample()).add(part, draw)
        self._after = {}
        size = sum(sample.nbytes for sample in self._samples.values())
        if None in self._limits and size > self._room:
            names = ", ".join(index.spec for index in self.indices if index.max_rows is None)
            raise InputError(
                f"{names} need all rows, which take more than {readable(self._room)} by now; give more memory, fewer "
                "layers or fewer inputs"
            )

    def close(self) -> Iterator[tuple[Index, Layer, Layer, Value]]:
        """After the last batch: the values of the pairs of this pass, index by index."""
        size = sum(sample.nbytes for sample in self._samples.values())
        for index in self.indices:
            limit, given = index.max_rows, partial(self._rows, index.max_rows)
            for tile in self._tiles:
                sides = {key: self._side(key, limit) for key in tile.layers}
                note = self._note(tile.a[0], limit)
                yield from values(index, tile, sides, given, max(self._room - size, 0), note)
        self._samples = {}

    def _rows(self, most: int | None, key: Layer) -> Tensor:
        return self._samples[key, most].rows(self._before[self._group(key), most])

    def _side(self, key: Layer, most: int | None) -> Side:
        if (key, most) not in self._sides:
            self._sides[key, most] = Side.of_rows(key[1], self._rows(most, key))
        return self._sides[key, most]

    def _note(self, key: Layer, most: int | None) -> str:
        """How many rows were drawn, where not all were taken."""
        draw = self._before[self._group(key), most]
        return f"on {most} rows drawn of {draw.seen}" if len(draw.numbers) < draw.seen else ""

    def unpaired(self, a: Layer, b: Layer) -> str:
        """Why the rows of a and b do not pair."""
        return unpaired(*((f"{key[1]!r} of {name}", self._shapes[key].size) for key, name in ((a, "a"), (b, "b"))))

    def _group(self, key: Layer) -> object:
        """Layers of one group pair."""
        return self._shapes[key].size if self.view == "spatial" else "images"
