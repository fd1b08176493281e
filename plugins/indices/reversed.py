"""An index in the reverse direction, b -> a, for experiments that measure both directions."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from simbench import Claims, Index
from simbench.measuring.evaluate import evaluate

if TYPE_CHECKING:
    from torch import Tensor

    from simbench import Moments, State


@dataclass(frozen=True)
class Reversed(Index):
    """s(B -> A) of an index s(A -> B)."""

    of: Index

    name, source = "reversed", ""

    @property
    def claims(self) -> Claims:
        claims = self.of.claims
        return replace(claims, invariances_a=claims.invariances_b, invariances_b=claims.invariances_a)

    @property
    def needs(self) -> str:
        return self.of.needs

    @property
    def any_precision(self) -> bool:
        return self.of.any_precision

    @property
    def prepares(self) -> bool:
        return self.of.prepares

    def prepare(self, rows: Tensor) -> State:
        return self.of.prepare(rows)

    def compare(self, a: State, b: State) -> Tensor:
        return self.of.compare(b, a)

    @property
    def max_rows(self) -> int | None:
        return self.of.max_rows

    def from_moments(self, m: Moments) -> Tensor:
        return self.of.from_moments(m.swap())

    def from_samples(self, a: Tensor, b: Tensor) -> Tensor:
        return evaluate(self.of, b, a)[0]

    def degenerate(self, m: Moments) -> str | None:
        return self.of.degenerate(m.swap())
