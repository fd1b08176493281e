"""`simbench compare`: two networks of a panel."""

from __future__ import annotations

import pytest
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


def test_networks_that_are_not_trained_are_refused(call, cache, tmp_path):
    done = call("compare", "tiny10@0", "tiny10@99", *WORDS, str(tmp_path / "results"))
    assert done.code == 2 and "1 of the networks are not trained yet" in done.err and "--train" in done.err
    assert not (tmp_path / "results").exists()
