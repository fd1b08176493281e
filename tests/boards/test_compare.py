"""`simbench.compare`: two networks and data in memory."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from small_modules import INPUTS, LABELS, STAGES, row
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import simbench
from simbench import InputError


@pytest.fixture(scope="module")
def nets() -> tuple[nn.Sequential, nn.Sequential]:
    return row(6, 0), row(8, 1)


@pytest.fixture(scope="module")
def board(nets, tmp_path_factory):
    folder = tmp_path_factory.mktemp("results")
    return simbench.compare(*nets, data=(INPUTS[:32], LABELS[:32]), test=(INPUTS[32:], LABELS[32:]), results=folder)


def test_a_matrix_has_the_layers_of_a_down_and_those_of_b_across(board):
    cka = board.matrix("cka")
    assert list(cka.index) == list(cka.columns) == STAGES
    assert (cka.index.name, cka.columns.name) == ("layer_a", "layer_b")


def test_an_index_is_that_of_the_activations(board, nets):
    with torch.no_grad():
        a, b = (net[:1](INPUTS[32:]) for net in nets)
    value = simbench.similarity("cka", a, b, view="spatial")
    assert board.matrix("cka").loc["conv", "conv"] == pytest.approx(value, abs=1e-4)


def test_stitched_accuracy_is_that_of_a_stitch_by_hand(board, nets):
    """Least squares by numpy on the train inputs, through a's front and b's end on the test inputs."""
    with torch.no_grad():
        (a, b), (front, _) = ([net[:4](part).double().numpy() for net in nets] for part in INPUTS.split(32))
        weight = np.linalg.lstsq(np.c_[a, np.ones(32)], b, rcond=None)[0]
        moved = torch.tensor(np.c_[front, np.ones(32)] @ weight).float()
        right = (nets[1].head(moved).argmax(1) == LABELS[32:]).double().mean()
    accuracy = board.matrix("accuracy", stitcher="least_squares")
    assert accuracy.loc["flat", "flat"] == pytest.approx(float(right), abs=1e-3)


def test_own_accuracies_and_untrained_fronts_stand_in_the_table(board, nets):
    with torch.no_grad():
        own = [float((net(INPUTS[32:]).argmax(1) == LABELS[32:]).double().mean()) for net in nets]
    table = board.table
    assert table["accuracy of a"].iloc[0] == pytest.approx(own[0], abs=1e-3)
    assert table["accuracy of b"].iloc[0] == pytest.approx(own[1], abs=1e-3)
    assert table["least_squares: accuracy, untrained"].notna().any()
    assert list(dict.fromkeys(table["layer_a"])) == STAGES


def test_multiply_adds_of_the_end_are_those_of_its_linear_map(board):
    assert set(board.matrix("end_multiply_adds").loc["flat", ["pool", "flat"]].dropna()) == {8 * 4}


def test_the_networks_are_as_they_were(nets):
    before = {name: value.clone() for name, value in nets[0].state_dict().items()}
    assert nets[0].training and nets[0].act.inplace
    assert all(torch.equal(value, before[name]) for name, value in nets[0].state_dict().items())


def test_layers_of_other_sizes_are_brought_to_the_size_of_the_end(board):
    rows = board.rows[(board.rows["layer_a"] == "conv") & (board.rows["layer_b"] == "pool")]
    assert set(rows["status"]) == {"ok"}


def test_the_figure_is_two_heat_maps_and_the_text_shows_both(board):
    figure = board.figure()
    assert len([axes for axes in figure.axes if axes.images]) == 2
    assert "cka, spatial" in str(board) and "accuracy, least_squares" in str(board)


def test_the_same_comparison_is_on_record(board, nets):
    again = simbench.compare(
        *nets, data=(INPUTS[:32], LABELS[:32]), test=(INPUTS[32:], LABELS[32:]), results=board.outcome.folder
    )
    assert again.outcome.measured == 0
    assert again.matrix("cka").equals(board.matrix("cka"))


def test_variants_of_an_index_have_matrices_of_their_own(nets, tmp_path):
    variants = {"cka": {}, "cka[kernel=rbf]": {"kernel": "rbf"}}
    both = simbench.compare(
        *nets, data=(INPUTS, LABELS), indices=",".join(variants), stitchers="identity", layers="conv", untrained=False,
        results=tmp_path,
    )  # fmt: skip
    values = [float(both.matrix(name).loc["conv", "conv"]) for name in variants]
    assert abs(values[0] - values[1]) > 1e-3 and "cka, spatial" in str(both)
    found = both.rows[both.rows["method"] == "cka"].set_index("params")["value"].astype(float)
    assert found[[("kernel=rbf" in params) for params in found.index]].tolist() == [values[1]]


def test_without_labels_networks_are_compared_by_what_they_give(nets, tmp_path):
    board = simbench.compare(*nets, data=INPUTS, layers="flat", untrained=False, results=tmp_path)
    ok = board.rows[board.rows["status"] == "ok"]
    assert set(ok["quantity"]) == {"similarity", "agreement", "kl_divergence", "cross_entropy", "residual"}
    assert board.figure() is not None


def test_features_are_compared_by_indices_and_residuals(nets, tmp_path):
    torch.manual_seed(0)
    maps = nn.Sequential(nn.Conv2d(3, 7, 3, padding=1), nn.ReLU(), nn.Conv2d(7, 5, 1)).eval()
    given = {"indices": "cka", "stitchers": "least_squares,task_loss", "results": tmp_path}
    board = simbench.compare(nets[0], maps, data=INPUTS[:32], test=INPUTS[32:], layers="conv,1", **given)
    with torch.no_grad():
        (a, b), (front, own) = (
            [net.cpu()(part).double().movedim(1, -1).flatten(0, 2).numpy() for net in (nets[0].conv, maps[:2])]
            for part in INPUTS.split(32)
        )
    weight = np.linalg.lstsq(np.c_[a, np.ones(len(a))], b, rcond=None)[0]
    error = ((np.c_[front, np.ones(len(front))] @ weight - own) ** 2).sum() / ((own - own.mean(0)) ** 2).sum()
    assert board.matrix("residual").loc["conv", "1"] == pytest.approx(error, rel=1e-3)
    ok = board.rows[board.rows["status"] == "ok"]
    assert set(ok["quantity"]) == {"similarity", "residual"}
    assert "least_squares: residual" in board.table.columns and board.figure() is not None
    (note,) = set(board.rows["note"][(board.rows["method"] == "task_loss") & (board.rows["kind"] == "stitcher")])
    assert "gives features" in note or "labels" in note
    with pytest.raises(InputError, match="data without labels"):
        simbench.compare(nets[0], maps, data=(INPUTS, LABELS), results=tmp_path)


@pytest.mark.long
def test_several_labels(nets, tmp_path):
    labels = torch.randint(0, 2, (64, 4), generator=torch.Generator().manual_seed(3))
    board = simbench.compare(*nets, data=(INPUTS, labels), layers="flat", results=tmp_path)
    assert 0 < board.matrix("accuracy").iloc[0, 0] < 1


@pytest.mark.long
def test_a_shuffling_loader_is_read_once_for_both_networks(nets, tmp_path):
    loader = DataLoader(TensorDataset(INPUTS, LABELS), 16, shuffle=True)
    board = simbench.compare(nets[0], nets[0], data=loader, layers="flat", untrained=False, results=tmp_path)
    assert board.matrix("cka").iloc[0, 0] == pytest.approx(1, abs=1e-3)


@pytest.mark.long
def test_each_network_is_given_its_own_inputs(nets, tmp_path):
    shifted = lambda x: 2 * x + 1  # noqa: E731 (as a user writes it)
    board = simbench.compare(
        nets[0], nets[0], data=INPUTS, preprocess_b=shifted, layers="conv", untrained=False, results=tmp_path
    )
    with torch.no_grad():
        test = simbench.compare(nets[0], nets[0], data=INPUTS, layers="conv", untrained=False, results=tmp_path)
    assert board.matrix("residual").iloc[0, 0] != test.matrix("residual").iloc[0, 0]


@pytest.mark.long
def test_layers_of_similar_depth(nets, tmp_path):
    board = simbench.compare(
        *nets, data=INPUTS, pairing="depth", untrained=False, stitchers="identity", results=tmp_path
    )
    pairs = set(zip(board.table["layer_a"], board.table["layer_b"], strict=True))
    assert pairs == {(name, name) for name in STAGES}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"data": (INPUTS, LABELS[:5])}, "64 inputs and 5 labels"),
        ({"data": (INPUTS, LABELS + 3)}, "0 to 3 are allowed"),
        ({"data": INPUTS[:8]}, "at least 32"),
        ({"data": {"z": INPUTS}}, "data has the keys 'z'"),
        ({"data": [INPUTS, (INPUTS, LABELS)]}, "2 items, and 1 of them have labels"),
        ({"data": torch.randn(64, 5)}, "cannot run on inputs of shape"),
        ({"data": INPUTS, "layers": "nowhere"}, "nowhere"),
        ({"data": INPUTS, "indices": "ckaa"}, "did you mean 'cka'"),
        ({"data": (INPUTS, LABELS), "test": INPUTS}, "labels"),
        ({"data": INPUTS, "cut": "hok"}, "did you mean 'hook'"),
    ],
)
def test_bad_input_is_one_line(nets, tmp_path, given, message):
    with pytest.raises(InputError, match=message) as error:
        simbench.compare(*nets, results=tmp_path / "none", **given)
    assert "\n" not in str(error.value) and not (tmp_path / "none").exists()


def test_what_is_no_network_is_refused(nets, tmp_path):
    with pytest.raises(InputError, match="give a torch.nn.Module"):
        simbench.compare(nets[0], "resnet18", data=INPUTS, results=tmp_path)


def test_a_quantity_that_was_not_measured_is_refused(board):
    with pytest.raises(InputError, match="did you mean 'accuracy'"):
        board.matrix("acuracy")
