"""The contract of a similarity index: two representations -> a number, and what it promises."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from simbench.contracts.plugin import Plugin, overrides
from simbench.errors import unknown

if TYPE_CHECKING:
    import torch

    from simbench.moments.pair import Moments

#: invariance -> the invariances it implies (transitively closed).
INVARIANCES: dict[str, frozenset[str]] = {
    "translation": frozenset(),
    "permutation": frozenset(),
    "scaling": frozenset(),
    "orthogonal": frozenset({"permutation"}),
    "linear": frozenset({"orthogonal", "permutation", "scaling"}),
}

#: Rounding allowed at the ends of a range, relative where they are above 1.
ROUNDING = 1e-9


def invariant(*names: str) -> frozenset[str]:
    """The named invariances and all that they imply."""
    for name in names:
        if name not in INVARIANCES:
            raise unknown("invariance", name, INVARIANCES)
    return frozenset(names).union(*(INVARIANCES[name] for name in names))


@dataclass(frozen=True)
class Claims:
    """What an index promises, for `simbench check` to hold it to.

    direction: +1 when larger means more similar, -1 for a distance.
    range: closed interval of possible values; one outside it is refused wherever it is returned.
    invariances_a, invariances_b: transformations of that side alone that leave the value unchanged
        (see INVARIANCES; `linear` is any invertible map).
    differentiable: gradients with respect to the rows are finite and not identically zero.
    """

    direction: int = 1
    symmetric: bool = False
    range: tuple[float, float] = (0.0, 1.0)
    invariances_a: frozenset[str] = frozenset()
    invariances_b: frozenset[str] = frozenset()
    differentiable: bool = False

    def admits(self, value: float) -> bool:
        """Whether a value lies in the range, up to rounding."""
        low, high = self.range
        return low - ROUNDING * max(1, abs(low)) <= value <= high + ROUNDING * max(1, abs(high))


@dataclass(frozen=True)
class KnownAnswer:
    """A case whose value is known in closed form: rows a (n, p), b (n, q), and why."""

    a: object
    b: object
    value: float
    why: str
    tolerance: float = 1e-9


class Index(Plugin):
    """A similarity index s(A, B).

    Implement `from_moments`, when the value depends on the centred second moments alone (it then streams
    over any number of rows), or `from_samples`, or both; from_moments is preferred where both are there.
    An index that is a ratio of sums over minibatches implements `of_batch` beside from_samples:
    `simbench.similarities` then streams it over the layers of whole networks.
    """

    kind = "indices"
    #: Rows that the harness draws, seeded, for from_samples; None takes all.
    max_rows: ClassVar[int | None] = 2000
    #: True where from_samples and of_batch take rows of any real dtype and widen them themselves; others are handed
    #: float64, and minibatches in float32 at least.
    any_precision: ClassVar[bool] = False

    @property
    def claims(self) -> Claims:
        """Of this configured object."""
        return Claims()

    @property
    def needs(self) -> str:
        """ "moments" or "samples": what this configured object computes from."""
        return "moments" if overrides(self, "from_moments") else "samples"

    def from_moments(self, m: Moments) -> torch.Tensor:
        """0-dim value from the moments of rows a (n, p), b (n, q)."""
        raise TypeError(f"index {self.name!r} implements no from_moments")

    def from_samples(self, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        """0-dim value from paired rows a (n, p), b (n, q)."""
        raise TypeError(f"index {self.name!r} implements no from_samples")

    @property
    def minibatches(self) -> int | None:
        """Most rows of a minibatch, where this configured object is a ratio of sums of `of_batch`; else None."""
        return None

    def of_batch(self, x: torch.Tensor) -> torch.Tensor:
        """(d,) float64 vector f(x) of one side's rows (m, p) of a minibatch, d and the scale depending on m alone.

        The index is sum_k <f(a_k), f(b_k)> / sqrt(sum_k <f(a_k), f(a_k)> sum_k <f(b_k), f(b_k)>) over minibatches k,
        so that one matrix product a minibatch serves all pairs of layers.
        """
        raise TypeError(f"index {self.name!r} implements no of_batch")

    def degenerate(self, m: Moments) -> str | None:
        """Why the value carries no information for these moments (too few rows, say), or None."""
        return None

    def known_answers(self) -> list[KnownAnswer]:
        """Closed-form cases of this configured object, checked by `simbench check`."""
        return []
