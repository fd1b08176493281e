"""`simbench compare`: two networks of a panel."""

from __future__ import annotations

import pytest
import torch
from command_line import Done

pytestmark = pytest.mark.usefixtures("unranked")
WORDS = ("--layers", "bn7,bn8", "--max-samples", "64", "--indices", "cka", "--results")


@pytest.fixture
def compared(call, cache, tmp_path) -> Done:
    return call("compare", "tiny10@0", "tiny10@1", *WORDS, str(tmp_path / "results"))


def test_a_table_two_matrices_and_the_files_of_a_run(compared, tmp_path):
    assert compared.code == 0, compared.err
    assert "tiny10-0 in front of tiny10-1, on digits" in compared.out
    (heads,) = [line for line in compared.out.splitlines() if line.startswith("cka, spatial; layers")]
    assert "accuracy, least_squares" in heads
    assert {"measurements.csv", "records", "figures"} <= {path.name for path in (tmp_path / "results").iterdir()}


def test_layouts_are_said_of_layers_and_are_part_of_a_record(call, compared, tmp_path):
    again = call("compare", "tiny10@0", "tiny10@1", *WORDS, str(tmp_path / "results"), "--layouts", "bn7=nchw")
    assert again.code == 0 and "14 cases: 0 on record" in again.err
    wrong = call("compare", "tiny10@0", "tiny10@1", *WORDS, str(tmp_path / "results"), "--layouts", "b7=nchw")
    assert wrong.code == 2 and "layer in layouts 'b7' is unknown; did you mean 'bn7'" in wrong.err


def test_what_is_said_of_one_network_is_not_said_of_the_other(call, compared, tmp_path):
    """The accuracy of a network alone is on record as long as the same is said of it."""

    def recorded(*words: str) -> int:
        done = call("compare", "tiny10@0", "tiny10@1", *WORDS, str(tmp_path / "results"), *words)
        assert done.code == 0, done.err
        return int(done.err.partition("14 cases: ")[2].split()[0])

    assert [recorded("--layouts-b", "bn7=nchw"), recorded("--layouts", "bn7=nchw")] == [1, 1]
    own = ("--layouts-a", "bn7=nchw", "--layouts-b", "bn7=nchw", "--layouts", "bn7=nhwc")
    assert recorded(*own) == 14, "what is said of one network comes before what is said of both"
    wrong = call("compare", "tiny10@0", "tiny10@1", *WORDS, str(tmp_path / "results"), "--layouts-a", "bn7=ntx")
    assert wrong.code == 2 and "ntx" in wrong.err and wrong.err.count("\n") == 1


def test_a_renamed_checkpoint_has_the_results_that_are_on_record(call, registry, tmp_path):
    made = registry.get("models", "tiny10").build(1, 10).state_dict()
    for name in ("a", "b", "c"):
        torch.save({key: x + (name == "b") for key, x in made.items()}, tmp_path / f"{name}.pt")
    results = ("--results", str(tmp_path / "results"))
    words = ("--layers", "bn8", "--max-samples", "64", "--indices", "cka", "--no-untrained", *results)
    outs = [
        call("compare", f"tiny10@{tmp_path}/{name}.pt", f"tiny10@{tmp_path}/b.pt", *words).out for name in ("a", "c")
    ]
    assert "tiny10-c in front of tiny10-b, on digits" in outs[1] and "on record as: a for c" in outs[1]
    assert [line for line in outs[0].splitlines() if "bn8" in line] == [
        line for line in outs[1].splitlines() if "bn8" in line
    ]


def test_networks_that_are_not_trained_are_refused(call, cache, tmp_path):
    done = call("compare", "tiny10@0", "tiny10@99", *WORDS, str(tmp_path / "results"))
    assert done.code == 2 and "1 of the networks are not trained yet" in done.err and "--train" in done.err
    assert not (tmp_path / "results").exists()
