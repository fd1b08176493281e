"""Checkpoints that were made to end a run: one line names the file, nothing is executed, nothing waits."""

from __future__ import annotations

import pickle
import time
import warnings

import pytest
import torch

from simbench.errors import InputError
from simbench.networks.checkpoints import read


class Evil:
    def __reduce__(self):
        return exec, ("raise SystemExit('executed')",)


def itself() -> dict:
    state: dict = {"epoch": 1}
    state["state_dict"] = {"model": state}
    return state


HOSTILE = {
    "names that are numbers": ({0: torch.ones(2)}, "holds a tensor named 0; names must be text"),
    "names of two kinds": ({"a": torch.ones(2), 3: torch.ones(2)}, "holds a tensor named 3; names must be text"),
    "a lone surrogate": ({"\ud800": torch.ones(2)}, r"holds a tensor named '\\ud800'; names must be text"),
    "a dictionary in itself": (itself(), "holds no state dict"),
    "four terabytes of one zero": (
        {"a": torch.zeros(1).expand(10**6, 10**6)},
        "a is 4,000,000,000,000 bytes of repeated values; save it as a dense",
    ),
    "a sparse tensor": ({"a": torch.eye(3).to_sparse()}, "a is sparse or nested"),
    "code": ({"a": Evil()}, "cannot be read as a state dict"),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_what_is_no_state_dict_is_refused_in_one_line(tmp_path, what):
    held, message = HOSTILE[what]
    file, start = tmp_path / "x.pt", time.monotonic()
    torch.save(held, file)
    with warnings.catch_warnings(record=True) as warned, pytest.raises(InputError, match=message) as refused:
        warnings.simplefilter("always")
        read(file)
    assert repr(str(file)) in str(refused.value) and not warned and time.monotonic() - start < 20


def test_a_pickle_of_another_protocol_is_one_line_without_a_warning(tmp_path):
    (tmp_path / "x.pt").write_bytes(pickle.dumps(Evil(), protocol=4))
    with warnings.catch_warnings(record=True) as warned, pytest.raises(InputError, match="cannot be read as a state"):
        warnings.simplefilter("always")
        read(tmp_path / "x.pt")
    assert not warned


def test_a_small_tensor_of_repeated_values_is_taken(tmp_path):
    torch.save({"a": torch.ones(1).expand(4, 4)}, tmp_path / "x.pt")
    assert read(tmp_path / "x.pt")["a"].sum() == 16
