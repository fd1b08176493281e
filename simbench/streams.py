"""Streams: what is kept of the layers of two networks, batch after batch, and the values of indices for all pairs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from simbench.answers import asked, nan, refusal
from simbench.blocks import Blocks
from simbench.contracts import Index
from simbench.errors import Inapplicable, InputError, Spoilt
from simbench.evaluate import MIN_ROWS
from simbench.handed import lend
from simbench.moments import Moments
from simbench.views import rows

#: Most neurons in view flat whose moments are taken: 128 MB a layer.
MOST_NEURONS = 4096


@dataclass(frozen=True)
class Value:
    """One number of the frame; status as in a measurement (failed: the index changed what it was handed, or returned
    something else than a number in the range it claims)."""

    value: float = float("nan")
    status: str = "ok"
    note: str = ""


class MomentStream:
    """Indices of moments, in any view; of spatial rows for layers of equal height and width."""

    def __init__(self, indices: Sequence[Index], view: str) -> None:
        self.indices, self.view = indices, view
        self._blocks: dict[object, Blocks] = {}
        self._places: tuple[dict[str, tuple[object, int]], ...] = ()
        self._kept: dict[tuple[str, str], Tensor] = {}

    def take(self, side: str, layer: str, x: Tensor) -> tuple[tuple[int, ...], Tensor | None]:
        """Height, width and rows of the output of a layer of side a or b, good until its next; no rows of what is too
        wide."""
        size, neurons = tuple(x.shape[2:]) or (1, 1), x[0].numel()
        if self.view == "flat" and neurons > MOST_NEURONS:
            return size, None
        if self.view == "pooled" and x.ndim == 4:
            return size, x.mean((2, 3))
        given, kept = rows(x, self.view), self._kept.get((side, layer))
        if kept is None or kept.shape[1] != given.shape[1] or len(kept) < len(given):
            kept = self._kept[side, layer] = torch.empty_like(given, memory_format=torch.contiguous_format)
        return size, kept[:len(given)].copy_(given)

    def add(self, a: dict, b: dict | None) -> None:
        """What `take` gave of a batch, layer by layer; b is None where it is the same as a."""
        sides = [a] if b is None else [a, b]
        groups = [{key: [layer for layer in side if self._key(*side[layer]) == key]
                   for key in dict.fromkeys(self._key(*kept) for kept in side.values())} for side in sides]
        places = tuple({layer: (key, i) for key, layers in group.items() for i, layer in enumerate(layers)}
                       for group in groups)
        if self._places and places != self._places:
            raise InputError("layers change their height and width from batch to batch; give images of one size, or "
                             "view='pooled'")
        self._places = places
        for key in groups[0]:
            if key is None or any(key not in group for group in groups):
                continue
            parts = [[side[layer][1] for layer in group[key]] for side, group in zip(sides, groups)]
            blocks = self._blocks.setdefault(key, Blocks())
            blocks.add(parts[0], parts[1] if b is not None else None)
            self._finite(key)

    def close(self) -> None:
        """All batches are in. InputError for NaN and infinity, as in `add`, which sees it after some rows."""
        for key, blocks in self._blocks.items():
            blocks.close()
            self._finite(key)

    def _finite(self, key: object) -> None:
        spoilt = self._blocks[key].spoilt()
        if spoilt is not None:
            names = [f"layer {layer!r} of {name}" for name, side in zip("ab", self._places)
                     for layer, (where, _) in side.items() if where == key]
            raise InputError(f"{names[spoilt]} has NaN or infinite activations; give finite ones")

    def _key(self, size: tuple[int, ...], kept: Tensor | None) -> object:
        """What two layers must share for their rows to pair; None pairs with nothing."""
        if kept is None:
            return None
        return size if self.view == "spatial" else "images"

    def values(self, layer_a: str, layer_b: str) -> Iterator[tuple[Index, Value]]:
        """The value of every index for a pair of layers."""
        (key_a, i), (key_b, j) = self._places[0][layer_a], self._places[-1][layer_b]
        problem = self._unpaired((layer_a, key_a), (layer_b, key_b))
        if problem:
            yield from ((index, Value(status="skipped", note=problem)) for index in self.indices)
            return
        m = self._blocks[key_a].pair(i, j, shared=len(self.indices) > 1)
        if m.n < MIN_ROWS:
            raise InputError(f"the batches have {m.n} rows in view {self.view!r}; at least {MIN_ROWS} are needed")
        constant = [name for name, side in ((f"{layer_a!r} of a", m.a), (f"{layer_b!r} of b", m.b)) if side.constant]
        for index in self.indices:
            yield index, Value(status="skipped", note=_still(constant[0])) if constant else _value(index, m)

    def _unpaired(self, *sides: tuple[str, object]) -> str:
        """Why the rows of two layers do not pair, or ""."""
        for layer, key in sides:
            if key is None:
                return (f"{layer!r} has more than {MOST_NEURONS} neurons: too many for moments in view flat; "
                        "view='pooled', or cka[estimator=minibatch]")
        (layer_a, key_a), (layer_b, key_b) = sides
        if key_a == key_b:
            return ""
        sizes = [" x ".join(map(str, key)) for key in (key_a, key_b)]
        return f"{layer_a!r} is {sizes[0]} and {layer_b!r} {sizes[1]}: pixels do not pair; view='pooled' pairs all"


def _value(index: Index, m: Moments) -> Value:
    try:
        value, reason, claims = asked(index, m)
    except Inapplicable as refused:
        return Value(status="skipped", note=str(refused))
    except Spoilt as change:
        return Value(status="failed", note=str(change))
    if nan(value):
        return Value(status="skipped", note=f"NaN for finite activations; `simbench check {index.name}` looks into it")
    problem = refusal(index, value, claims)
    if problem:
        return Value(status="failed", note=problem)
    return Value(float(value), "degenerate", reason) if reason else Value(float(value))


def _still(layer: str) -> str:
    return f"{layer} is constant: the same for all inputs of a batch, so no index is defined"


class MinibatchStream:
    """An index of minibatches: sums over batches of the inner products of its vectors."""

    def __init__(self, index: Index, view: str) -> None:
        if view == "spatial":
            raise InputError(f"{index.spec} takes minibatches of images, and a row in view 'spatial' is a pixel; give "
                             "view='flat' or view='pooled'")
        self.indices, self.view = (index,), view
        claims = index.claims
        self._any_order = all("permutation" in side for side in (claims.invariances_a, claims.invariances_b))
        self._sums: list[Tensor] = []
        self._layers: tuple[list[str], ...] = ()
        self._moving: tuple[set[str], ...] = (set(), set())
        self._spoilt = ""

    def take(self, side: str, layer: str, x: Tensor) -> tuple[bool, list[Tensor]]:
        """Whether the output of a layer varies, and its vector for every minibatch."""
        x = self._rows(x)
        index = self.indices[0]
        try:
            parts = [] if self._spoilt else [part for part in x.split(index.minibatches) if len(part) >= MIN_ROWS]
            vectors = [lend(index, index.of_batch, part) for part in parts]
        except Spoilt as change:  # the layers after this one, and the other indices, go on as if it were not there
            self._spoilt, vectors = str(change), []
        if not all(bool(vector.isfinite().all()) for vector in vectors):
            raise InputError(f"layer {layer!r} has NaN or infinite activations; give finite ones")
        return not (bool((x[0] == x[-1]).all()) and bool((x == x[:1]).all())), vectors

    def _rows(self, x: Tensor) -> Tensor:
        if self.view == "flat" and x.ndim == 4 and self._any_order:
            return x.permute(0, 2, 3, 1).flatten(1)  # no copy in channels-last memory
        return rows(x, self.view)

    def add(self, a: dict, b: dict | None) -> None:
        """What `take` gave of a batch, layer by layer; b is None where it is the same as a."""
        if self._spoilt:
            return
        sides = [a, a if b is None else b]
        self._layers = tuple(list(side) for side in sides)
        for side, moving in zip(sides, self._moving):
            moving.update(layer for layer, (varies, _) in side.items() if varies)
        for k in range(len(next(iter(a.values()))[1])):
            f, g = (torch.stack([vectors[k] for _, vectors in side.values()]) for side in sides)
            terms = [f @ g.mT, f.square().sum(1), g.square().sum(1)]
            self._sums = [total + term for total, term in zip(self._sums, terms)] if self._sums else terms

    def close(self) -> None:
        """All batches are in. InputError when none was large enough."""
        if not self._sums and not self._spoilt:
            raise InputError(f"no batch has {MIN_ROWS} images, the fewest that {self.indices[0].spec} takes")

    def values(self, layer_a: str, layer_b: str) -> Iterator[tuple[Index, Value]]:
        """The value of the index for a pair of layers."""
        if self._spoilt:
            yield self.indices[0], Value(status="failed", note=self._spoilt)
            return
        sides = zip((layer_a, layer_b), "ab", self._moving)
        still = [f"{layer!r} of {name}" for layer, name, moving in sides if layer not in moving]
        if still:
            yield self.indices[0], Value(status="skipped", note=_still(still[0]))
            return
        cross, own_a, own_b = self._sums
        i, j = self._layers[0].index(layer_a), self._layers[1].index(layer_b)
        value = float(cross[i, j] / (own_a[i] * own_b[j]).sqrt())
        problem = refusal(self.indices[0], value)
        yield self.indices[0], Value(status="failed", note=problem) if problem else Value(value)
