"""One results folder knows one network by one name: a checkpoint of a known name with other weights is refused."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace as Some

import pytest
from small_records import LABELS

from simbench.errors import InputError
from simbench.results.store import Contents, Record
from simbench.runs.job import _check_names
from simbench.system.cache import cache_folder


def job(weights: str, file: Path, seed: str = "last"):
    """A job with one network, in a folder that knows `last` of `net` on `d` with the weights w1."""
    identity = {side: [{}, "graph", "w1", "bn1"] for side in "ab"}
    record = Record("k", identity, LABELS | {"seed_a": "last", "seed_b": "last"}, {}, (), 0, "r1")
    network = Some(file=file, part="", weights=weights, seed=seed, model=Some(spec="net"))
    selection = Some(networks=(network,), setting=Some(dataset=Some(label="d")))
    return Some(
        parts=(Some(selection=selection),),
        contents=Contents({"k": record}),
        resolved=Some(request=Some(results=Path("results"))),
    )


def test_a_checkpoint_of_a_known_name_with_other_weights_is_refused():
    with pytest.raises(InputError, match=r"'x/last.pt' is not the 'last' of net that 'results' holds, .* rename"):
        _check_names(job("w2", Path("x/last.pt")))


@pytest.mark.parametrize(
    ("weights", "file", "seed"),
    [("w1", "y/last.pt", "last"), ("w2", "x/other.pt", "other"), ("w2", "CACHE/last.pt", "last")],
    ids=["same weights elsewhere", "another name", "trained again"],
)
def test_others_are_taken(weights, file, seed):
    path = cache_folder("weights", "last.pt") if file.startswith("CACHE") else Path(file)
    _check_names(job(weights, path, seed))
