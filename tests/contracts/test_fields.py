"""What fields of plugins declare: bounds, tuples and other plugins."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import pytest

from simbench import Index, InputError, hookimpl, nested, number, numbers
from simbench.contracts.case import parameters
from simbench.registry import load


@dataclass(frozen=True)
class Inner(Index):
    width: int = number(2, least=1)

    name, source = "inner", "made by the tests"


@dataclass(frozen=True)
class Outer(Index):
    count: int = number(3, least=1, most=9)
    rate: float = number(0.1, above=0)
    share: float = number(0.5, least=0, most=1)
    epochs: int | None = number(None, least=1)
    scale: float | None = number(None, above=0.0)
    ranks: tuple[int, ...] = numbers((4, 8, 16), least=1)
    alphas: tuple[float, ...] = numbers((1e-4, 0.1), above=0, most=1e20)
    index: Index = nested(lambda: Inner(3), kind="indices")
    other: Index | None = nested(None, kind="indices")

    name, source = "outer", "made by the tests"


class Plugins:
    @hookimpl
    def simbench_indices(self):
        return [Inner(), Outer()]


@pytest.fixture(scope="module")
def registry():
    return load([Plugins()])


def test_a_nested_plugin_is_a_configured_object_without_a_registry():
    assert Outer().index == Inner(3) and Outer().other is None
    assert Outer().spec == "outer" and Outer(index=Inner(4)).spec == "outer[index=inner[width=4]]"
    assert Outer().identity["params"]["index"] == Inner(3).identity


def test_every_object_has_a_nested_plugin_of_its_own():
    assert Outer().index is not Outer().index


def test_users_type_a_nested_plugin_between_brackets(registry):
    assert registry.get("indices", "outer[index=inner[width=7],other=inner]") == Outer(index=Inner(7), other=Inner())


@pytest.mark.parametrize("given", ["cka", 3, Inner, None])
def test_anything_else_than_a_configured_plugin_is_refused_in_one_line(given):
    with pytest.raises(InputError, match=r"^index is .*; a configured index is wanted, such as simbench.load") as error:
        Outer(index=given)
    assert "\n" not in str(error.value)


def test_tuples_are_typed_and_printed_with_plus_signs(registry):
    typed = registry.get("indices", "outer[ranks=2+ 32,alphas=1e-3+1]")
    assert typed == Outer(ranks=(2, 32), alphas=(0.001, 1.0))
    assert typed.spec == "outer[ranks=2+32,alphas=0.001+1.0]" and registry.get("indices", typed.spec) == typed
    assert "ranks=4+8+16,alphas=0.0001+0.1," in parameters(Outer())


def test_a_tuple_of_large_numbers_is_printed_as_it_can_be_typed(registry):
    large = Outer(alphas=(1e18, 1.0))
    assert registry.get("indices", large.spec) == large


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"count": 0}, "count is 0; a whole number from 1 to 9 is allowed"),
        ({"count": 10}, "count is 10; a whole number from 1 to 9 is allowed"),
        ({"count": 2.0}, "count is 2.0; a whole number from 1 to 9 is allowed"),
        ({"count": True}, "count is true; a whole number from 1 to 9 is allowed"),
        ({"count": None}, "count is none; a whole number from 1 to 9 is allowed"),
        ({"count": "3"}, "count is 3; a whole number from 1 to 9 is allowed"),
        ({"rate": 0}, "rate is 0; a number above 0 is allowed"),
        ({"rate": math.nan}, "rate is nan; a number above 0 is allowed"),
        ({"rate": math.inf}, "rate is inf; a number above 0 is allowed"),
        ({"share": -0.1}, "share is -0.1; a number from 0 to 1 is allowed"),
        ({"epochs": 0}, "epochs is 0; a whole number from 1 is allowed"),
        ({"scale": 0.0}, "scale is 0.0; a number above 0 is allowed"),
        ({"ranks": ()}, "ranks is ; different whole numbers from 1 are allowed, such as 4+8+16"),
        ({"ranks": (4, 4)}, "ranks is 4+4; different whole numbers from 1 are allowed, such as 4+8+16"),
        ({"ranks": (2.5,)}, "ranks is 2.5; different whole numbers from 1 are allowed, such as 4+8+16"),
        ({"ranks": "4+8"}, "ranks is '4+8'; different whole numbers from 1 are allowed, such as 4+8+16"),
        ({"ranks": [4]}, r"ranks is \[4\]; different whole numbers from 1 are allowed, such as 4+8+16"),
        ({"alphas": (0.0, 0.1)}, "alphas is 0.0+0.1; different numbers above 0 up to 1e+20 are allowed, such as"),
    ],
)
def test_a_value_out_of_bounds_is_one_line_that_says_what_is_allowed(given, message):
    with pytest.raises(InputError, match=r"^" + message.replace("+", r"\+")) as error:
        Outer(**given)
    assert "\n" not in str(error.value)


def test_bounds_hold_for_typed_values_and_for_changed_copies_alike(registry):
    with pytest.raises(InputError, match=r"^outer\[count=0\]: count is 0; a whole number"):
        registry.get("indices", "outer[count=0]")
    with pytest.raises(InputError, match="^rate is -1"):
        replace(Outer(), rate=-1)


def test_values_within_bounds_are_taken_as_they_are():
    taken = Outer(count=9, rate=5, share=0, epochs=4, scale=0.5)
    assert (taken.count, taken.rate, taken.share, taken.epochs, taken.scale) == (9, 5, 0, 4, 0.5)
