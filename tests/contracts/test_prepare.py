"""An index of states: from_samples follows from what is computed of each side alone."""

import pytest
import torch

import simbench


class Lengths(simbench.Index):
    """Ratio of the total lengths of the sides."""

    name, source = "lengths", "test"

    def prepare(self, rows):
        total = rows.norm(dim=1).sum()
        if not total > 0:
            raise simbench.Undefined("has no rows that differ from zero")
        return {"total": total}

    def compare(self, a, b):
        return a["total"] / b["total"]


class Halfway(simbench.Index):
    name, source = "halfway", "test"

    def prepare(self, rows):
        return rows


def test_from_samples_compares_what_prepare_computes_of_each_side():
    index = Lengths()
    assert index.prepares and index.needs == "samples"
    assert float(index.from_samples(torch.ones(4, 1), 2 * torch.ones(4, 1))) == 0.5


def test_the_reason_why_a_side_has_no_state_names_the_side():
    with pytest.raises(simbench.Undefined, match=r"^b has no rows that differ from zero$"):
        Lengths().from_samples(torch.ones(4, 1), torch.zeros(4, 1))


def test_prepare_alone_is_no_index_of_states():
    index = Halfway()
    assert not index.prepares
    with pytest.raises(TypeError, match="'halfway' implements no from_samples"):
        index.from_samples(torch.ones(4, 1), torch.ones(4, 1))
