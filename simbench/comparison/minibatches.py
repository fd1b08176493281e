"""Values of an index that is a ratio of sums over minibatches, for all pairs of layers of two networks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import Tensor

from simbench.comparison.passes import Layer, Tile, tiles
from simbench.contracts import Index
from simbench.errors import Inapplicable, InputError, Spoilt, Undefined
from simbench.isolation.loans import lend
from simbench.measuring.value import MIN_ROWS, Side, Value, failed, not_finite, value
from simbench.moments.coordinates import rounding_only
from simbench.moments.precision import widened
from simbench.moments.views import CANONICAL, rows

#: Of a layer in a batch: whether it varies, and its vector for every minibatch, or why the index gives none.
Vectors = tuple[bool, list[Tensor] | Undefined | Inapplicable]


class MinibatchStream:
    """An index of minibatches: sums over minibatches of the inner products of its vectors."""

    def __init__(self, index: Index, view: str) -> None:
        if view == "spatial":
            raise InputError(
                f"{index.spec} takes minibatches of images, and a row in view 'spatial' is a pixel; give "
                "view='flat' or view='pooled'"
            )
        self.indices, self.view = (index,), view
        claims = index.claims
        self._any_order = all("permutation" in side for side in (claims.invariances_a, claims.invariances_b))
        self._tiles: list[Tile] = []
        self._bytes: dict[Layer, int] = {}
        self._layers: set[Layer] | None = None
        self._sums: dict[tuple[Layer, Layer], Tensor] = {}
        self._own: dict[Layer, Tensor] = {}
        self._moving: set[Layer] = set()
        self._refused: dict[Layer, Undefined | Inapplicable] = {}
        self._varying: set[Layer] = set()
        self._spoilt: Spoilt | None = None

    def take(self, side: str, layer: str, x: Tensor) -> Vectors | None:
        """The vectors of a layer of side "a" or "b" for its output x on a batch; None if the layer is in no tile."""
        if self._layers is not None and (side, layer) not in self._layers:
            return None
        index, given = self.indices[0], self._rows(x)
        x = given if index.any_precision else widened(given)
        parts = [part for part in x.split(index.minibatches) if len(part) >= MIN_ROWS]
        self._bytes[side, layer] = sum(8 * len(part) ** 2 for part in parts)
        try:
            vectors = [lend(index, index.of_batch, part) for part in ([] if self._spoilt else parts)]
            finite = all(bool(vector.isfinite().all()) for vector in vectors)
            self._bytes[side, layer] = sum(8 * vector.numel() for vector in vectors)
        except (Undefined, Inapplicable) as reason:
            vectors, finite = reason, bool(x.isfinite().all())
        except Spoilt as change:  # the index has failed; further layers and other indices go on
            self._spoilt, vectors, finite = change, [], True
        if not finite:
            raise InputError(f"{not_finite(f'{layer!r} of {side}')}; give finite ones")
        moves = not (bool((x[0] == x[-1]).all()) and bool((x == x[:1]).all()))
        if (
            moves
            and (side, layer) not in self._varying
            and any(not rounding_only(part) for part in given.split(index.minibatches))
        ):
            self._varying.add((side, layer))  # beyond rounding, within a minibatch; not tested again
        return moves, vectors

    def _rows(self, x: Tensor) -> Tensor:
        if self.view == "flat" and x.ndim == 4 and self._any_order:
            return x.permute(0, 2, 3, 1).flatten(1)  # no copy in channels-last memory
        return rows(x, self.view, CANONICAL[x.ndim])

    def held(self) -> int:
        """Bytes of the vectors that `take` returned for one batch."""
        return sum(self._bytes.values())

    def let_go(self) -> None:
        """Drop what `take` returned. Nothing is held here."""

    def tiles(self, a: Sequence[Layer], b: Sequence[Layer], room: int, images: tuple[int, int | None]) -> list[Tile]:
        """All pairs of a with b, in tiles of at most `room` bytes."""

        def cost(a: Sequence[Layer], b: Sequence[Layer]) -> int:
            each = {key: self._bytes[key] for key in (*a, *b)}
            return sum(each.values()) + 4 * max(each.values()) + 8 * len(a) * len(b)

        return tiles(a, b, cost, room, self._bytes.__getitem__)

    def begin(self, parts: Sequence[Tile], room: int, images: tuple[int, int | None], spare: int) -> None:
        """Start a pass over the data that computes the pairs of these tiles."""
        self._tiles = list(parts)
        self._layers = {key for tile in parts for key in tile.layers}
        self._sums, self._own, self._moving, self._refused = {}, {}, set(), {}

    def add(self, taken: Mapping[Layer, Vectors | None]) -> None:
        """Add a batch: layer -> what `take` returned."""
        if self._spoilt:
            return
        self._moving.update(key for key in self._layers if taken[key][0])
        self._refused.update((key, taken[key][1]) for key in self._layers if isinstance(taken[key][1], Exception))
        for key in self._layers - self._refused.keys():
            for f in taken[key][1]:
                self._own[key] = self._own.get(key, 0) + torch.dot(f, f)
        for i, j in self._pairs():
            # One product at a time: the sum of a pair does not depend on which other pairs there are.
            for f, g in () if {i, j} & self._refused.keys() else zip(taken[i][1], taken[j][1], strict=True):
                self._sums[i, j] = self._sums.get((i, j), 0) + torch.dot(f, g)

    def close(self) -> Iterator[tuple[Index, Layer, Layer, Value]]:
        """After the last batch: the values of the pairs of this pass. InputError if no batch was large enough."""
        if self._layers and not (self._own or self._refused or self._spoilt):
            raise InputError(f"no batch has {MIN_ROWS} images, the fewest that {self.indices[0].spec} takes")
        for i, j in self._pairs():
            yield self.indices[0], i, j, self._ratio(i, j)

    def _pairs(self) -> Iterator[tuple[Layer, Layer]]:
        """The pairs of this pass, each once."""
        yield from dict.fromkeys((i, j) for tile in self._tiles for i in tile.a for j in tile.b)

    def _ratio(self, i: Layer, j: Layer) -> Value:
        if self._spoilt:
            return failed(self._spoilt)
        named = [(key, f"{key[1]!r} of {name}") for key, name in ((i, "a"), (j, "b"))]
        sides = [Side(name, key not in self._moving, key not in self._varying) for key, name in named]

        def answer() -> tuple[float, str, None]:
            for key, name in named:
                if key in self._refused:
                    reason = self._refused[key]
                    raise (Undefined if isinstance(reason, Undefined) else Inapplicable)(f"{name}: {reason}")
            for key, name in named:
                if not self._own[key] > 0:
                    raise Undefined(
                        f"the minibatches of {name} have no inner product with themselves beyond rounding, as where "
                        "all rows are equally far apart: undefined"
                    )
            return float(self._sums[i, j] / self._own[i].sqrt() / self._own[j].sqrt()), "", None

        return value(self.indices[0], sides, answer)
