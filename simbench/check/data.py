"""Test representations, drawn from seeds, and the transformations that an index may be invariant to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor

from simbench.moments.affine import Affine
from simbench.system.surroundings import known

ROWS = 64
#: How many members of each group of transformations are drawn.
DRAWS = 4
#: Scales reach from 10^-SCALE to 10^SCALE, which float32 can represent.
SCALE = 25
#: Largest condition number of a drawn linear map.
CONDITION = 30.0


@dataclass(frozen=True, eq=False)
class Pair:
    """Paired rows a (n, p), b (n, q) in float64, named by what is special about them."""

    name: str
    a: Tensor
    b: Tensor

    def swap(self) -> Pair:
        return Pair(f"{self.name}, swapped", self.b, self.a)

    def moved(self, side: str, move: Callable[[Tensor], Tensor]) -> Pair:
        """The pair with the rows of one side mapped."""
        return Pair(self.name, move(self.a), self.b) if side == "a" else Pair(self.name, self.a, move(self.b))


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def normal(generator: torch.Generator, *shape: int) -> Tensor:
    """Standard normal numbers in float64."""
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def related(p: int, q: int, n: int = ROWS, seed: int = 0, name: str = "") -> Pair:
    """Two noisy views of the same hidden rows (n, max(p, q)), one linear and one not.

    The features are correlated, with scales from 0.5 to 4 and means of that size, so that no symmetry of the data
    hides a difference.
    """
    a, b = _related(p, q, n, seed)
    return Pair(name or f"related p={p} q={q}", a.clone(), b.clone())


@cache
def _related(p: int, q: int, n: int, seed: int) -> tuple[Tensor, Tensor]:
    """Rows drawn once, whatever settings a plugin has changed."""
    with known(0):
        generator = seeded(seed)
        hidden = normal(generator, n, max(p, q))
        return _view(generator, hidden, p), _view(generator, hidden.tanh() * 1.5, q)


def _view(generator: torch.Generator, hidden: Tensor, width: int) -> Tensor:
    mixed = hidden @ normal(generator, hidden.shape[1], width) / hidden.shape[1] ** 0.5
    mixed = mixed + 0.3 * normal(generator, len(hidden), width)
    scales = torch.linspace(0.5, 4, width, dtype=torch.float64)
    return mixed * scales + 2 * normal(generator, width)


def regular() -> list[Pair]:
    """Well conditioned related pairs: p = q, p < q and p > q."""
    return [related(6, 6, seed=1), related(5, 8, seed=2), related(8, 5, seed=3)]


def noisy(seed: int) -> Pair:
    """b is a with noise of 0.3 of each feature's standard deviation."""
    a = related(6, 6, seed=seed).a
    return Pair("a noisy copy", a, a + 0.3 * a.std(0) * normal(seeded(seed + 1000), *a.shape))


def independent(seed: int) -> Pair:
    """b is independent of a, with the same width and scales."""
    return Pair("independent", related(6, 6, seed=seed).a, related(6, 6, seed=seed + 2000).a)


def identical(seed: int = 4) -> Pair:
    a = related(6, 6, seed=seed).a
    return Pair("identical", a, a.clone())


def opposite() -> Pair:
    a = related(6, 6, seed=5).a
    return Pair("b = -a", a, -a)


def collinear() -> Pair:
    """The last feature of each side is its first, up to one part in 10^4."""
    pair = related(6, 6, seed=6)
    for x in (pair.a, pair.b):
        x[:, -1] = x[:, 0] * (1 + 1e-4 * normal(seeded(7), len(x)))
    return Pair("nearly collinear", pair.a, pair.b)


def duplicated() -> Pair:
    """Exactly singular: the last feature of each side is twice its first."""
    pair = related(6, 6, seed=8)
    for x in (pair.a, pair.b):
        x[:, -1] = 2 * x[:, 0]
    return Pair("a feature twice", pair.a, pair.b)


def dead(level: float) -> list[Pair]:
    """Pairs with two features of a, of b or of both that are constant: one at `level`, one at -3 times it.

    The mean of such values is rounded, so their deviations from it are not exactly zero.
    """
    pair = related(6, 6, seed=9)
    a, b = pair.a.clone(), pair.b.clone()
    for x in (a, b):
        x[:, 1], x[:, 4] = level, -3 * level
    return [
        Pair("dead features in a", a, pair.b),
        Pair("dead features in b", pair.a, b),
        Pair("dead features in both", a, b),
    ]


def equidistant() -> Tensor:
    """(32, 31) signs of mean zero, all rows equally far apart; their inner products are exact in any order."""
    signs = torch.ones(1, 1, dtype=torch.float64)
    while len(signs) < 32:
        signs = torch.kron(signs, signs.new_tensor([[1, 1], [1, -1]]))
    return signs[:, 1:]


def few_rows() -> list[Pair]:
    """Pairs with fewer rows than features on both sides, on a, and on b."""
    return [related(p, q, n=12, seed=10, name=f"n=12 p={p} q={q}") for p, q in ((16, 16), (20, 5), (5, 20))]


def transformation(group: str, width: int, draw: int) -> Callable[[Tensor], Tensor]:
    """The `draw`-th seeded member of a group of INVARIANCES: an affine map of `width` features, or a new order of the
    rows."""
    generator = seeded(100 + draw)
    if group == "rows":
        return lambda x: x[torch.randperm(len(x), generator=seeded(100 + draw))]
    weight, bias = torch.eye(width, dtype=torch.float64), None
    if group == "translation":
        bias = 5 * normal(generator, width)
    elif group == "permutation":
        weight = weight[torch.randperm(width, generator=generator)]
    elif group == "scaling":
        weight = weight * 10 ** (SCALE - 2 * SCALE * draw / (DRAWS - 1))
    elif group == "orthogonal":
        weight = rotation(generator, width)
    else:  # linear
        stretch = torch.logspace(0, 1, width, CONDITION, dtype=torch.float64)
        weight = rotation(generator, width) * stretch @ rotation(generator, width)
    return Affine(weight, bias)


def rotation(generator: torch.Generator, width: int) -> Tensor:
    """A random orthogonal matrix, (width, width)."""
    return torch.linalg.qr(normal(generator, width, width)).Q
