"""The part of the bench that computes what an index is by chance."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial

import torch
from torch import Tensor

from simbench.contracts import Index
from simbench.contracts.case import Case
from simbench.contracts.null import Null
from simbench.errors import Inapplicable, Undefined
from simbench.isolation.loans import lend
from simbench.measuring import permuted
from simbench.measuring.comparing import Comparing
from simbench.measuring.evaluate import turnable
from simbench.moments import views
from simbench.moments.pair import Moments
from simbench.networks import sampling
from simbench.system import stopwatch


@stopwatch.stages(null="indices")
class Chance(Comparing):
    """Values of indices on inputs in random orders."""

    def __init__(self, *given, **options) -> None:
        super().__init__(*given, **options)
        self._permuted: dict[tuple, list[Moments]] = {}

    def null(self, index: Index, case: Case, permutations: int = 200, seed: int = 0, split: str = "test") -> Null:
        """Value of an index in the case's view, and its values for the inputs of b in random orders."""
        measured = self.similarity(index, case, split)
        if measured.value is None:
            raise (Inapplicable if measured.status == "skipped" else Undefined)(measured.note)
        if case.view in views.PLACED and any(
            self.padded(member, split, case.view) for member in self.members(case, case.view)
        ):
            raise Inapplicable(
                f"inputs have unlike numbers of tokens, and whole inputs change places in view {case.view}; "
                "take view pooled"
            )
        orders = permuted.orders(self._inputs(split, case.view), permutations, seed)
        return permuted.null(index, measured.value, self._answers_for(index, case, orders, (split, permutations, seed)))

    def _answers_for(self, index: Index, case: Case, orders: Tensor, key: tuple) -> Iterator[Tensor]:
        turned = case.view == "flat" and turnable(index)
        x, y, *m = self.coordinates(case, key[0]) if turned else self.rows(case, key[0], case.view)
        if index.needs == "samples":
            return self._of_samples(index, case, x, y, orders)
        m = m[0] if m else Moments.of(x, y) if case.view == "flat" else self.moments(case, key[0], case.view)
        key = (*key, turned, case.view, *((network.content, layer) for network, layer in self.members(case, case.view)))
        return (lend(index, index.from_moments, each) for each in self._moments_for(m, x, y, orders, key))

    def _of_samples(self, index: Index, case: Case, x: Tensor, y: Tensor, orders: Tensor) -> Iterator[Tensor]:
        """Of the rows that a value is computed from, drawn where there are more than the index takes."""
        chosen = sampling.draw(len(x), index.max_rows, case.setting.seed)

        def row(order: Tensor) -> Tensor:
            return y[permuted.of_rows(order, len(y))[chosen]].to(torch.float64)

        return permuted.of_samples(index, x[chosen].to(torch.float64), row, orders)

    def _moments_for(self, m: Moments, x: Tensor, y: Tensor, orders: Tensor, key: tuple) -> Iterable[Moments]:
        """Moments of all orders, held for the other indices of the pair unless they are too large."""
        draw = partial(permuted.moments, m, x, y, orders)
        if permuted.size(m, orders) > permuted.HELD:
            return draw()
        if key not in self._permuted:
            self._permuted = {key: list(draw())}
        return self._permuted[key]
