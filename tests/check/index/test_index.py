"""Wrong indices, each with the checks that find it out; right ones, which fail none."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import pytest
import torch
from right_indices import ALL, CCA, CKA, DISTANCE, RIGHT, TRIPLE, cka, distance, index, row_cka
from wrong_plugins import first_of_each_check

import simbench
from simbench import Claims, Index, invariant
from simbench.check import checks
from simbench.check.index import rows
from simbench.check.outcome import Violation
from simbench.contracts import INVARIANCES
from simbench.errors import Inapplicable


def top_only(m):
    """SVCCA that divides the variance twice, by the total and by the largest: it keeps one direction."""
    a, b = (
        basis.first(int((basis.values.cumsum(0) / basis.values[0] < 0.99).sum()) + 1)
        for basis in (m.a.principal, m.b.principal)
    )
    return torch.linalg.svdvals(m.cross(a, b)).mean()


def standardised(m):
    """CKA of features divided by their deviation: 0 / 0 where one is constant."""
    x, y = m.aa.diagonal().rsqrt(), m.bb.diagonal().rsqrt()
    aa, bb, ab = x[:, None] * m.aa * x, y[:, None] * m.bb * y, x[:, None] * m.ab * y
    return ab.square().sum() / (aa.norm() * bb.norm())


def no_cut(m):
    """Mean squared correlation without a cut of the rank."""
    return (torch.linalg.solve(m.aa, m.ab) @ torch.linalg.solve(m.bb, m.ab.mT)).trace() / min(m.ab.shape)


def sided(m):
    """CKA to a power that depends on a alone."""
    return cka(m) ** (1 + m.aa.trace() ** 2 / m.aa.square().sum() / 10)


def lowest_bit(x):
    """0. or 1.: of every rounding of a float64, another one is next to it with the other bit."""
    return (x.detach().clone().view(torch.int64) & 1).double()


def last_bits(m):
    """Reads the rounding of a comoment, which depends on how the rows came in: less than invariances may show, and five
    times what rounding may do."""
    return sided(m) - 5e-9 * lowest_bit(m.ab[0, 0])


def single(a, b):
    """HSIC of uncentred rows in the precision they come in."""
    k, l = (gram - gram.mean(0) - gram.mean(1, keepdim=True) + gram.mean() for gram in (a @ a.mT, b @ b.mT))
    return (k * l).sum() / (k.norm() * l.norm())


def debiased(a, b):
    """Unbiased HSIC in feature space, off by a relative 1e-10 that depends on the axes: where all rows are equally far
    apart nothing else is left, on every processor."""
    n, (a, b) = len(a), (x.double() - x.double().mean(0) for x in (a, b))

    def hsic(x, y):
        left, right = x.square().sum(1), y.square().sum(1)
        off = 1e-10 * (1 + 10 * x[0, 0] * y[0, 0] / (left[0] * right[0]).sqrt())
        return (
            (x.mT @ y).square().sum()
            - n / (n - 2) * left @ right
            + (1 + off) * left.sum() * right.sum() / ((n - 1) * (n - 2))
        )

    return hsic(a, b) / (hsic(a, a) * hsic(b, b)).sqrt()


def small_denominator(m):
    """A constant in a denominator, against division by zero."""
    return m.ab.square().sum() / (m.aa.norm() * m.bb.norm() + 1e-12)


def in_own_precision(a, b):
    """Widens float32, as it must, and multiplies halves as they are."""
    wide = (lambda x: x.double()) if a.dtype.itemsize >= 4 else (lambda x: x)
    a, b = (wide(x) - wide(x).mean(0) for x in (a, b))
    return ((a.mT @ b).square().sum() / ((a.mT @ a).norm() * (b.mT @ b).norm())).double()


def of_batch(self, x):
    """Inner products of centred rows as they are: their squares overflow in the precision of the rows."""
    x = x - x.mean(0)
    return (x @ x.mT).flatten().double()


def in_place(a, b):
    a -= a.mean(0)
    return row_cka(a, b)


def there_and_back(a, b):
    """On powers of two nothing is rounded, and a is what it was."""
    value = row_cka(a.mul_(2), b)
    a.div_(2)
    return value


def narrow(m):
    if m.a.width < m.b.width:
        raise ValueError("a must not be narrower than b")
    return cka(m)


def refuses(m):
    raise Inapplicable("never today")


@dataclass(frozen=True)
class Tensorial(type(RIGHT["from moments"])):
    """A parameter that is no plain data, so that results cannot be filed under it."""

    weights: object = torch.ones(3)


FEATUREWISE = invariant("permutation", "scaling", "translation")
BLIND = ALL | {"rows"}
OPEN = replace(CKA, symmetric=False)
SLOPE = replace(CKA, differentiable=True)
GROUPS = {f"{group}_{side}" for group in INVARIANCES for side in "ab"}
#: description -> the index, and exactly the checks that it fails
WRONG = {
    "divides the variance twice": (
        index(top_only, answers=simbench.load().get("indices", "svcca").known_answers()),
        {"known_answers"},
    ),
    "wrong known answer": (index(cka, answers=[replace(TRIPLE, value=0.9)]), {"known_answers"}),
    "uncentred, claims translation": (
        index(lambda m: cka(m.uncentred())),
        {"translation_a", "translation_b", "dead_features", "fewer_rows"},
    ),
    "claims symmetry it lacks": (index(sided), {"symmetry"}),
    "claims no symmetry it has": (index(cka, claims=OPEN), {"symmetry"}),
    "claims no rotation of a it allows": (
        index(cka, claims=replace(OPEN, invariances_a=FEATUREWISE)),
        {"symmetry", "orthogonal_a"},
    ),
    "claims linear maps it notices": (index(cka, claims=CCA), {"linear_a", "linear_b", "fewer_rows"}),
    "claims nothing it allows": (
        index(cka, claims=Claims(symmetric=True)),
        GROUPS - {"linear_a", "linear_b", "rows_a", "rows_b"},
    ),
    "claims direction of a distance": (index(cka, claims=replace(CKA, direction=-1)), {"direction", "identity"}),
    "distance with direction +1": (index(lambda m: 1 - cka(m)), {"direction", "identity"}),
    "reflexive, and says it is not": (index(cka, claims=replace(CKA, reflexive=False)), {"identity"}),
    "reflexive in an open range": (index(cka, claims=replace(CKA, range=(0, math.inf))), {"identity"}),
    "not reflexive, and says it is": (index(lambda m: cka(m) / 2), {"identity"}),
    "always one": (index(lambda m: torch.ones(()), claims=CCA), {"direction", "rows_a", "rows_b"}),
    "always one, and says so": (
        index(
            lambda m: torch.ones(()), claims=replace(CCA, invariances_a=ALL | {"rows"}, invariances_b=ALL | {"rows"})
        ),
        {"direction"},
    ),
    "claims a narrow range": (index(cka, claims=replace(CKA, range=(0.1, 1.0))), {"range"}),
    "sums correlations, above 1": (
        index(lambda m: m.correlations.sum(), claims=CCA),
        {"range", "identity", "dead_features", "fewer_rows"},
    ),
    "NaN for dead features": (
        index(standardised, claims=Claims(1, True, (0, 1), FEATUREWISE, FEATUREWISE)),
        {"dead_features"},
    ),
    "no cut of the rank": (index(no_cut, claims=CCA), {"dead_features", "fewer_rows", "merge_order"}),
    "detached": (index(lambda m: cka(m).detach(), claims=SLOPE), {"gradient"}),
    "detached from b": (index(by_rows=lambda a, b: row_cka(a, b.detach()), claims=SLOPE), {"gradient"}),
    "gradient NaN at a == b": (
        index(
            by_rows=lambda a, b: distance(a, b) * 0 + (a.double() - b.double()).square().sum().sqrt(), claims=DISTANCE
        ),
        {"gradient"},
    ),
    "a not narrower than b": (  # fails whatever compares p < q
        index(narrow, claims=SLOPE),
        {"range", "symmetry", "gradient", "widths", "fewer_rows", "float32", "merge_order", "similarity"} | GROUPS,
    ),
    "divides rounding by rounding": (
        index(by_rows=debiased, claims=replace(CKA, range=(-1.0, 1.0), differentiable=True)),
        {"identity"},
    ),
    "a constant in a denominator": (index(small_denominator), {"scaling_a", "scaling_b"}),
    "half precision multiplied as it is": (index(by_rows=in_own_precision, any_precision=True), {"float32"}),
    "minibatches multiplied as they are": (index(by_rows=row_cka, minibatches=64, of_batch=of_batch), {"routes"}),
    "uncentred Gram in float32": (index(by_rows=single), {"float32"}),
    "reads the last bits": (index(last_bits, claims=OPEN), {"merge_order"}),
    "reads the last bits of a": (
        index(lambda m: sided(m) - 5e-9 * lowest_bit(m.aa[0, 0]), claims=OPEN),
        {"merge_order"},
    ),
    "reads all last bits together": (
        index(lambda m: sided(m) - 5e-9 * (lowest_bit(m.ab).sum() % 2), claims=OPEN),
        {"merge_order"},
    ),
    "two routes disagree": (index(cka, lambda a, b: row_cka(a, b) * len(a) / (len(a) - 1)), {"routes", "fewer_rows"}),
    "another value of kept rows": (
        index(lambda m: cka(m) ** (1 if m.a.rows is None else 2)),
        {"similarity", "fewer_rows"},
    ),
    "modifies its rows": (index(by_rows=in_place), {"inputs_untouched", "deterministic"}),
    "modifies its rows and puts them back": (index(by_rows=there_and_back), {"inputs_untouched", "deterministic"}),
    "modifies a basis of its moments": (
        index(lambda m: cka(m) + 0 * m.a.principal.values.neg_().sum()),
        {"inputs_untouched", "deterministic"},
    ),
    "modifies its moments": (
        index(lambda m: m.ab.square_().sum() / (m.aa.norm() * m.bb.norm())),
        {"inputs_untouched", "deterministic"},
    ),
    "random": (index(lambda m: cka(m) + 1e-12 * torch.rand(())), {"deterministic"}),
    "seeds torch": (index(lambda m: cka(m) + 0 * torch.manual_seed(0).initial_seed()), {"deterministic"}),
    "returns a number": (index(lambda m: float(cka(m))), {"contract"}),
    "refuses everything": (index(refuses), {"contract"}),
    "parameter that is no plain data": (Tensorial(), {"contract"}),
    "no source": (index(cka, source=""), {"contract"}),
}


def failing(plugin: Index) -> dict[str, str]:
    outcomes = {check.name: check.run() for check in checks(plugin)}
    return {name: outcome.reason for name, outcome in outcomes.items() if outcome.status == "failed"}


@pytest.mark.parametrize("description", first_of_each_check({name: found_by for name, (_, found_by) in WRONG.items()}))
def test_wrong_index_fails_exactly_the_checks_that_speak_of_it(description):
    plugin, found_by = WRONG[description]
    assert set(failing(plugin)) == found_by, failing(plugin)


#: Those whose fault is one of rounding, of memory or of state.
DELICATE = [name for name in WRONG if name.startswith(("reads", "modifies", "random", "no cut"))]


@pytest.mark.long
@pytest.mark.any_rounding  # the fixture rounds otherwise on every processor
@pytest.mark.parametrize("description", DELICATE)
def test_wrong_index_fails_the_same_checks_on_other_processors(description, other_processor):
    plugin, found_by = WRONG[description]
    assert set(failing(plugin)) == found_by, failing(plugin)


@pytest.mark.parametrize("description", RIGHT)
def test_right_index_fails_none(description):
    assert failing(RIGHT[description]) == {}


def test_every_check_is_failed_by_some_wrong_index():
    """bad_input fails with simbench.similarity alone: see the next test."""
    found = set().union(*(found_by for _, found_by in WRONG.values())) | {"bad_input"}
    assert found == {check.name for check in checks(RIGHT["from both"])}


def test_bad_input_fails_when_similarity_lets_it_through():
    with pytest.raises(Violation, match="NaN in a is accepted"):
        rows.bad_input(RIGHT["from rows"], compare=lambda plugin, a, b, view: float("nan"))


def test_index_without_known_answers_is_told_which_method_to_implement():
    outcome = {check.name: check for check in checks(RIGHT["from rows"])}["known_answers"].run()
    assert outcome.status == "skipped" and "known_answers()" in outcome.reason


@pytest.mark.parametrize(
    ("attribute", "value", "said"),
    [
        ("version", "1", "version is '1'"),
        ("needs", "rows", "needs is 'rows'"),
        ("needs", "samples", "implements no from_samples"),
        ("degenerate", lambda self, m: "", "degenerate returns ''"),
        ("claims", None, "a Claims object is wanted"),
        ("claims", Claims(direction=0), "direction is 0"),
        ("claims", Claims(range=(1.0, 0.0)), "low < high"),
        ("claims", Claims(invariances_a=frozenset({"rotation"})), "holds {'rotation'}"),
        ("claims", Claims(invariances_b=frozenset({"linear"})), "lacks orthogonal, permutation, scaling"),
        ("claims", Claims(symmetric=True, invariances_a=ALL), "the invariances of a and b differ"),
    ],
)
def test_contract_names_what_is_declared_wrongly(attribute, value, said):
    contract, *_ = checks(index(**{"by_moments": cka, attribute: value}))
    assert contract.run().status == "failed" and said in contract.run().reason
