"""Declarations of plugins are looked at one by one: a bad one is a line that names plugin, attribute, value and what is
allowed."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from simbench.contracts import Claims, Experiment, Index, Model, Stitcher
from simbench.isolation.declarations import conforms, layers
from simbench.registry import CONTRACTS


def index(**attributes) -> Index:
    return type("Own", (Index,), {"name": "own", "source": "none", **attributes})()


def claiming(**claims) -> Index:
    return index(claims=Claims(**claims))


def raising(error: BaseException) -> property:
    def read(self):
        raise error

    return property(read)


@dataclass(frozen=True)
class Holding(Index):
    """An index with a parameter of any kind."""

    held: object = 1
    name, source = "holding", "none"


@dataclass(frozen=True)
class Nesting(Index):
    """An index with another one in it."""

    inside: Index = field(default_factory=lambda: claiming(direction=0))
    name, source = "nesting", "none"


@pytest.mark.parametrize("kind", CONTRACTS)
def test_everything_that_is_installed_conforms(kind, registry):
    for entry in registry.entries[kind].values():
        conforms(entry.plugin, CONTRACTS[kind])
    for entry in registry.entries["models"].values():
        layers(entry.plugin)


@pytest.mark.parametrize("value", [0, 2, None, float("nan"), True, "1", [1]])
def test_a_direction_that_is_none(value):
    with pytest.raises(TypeError, match="^index 'own' claims direction .*; 1 or -1 is allowed$"):
        conforms(claiming(direction=value), Index)


@pytest.mark.parametrize(
    "value", [(1.0, 0.0), (0.0, 0.0), (float("nan"), 1.0), (0.0,), None, ("0", "1"), [0.0, 1.0], (0, True)]
)
def test_a_range_that_is_none(value):
    with pytest.raises(TypeError, match="^index 'own' claims range .*; two numbers .* is allowed$"):
        conforms(claiming(range=value), Index)


@pytest.mark.parametrize(
    ("plugin", "reason"),
    [
        (index(version=True), "index 'own' has version True; a whole number is wanted"),
        (index(version=1.5), "index 'own' has version 1.5; a whole number is wanted"),
        (index(control="yes"), "index 'own' has control 'yes'; True or False is allowed"),
        (index(claims=None), "index 'own' has claims None; a simbench.Claims is wanted"),
        (claiming(symmetric=1), "index 'own' claims symmetric 1; True or False is allowed"),
        (claiming(invariances_a=frozenset({"magic"})), "index 'own' claims invariances_a frozenset({'magic'}); "),
        (claiming(invariances_b={"linear": 1}), "index 'own' claims invariances_b {'linear': 1}; "),
        (index(max_rows=0), "index 'own' has max_rows 0; a whole number from 1, or None is allowed"),
        (index(slow="\ud800"), "index 'own' has slow '\\ud800'; text is allowed"),
        (
            index(claims=raising(RuntimeError("boo"))),
            "index 'own' raised RuntimeError: boo, when its `claims` was read",
        ),
        (index(needs=raising(OSError("gone"))), "index 'own' raised OSError: gone, when its `needs` was read"),
        (index(name="a" * 101), "index Own has the name 'aaaa"),
        (index(name="tab\t"), "index Own has the name 'tab\\t'; a printable word of at most 100 letters"),
        (index(name="\ud800"), "index Own has the name '\\ud800'; a printable word"),
        (index(name=7), "index Own has the name 7; a printable word"),
        (index(kind="models"), "index 'own' has kind 'models'; 'indices' is wanted"),
        (Holding(object()), "index 'holding' has a parameter held = <object object"),
        (Holding(float("nan")), "index 'holding' has a parameter held = nan; plain data is wanted"),
        (Holding("\ud800"), "index 'holding' has a parameter held = '\\ud800'; plain data is wanted"),
        (Nesting(), "index 'own' claims direction 0; 1 or -1 is allowed"),
    ],
)
def test_a_bad_declaration_of_an_index_is_named(plugin, reason):
    with pytest.raises(TypeError) as caught:
        conforms(plugin, Index)
    assert str(caught.value).startswith(reason) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("contract", "attributes", "reason"),
    [
        (Stitcher, {"family": None}, "stitcher 'own' has family None; a word is allowed"),
        (Experiment, {"presets": {"default": 1}}, "experiment 'own' has presets {'default': 1}; a mapping from words"),
        (Experiment, {"board": ["x"]}, "experiment 'own' has board ['x']; a mapping from words to BoardColumn"),
        (Experiment, {"default": 1}, "experiment 'own' has default 1; True or False is allowed"),
    ],
)
def test_a_bad_declaration_of_another_kind_is_named(contract, attributes, reason):
    plugin = type("Own", (contract,), {"name": "own", "source": "none", **attributes})()
    with pytest.raises(TypeError) as caught:
        conforms(plugin, contract)
    assert str(caught.value).startswith(reason)


@pytest.mark.parametrize("value", [None, ("a", "a"), ["a"], ("\ud800",), "ab", ()])
def test_layers_that_are_none(value):
    with pytest.raises(
        TypeError, match="^model 'own' has layers .*; a tuple of one or more different names is allowed$"
    ):
        layers(type("Own", (Model,), {"name": "own", "source": "none", "layers": value})())
