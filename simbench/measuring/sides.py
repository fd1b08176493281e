"""Sides of pairs: the rows of a representation, examined once, and in view flat their principal coordinates."""

from __future__ import annotations

from dataclasses import replace

from torch import Tensor

from simbench.contracts.case import Case
from simbench.errors import Undefined
from simbench.measuring.pairs import Pairs
from simbench.measuring.value import Side
from simbench.moments.coordinates import principal_coordinates
from simbench.moments.pair import Moments
from simbench.moments.precision import precision
from simbench.moments.scatter import Scatter
from simbench.system import stopwatch
from simbench.system.surroundings import settle

#: A side in view flat, its principal coordinates, and their scatter.
Turned = tuple[Side, Tensor | None, Scatter | None]


@stopwatch.stages(coordinates="moments")
class Sides(Pairs):
    """Sides of the pairs of one selection."""

    def __init__(self, *given, **options) -> None:
        super().__init__(*given, **options)
        self._coordinates: dict[tuple, Turned] = {}
        self._sides: dict[tuple, Side] = {}

    def side(self, case: Case, place: int, split: str, turned: bool) -> Side:
        """Side a (0) or b (1), examined once."""
        (network, layer), (name, over) = self.members(case, case.view)[place], self.described(case, split)[place]
        key = (network.content, layer, split, case.view)
        if key not in self._sides:
            self._sides[key] = (
                self.turned(case, place, split)[0]
                if turned
                else Side.of_rows(name, self.rows_of((network, layer), split, case.view), over)
            )
        return replace(self._sides[key], name=name, over=over)

    def coordinates(self, case: Case, split: str) -> tuple[Tensor, Tensor, Moments]:
        """Principal coordinates of a and of b in view flat (exact for every orthogonally invariant index), and their
        Moments. Raises ArithmeticError or Undefined where a side has none."""
        sides = [self.turned(case, place, split) for place in (0, 1)]
        for side, _, _ in sides:
            problem = side.problem()
            if problem is not None:
                raise problem.error or Undefined(problem.note)
        (_, x, left), (_, y, right) = sides
        return x, y, Moments(left, right, (x - left.mean).mT @ (y - right.mean))

    def turned(self, case: Case, place: int, split: str) -> Turned:
        """Side a (0) or b (1) in view flat, its principal coordinates and their scatter; these are None where the
        side has a problem."""
        network, layer = self.members(case, "flat")[place]
        key, (name, over) = (network.content, layer, split), self.described(case, split)[place]
        if key not in self._coordinates:
            layers = {case.layer_a, case.layer_b}  # cases come in order of depth
            self._coordinates = {old: kept for old, kept in self._coordinates.items() if old[1] in layers}
            settle()
            x = self.rows_of((network, layer), split, "flat")
            side = Side.of_rows(name, x, over)
            coordinates = scatter = None
            if side.problem() is None:
                coordinates = principal_coordinates(x)
                scatter = Scatter.of(coordinates, eps=precision(x))
            self._coordinates[key] = side, coordinates, scatter
        side, coordinates, scatter = self._coordinates[key]
        return replace(side, name=name), coordinates, scatter

    def described(self, case: Case, split: str) -> list[tuple[str, str]]:
        """Of a and of b: what notes call it, and what it is constant over."""
        both = self.members(case, case.view)
        return [(f"{layer} of {network.name}", f" over the {split} images") for network, layer in both]
