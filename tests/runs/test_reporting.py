"""How a unit is named in lines of progress."""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace

import pytest

from simbench.runs.reporting import place

CKA, CCA = SimpleNamespace(spec="cka"), SimpleNamespace(spec="cca")


@dataclass(frozen=True)
class Named:
    """A network."""

    name: str


@pytest.mark.parametrize(
    ("cases", "named"),
    [
        ([("x", "y", "bn1", CKA), ("x", "y", "bn1", CCA)], "x -> y bn1"),
        ([("x", "x", "")], "x"),
        ([("x", "x", ""), ("y", "y", "")], "2 networks"),
        ([("x", "x", ""), ("x", "y", "bn1", CKA)], "cka on 2 pairs bn1"),
        ([("x", "y", "bn1", CKA), ("y", "x", "bn1", CKA)], "cka on 2 pairs bn1"),
        ([("x", "y", "bn1", CKA), ("y", "x", "bn2", CCA)], "2 methods on 2 pairs"),
    ],
)
def test_a_unit_is_named_by_its_networks_layer_and_method(cases, named):
    made = [
        SimpleNamespace(a=Named(a), b=Named(b), place=where, method=method[0] if method else None)
        for a, b, where, *method in cases
    ]
    assert place(SimpleNamespace(cases=made)) == named
