"""Indices of states under the conformance kit: right ones of every kind, and a wrong one for every rule."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from right_states import ALL_STATES, RSA, Magnitude, Neighbours, Shape, correlations

from simbench import Claims, Index
from simbench.check import checks
from simbench.check.index import OF_STATES


def failing(plugin) -> dict[str, str]:
    outcomes = {check.name: check.run() for check in checks(plugin)}
    return {name: outcome.reason for name, outcome in outcomes.items() if outcome.status == "failed"}


@pytest.mark.parametrize("index", ALL_STATES, ids=lambda index: index.name)
def test_right_index_of_states_fails_no_check(index):
    assert failing(index) == {}


def test_an_index_without_states_has_no_checks_of_them():
    class Ratio(Magnitude):
        compare = None

        @property
        def prepares(self):
            return False

    assert not OF_STATES.keys() & {check.name for check in checks(Ratio())}
    assert OF_STATES.keys() <= {check.name for check in checks(Magnitude())}


class KeepsTheRows(Shape):
    """Centres the rows in every comparison."""

    def prepare(self, rows):
        return {"rows": rows, "size": rows.square().sum()}

    def compare(self, a, b):
        return Shape.compare(self, *(Shape.prepare(self, x["rows"]) for x in (a, b)))


class PreparesText(Neighbours):
    """The number of neighbours, in words."""

    def prepare(self, rows):
        return (*super().prepare(rows), "five")


class CentresByTheFirst(Shape):
    """Takes the mean of whatever it prepared last from the next."""

    def prepare(self, rows):
        mean = self.__dict__.get("_mean", rows.mean(0))
        self.__dict__["_mean"] = rows.mean(0)
        if len(mean) != rows.shape[1]:
            mean = rows.mean(0)
        return {"rows": rows - mean, "size": (rows - mean).square().sum()}


class Draws(Neighbours):
    """Another order of the neighbours at every call, which changes the state and no value."""

    def prepare(self, rows):
        (near,) = super().prepare(rows)
        self.__dict__["_turn"] = self.__dict__.get("_turn", 0) + 1
        return (near.roll(self._turn, 1),)


class SortsInPlace(Neighbours):
    """Sorts through numpy, which torch does not count."""

    def compare(self, a, b):
        for x in (*a, *b):
            x.numpy()[:] = x.numpy()[:, ::-1]
        return super().compare(a, b)


class WithDiagonal(RSA):
    """Correlates whole matrices, with their zeros on the diagonal, in the comparison alone."""

    def from_samples(self, a, b):
        x, y = (self._whole(rows) for rows in (a, b))
        return torch.dot(x - x.mean(), y - y.mean()) / ((x - x.mean()).norm() * (y - y.mean()).norm())

    def _whole(self, rows):
        return torch.cat([correlations(rows), correlations(rows), rows.new_zeros(len(rows))])


class NoUnitVectors(RSA):
    """Compares vectors that it divides by their length, and says that this is their inner product."""

    def prepare(self, rows):
        return 2 * super().prepare(rows)

    def compare(self, a, b):
        return super().compare(a / a.norm(), b / b.norm())


class Doubled(Magnitude):
    """The difference of sizes of which one is doubled: not zero for a state and itself."""

    def compare(self, a, b):
        return (2 * a - b).abs()


#: description -> the index, checks that find it out among others that may fail, and words of the reason of the first
WRONG = {
    "keeps a view of the rows": (KeepsTheRows(), {"state"}, "a view of them"),
    "prepares what is no tensor": (PreparesText(), {"state"}, "str in it"),
    "centres one side by the other": (CentresByTheFirst(), {"one_side"}, "prepared before"),
    "another state at every call": (Draws(), {"one_side"}, "prepared before"),
    "changes states through numpy": (SortsInPlace(), {"states_untouched"}, "changes the states"),
    "compares other than its value": (WithDiagonal(), {"compare"}, "compare gives"),
    "no inner product": (NoUnitVectors(), {"compare"}, "inner product of the states"),
    "a state unlike itself": (Doubled(), {"compare", "identity"}, "with itself"),
}


@pytest.mark.parametrize("description", WRONG)
def test_wrong_index_of_states_is_found_out(description):
    index, found_by, said = WRONG[description]
    failed = failing(index)
    first = sorted(found_by)[0]
    assert found_by <= set(failed) and said in failed[first], failed


@pytest.mark.long
@pytest.mark.parametrize("description", ["keeps a view of the rows", "another state at every call", "no inner product"])
def test_a_fault_of_states_alone_fails_no_other_check(description):
    index, found_by, _ = WRONG[description]
    assert set(failing(index)) == found_by


def test_half_of_the_contract_of_states_is_refused():
    class Half(Index):
        name, source, prepare = "half", "this test", Shape.prepare

        def from_samples(self, a, b):
            return a.sum() - b.sum()

    contract, *_ = checks(Half())
    assert contract.run().status == "failed" and "implements prepare alone" in contract.run().reason


def claiming(index, **claims):
    """The index with other claims."""
    return type("Claiming", (type(index),), {"claims": replace(index.claims, **claims)})()


def test_a_distance_may_not_claim_to_be_a_similarity():
    assert {"direction"} <= set(failing(claiming(Shape(), direction=1)))


def test_a_statistic_must_claim_that_it_does_not_see_which_rows_belong_together():
    orthogonal = Claims().invariances_a | {"orthogonal", "permutation"}
    failed = failing(claiming(Magnitude(), invariances_a=orthogonal, invariances_b=orthogonal))
    assert {"rows_a", "rows_b"} <= set(failed) and "claim rows" in failed["rows_a"]


def test_a_statistic_of_the_wrong_direction_is_found_out():
    assert "direction" in failing(claiming(Magnitude(), direction=1))


def test_an_index_that_sees_which_rows_belong_together_may_not_claim_rows():
    both = RSA().claims.invariances_a | {"rows"}
    assert {"rows_a", "rows_b"} <= set(failing(claiming(RSA(), invariances_a=both, invariances_b=both)))
