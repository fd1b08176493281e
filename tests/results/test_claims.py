"""What a page says of an index is what `simbench list` says of it."""

from __future__ import annotations

import pandas as pd
import pytest
from small_networks import case, installed

import simbench
from simbench import columns
from simbench.cli import describing
from simbench.report import page
from simbench.report.names import about
from simbench.report.tables import Words
from simbench.results import tables
from simbench.results.claims import of_index, of_row
from simbench.results.tables import empty

VARIANTS = ("cka[kernel=rbf]", "cka[estimator=debiased]", "svcca[variance=0.9]")


@pytest.fixture(scope="module")
def indices() -> list[simbench.Index]:
    registry = installed()
    return [entry.plugin for entry in registry.entries["indices"].values()] + list(registry.select("indices", VARIANTS))


@pytest.fixture
def methods(small, indices, tmp_path) -> pd.DataFrame:
    """methods.csv of every installed index, written and read."""
    rows = pd.DataFrame([tables.describe(case(small, index), "p", "1") for index in indices])
    rows.reindex(columns=list(columns.METHODS)).to_csv(tmp_path / "methods.csv", index=False)
    return pd.read_csv(tmp_path / "methods.csv", dtype=columns.dtypes(columns.METHODS), keep_default_na=True)


def test_the_page_claims_what_the_list_claims(indices, methods):
    texts = [name for name, column in columns.METHODS.items() if column.type == "text"]
    methods = methods.assign(**{name: methods[name].fillna("") for name in texts})
    keys = {
        (index.name, params, "spatial"): index.spec for index, params in zip(indices, methods["params"], strict=True)
    }
    shown = {each["name"]: each["claims"] for each in about(keys, methods, empty(columns.TIMINGS), {})}
    registry = installed()
    heads = dict(zip(describing.HEADINGS, range(20), strict=False))
    for name, entry in registry.entries["indices"].items():
        assert shown[entry.plugin.spec] == describing.line(name, entry)[heads["claims"]]
    for index, row in zip(indices, methods.to_dict("records"), strict=True):
        listed = "\n".join(describing.in_full(index, registry.owner(index)))
        listed = " ".join(listed.split())
        said = page._method(row, Words())["claims"]
        assert said == of_index(index).in_full() and len(said) == 6
        assert all(" ".join(f"{name} {text}".split()) in listed for name, text in said.items()), index.spec


def test_a_row_that_says_nothing_of_claims_has_none():
    row = dict.fromkeys(columns.METHODS)
    assert of_row(row) is None and page._method(row, Words())["claims"] == {}


def test_a_distance_without_an_end_says_so(indices):
    claims = of_index(indices[0])._replace(direction=-1, low=0.0, high=float("inf"), symmetric=False)
    assert (
        claims.in_full()
        | {
            "direction": "a distance: smaller is more similar",
            "range": "from 0, unbounded",
            "symmetric": "no: s(a, b) and s(b, a) differ",
        }
        == claims.in_full()
    )
    assert claims.words().startswith("asymmetric")
