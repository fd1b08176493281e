"""Minibatches: an index that is a ratio of sums over minibatches, of all pairs of layers of two networks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import Tensor

from simbench.comparison.passes import Layer, Tile, tiles
from simbench.contracts import Index
from simbench.errors import InputError, Spoilt, Undefined
from simbench.isolation.loans import lend
from simbench.measuring.value import MIN_ROWS, Side, Value, failed, value
from simbench.moments.coordinates import rounding_only
from simbench.moments.precision import widened
from simbench.moments.views import rows


class MinibatchStream:
    """An index of minibatches: sums over batches of the inner products of its vectors."""

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
        self._wanted: set[Layer] | None = None
        self._sums: dict[tuple[Layer, Layer], Tensor] = {}
        self._own: dict[Layer, Tensor] = {}
        self._moving: set[Layer] = set()
        self._undefined: dict[Layer, str] = {}
        self._varying: set[Layer] = set()
        self._spoilt: Spoilt | None = None

    def take(self, side: str, layer: str, x: Tensor) -> tuple[bool, list[Tensor] | str] | None:
        """Whether the output of a layer varies, and its vector for every minibatch, or why it has none; None where it
        is not looked at."""
        if self._wanted is not None and (side, layer) not in self._wanted:
            return None
        index, given = self.indices[0], self._rows(x)
        x = given if index.any_precision else widened(given)
        parts = [part for part in x.split(index.minibatches) if len(part) >= MIN_ROWS]
        self._bytes[side, layer] = sum(8 * len(part) ** 2 for part in parts)
        try:
            vectors = [lend(index, index.of_batch, part) for part in ([] if self._spoilt else parts)]
            finite = all(bool(vector.isfinite().all()) for vector in vectors)
            self._bytes[side, layer] = sum(8 * vector.numel() for vector in vectors)
        except Undefined as undefined:
            vectors, finite = str(undefined), bool(x.isfinite().all())
        except Spoilt as change:  # the layers after this one, and the other indices, go on as if it were not there
            self._spoilt, vectors, finite = change, [], True
        if not finite:
            raise InputError(f"layer {layer!r} has NaN or infinite activations; give finite ones")
        moves = not (bool((x[0] == x[-1]).all()) and bool((x == x[:1]).all()))
        if (
            moves
            and (side, layer) not in self._varying
            and any(not rounding_only(part) for part in given.split(index.minibatches))
        ):
            self._varying.add((side, layer))  # beyond rounding, within a minibatch; not looked at again
        return moves, vectors

    def _rows(self, x: Tensor) -> Tensor:
        if self.view == "flat" and x.ndim == 4 and self._any_order:
            return x.permute(0, 2, 3, 1).flatten(1)  # no copy in channels-last memory
        return rows(x, self.view)

    def held(self) -> int:
        """Bytes of the vectors that `take` has handed out of a batch."""
        return sum(self._bytes.values())

    def let_go(self) -> None:
        """Nothing that was handed out is needed."""

    def tiles(self, a: Sequence[Layer], b: Sequence[Layer], room: int, images: tuple[int, int | None]) -> list[Tile]:
        """All pairs of a with b, in parts that take no more bytes than there is room."""

        def cost(a: Sequence[Layer], b: Sequence[Layer]) -> int:
            each = {key: self._bytes[key] for key in (*a, *b)}
            return sum(each.values()) + 4 * max(each.values()) + 8 * len(a) * len(b)

        return tiles(a, b, cost, room, self._bytes.__getitem__)

    def begin(self, parts: Sequence[Tile], room: int, images: tuple[int, int | None]) -> None:
        """Look at these pairs from now on."""
        self._tiles = list(parts)
        self._wanted = {key for tile in parts for key in tile.layers}
        self._sums, self._own, self._moving, self._undefined = {}, {}, set(), {}

    def add(self, taken: Mapping[Layer, tuple[bool, list[Tensor]] | None]) -> None:
        """What `take` gave of a batch, layer by layer."""
        if self._spoilt:
            return
        self._moving.update(key for key in self._wanted if taken[key][0])
        self._undefined.update((key, taken[key][1]) for key in self._wanted if isinstance(taken[key][1], str))
        for key in self._wanted - self._undefined.keys():
            for f in taken[key][1]:
                self._own[key] = self._own.get(key, 0) + torch.dot(f, f)
        for i, j in self._pairs():
            # One by one: what a pair gives does not depend on which other pairs there are.
            for f, g in () if {i, j} & self._undefined.keys() else zip(taken[i][1], taken[j][1], strict=True):
                self._sums[i, j] = self._sums.get((i, j), 0) + torch.dot(f, g)

    def close(self) -> Iterator[tuple[Index, Layer, Layer, Value]]:
        """All batches are in: the values of the pairs that are looked at. InputError when no batch was large enough."""
        if self._wanted and not (self._own or self._undefined or self._spoilt):
            raise InputError(f"no batch has {MIN_ROWS} images, the fewest that {self.indices[0].spec} takes")
        for i, j in self._pairs():
            yield self.indices[0], i, j, self._ratio(i, j)

    def _pairs(self) -> Iterator[tuple[Layer, Layer]]:
        """Those that are looked at, each once."""
        yield from dict.fromkeys((i, j) for tile in self._tiles for i in tile.a for j in tile.b)

    def _ratio(self, i: Layer, j: Layer) -> Value:
        if self._spoilt:
            return failed(self._spoilt)
        named = [(key, f"{key[1]!r} of {name}") for key, name in ((i, "a"), (j, "b"))]
        sides = [Side(name, key not in self._moving, key not in self._varying) for key, name in named]

        def answer() -> tuple[float, str, None]:
            for key, name in named:
                if key in self._undefined:
                    raise Undefined(f"{name}: {self._undefined[key]}")
            for key, name in named:
                if not self._own[key] > 0:
                    raise Undefined(
                        f"the minibatches of {name} have no inner product with themselves beyond rounding, as where "
                        "all rows are equally far apart: undefined"
                    )
            return float(self._sums[i, j] / self._own[i].sqrt() / self._own[j].sqrt()), "", None

        return value(self.indices[0], sides, answer)
