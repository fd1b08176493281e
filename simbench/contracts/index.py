"""The contract of a similarity index: two representations -> a number, and what it promises."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias, Union

from simbench.contracts.plugin import Plugin, overrides
from simbench.errors import Inapplicable, Undefined, unknown

if TYPE_CHECKING:
    import torch

    from simbench.moments.pair import Moments

#: What `Index.prepare` returns: plain tensors, so that they can be kept, stored and sent.
State: TypeAlias = Union["torch.Tensor", tuple["torch.Tensor", ...], Mapping[str, "torch.Tensor"]]

#: invariance -> the invariances it implies (transitively closed). All are transformations of the features, but `rows`,
#: which reorders the rows of one side: an index that claims it does not see which row of a belongs to which of b.
INVARIANCES: dict[str, frozenset[str]] = {
    "translation": frozenset(),
    "permutation": frozenset(),
    "scaling": frozenset(),
    "orthogonal": frozenset({"permutation"}),
    "linear": frozenset({"orthogonal", "permutation", "scaling"}),
    "rows": frozenset(),
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
        (see INVARIANCES; `linear` is any invertible map, `rows` any new order of the rows of that side).
    differentiable: gradients with respect to the rows are finite and not identically zero.
    reflexive: s(A, A) is the end of the range that means most similar. False for an index that does not reach it, such
        as a regression that shrinks, and for one without a largest value, such as an inner product.
    """

    direction: int = 1
    symmetric: bool = False
    range: tuple[float, float] = (0.0, 1.0)
    invariances_a: frozenset[str] = frozenset()
    invariances_b: frozenset[str] = frozenset()
    differentiable: bool = False
    reflexive: bool = True

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

    Implement one of these; the first that is there is used:

    - `from_moments`, if the value depends on the centred second moments alone: it then streams over any number of rows.
    - `prepare` and `compare`, if the value is a comparison of two states, each computed from the rows of one side alone
      (a dissimilarity matrix, a centred Gram matrix, a list of neighbours). Each network and layer is then prepared
      once, however many pairs it is in.
    - `from_samples`, for any other index: it is called for every pair.
    - `from_case`, for an index that needs more than rows: the networks, their layers, or other networks. It is one of
      `simbench run` alone; `simbench.similarity` and `similarities` refuse it.

    An index of moments may implement one of the others as well, for rows that are wider than they are many. An index
    that is a ratio of sums over minibatches implements `of_batch`, too: `simbench.similarities` then streams it over
    the layers of whole networks.
    """

    kind = "indices"
    #: Most rows of a side that from_samples and prepare are given, drawn with a seed; None gives all.
    max_rows: ClassVar[int | None] = 2000
    #: True where from_samples, prepare and of_batch take rows of any real dtype and widen them themselves; others are
    #: handed float64, and minibatches in float32 at least.
    any_precision: ClassVar[bool] = False
    #: True where the state is a vector (d,) and `compare(f, g)` is the inner product <f, g>, up to rounding within the
    #: claimed range: a block of pairs is then one matrix product.
    inner: ClassVar[bool] = False
    #: Why one value on 2,000 rows of 256 features takes more than a second, such as "an assignment of neurons for every
    #: pair"; empty where it does not.
    slow: ClassVar[str] = ""

    @property
    def claims(self) -> Claims:
        """Of this configured object."""
        return Claims()

    @property
    def needs(self) -> str:
        """ "moments", "samples" or "case": what this configured object computes from."""
        if overrides(self, "from_moments"):
            return "moments"
        return "case" if overrides(self, "from_case") else "samples"

    def from_moments(self, m: Moments) -> torch.Tensor:
        """0-dim value from the moments of rows a (n, p), b (n, q)."""
        raise TypeError(f"index {self.name!r} implements no from_moments")

    def from_samples(self, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        """0-dim value from paired rows a (n, p), b (n, q)."""
        if not self.prepares:
            raise TypeError(f"index {self.name!r} implements no from_samples")
        return self.compare(*(self._prepared(name, rows) for name, rows in (("a", a), ("b", b))))

    def from_case(self, case: Any, bench: Any) -> torch.Tensor:
        """0-dim value of the networks, layers and view of a `simbench.Case`. bench: a `simbench.Bench`, which measures
        what the index needs, as for an experiment. Raises Inapplicable where the index does not apply."""
        raise TypeError(f"index {self.name!r} implements no from_case")

    @property
    def prepares(self) -> bool:
        """Whether this configured object is a comparison of what `prepare` computes from each side."""
        return overrides(self, "prepare") and overrides(self, "compare")

    @property
    def takes_samples(self) -> bool:
        """Whether this configured object computes from rows, by one of the two ways."""
        return overrides(self, "from_samples") or self.prepares

    def prepare(self, rows: torch.Tensor) -> State:
        """All that the index has to know of one side's rows (n, p): a tensor, or a tuple or mapping of tensors.

        It depends on these rows alone, and is the same for side a and side b. Raises Undefined where the index is
        undefined for every pair with these rows.
        """
        raise TypeError(f"index {self.name!r} implements no prepare")

    def compare(self, a: State, b: State) -> torch.Tensor:
        """0-dim value from what `prepare` returned for the rows of a and of b, which it does not change."""
        raise TypeError(f"index {self.name!r} implements no compare")

    def _prepared(self, name: str, rows: torch.Tensor) -> State:
        """The state of a side; the reason why there is none begins with the side's name."""
        try:
            return self.prepare(rows)
        except (Undefined, Inapplicable) as reason:
            raise type(reason)(f"{name} {reason}") from reason

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
