"""`simbench.compare` on a regression: scikit-learn's diabetes with two networks, checked by numpy."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.datasets import load_diabetes
from sklearn.metrics import mean_squared_error, r2_score
from torch import nn

import simbench
from simbench import InputError
from simbench.boards.data import Given
from simbench.columns import NUMERIC
from simbench.contracts.objective import Regression
from simbench.statistics.targets import target_rows


def trained(width: int, seed: int, x: torch.Tensor, y: torch.Tensor) -> nn.Sequential:
    torch.manual_seed(seed)
    net = nn.Sequential()
    net.add_module("first", nn.Linear(10, width))
    net.add_module("act", nn.ReLU())
    net.add_module("second", nn.Linear(width, 8))
    net.add_module("act2", nn.ReLU())
    net.add_module("head", nn.Linear(8, y.shape[1]))
    optimizer = torch.optim.Adam(net.parameters(), 0.02)
    for _ in range(150):
        optimizer.zero_grad()
        (net(x) - y).square().mean().backward()
        optimizer.step()
    return net.eval()


@pytest.fixture(scope="module")
def data():
    """Train and test inputs, and labels (n,), whole numbers as floats as they come, in units of 10."""
    x, y = load_diabetes(return_X_y=True)
    x, y = torch.tensor(x, dtype=torch.float32) * 20, torch.tensor(y, dtype=torch.float32) / 10
    return x[:300], y[:300], x[300:], y[300:]


@pytest.fixture(scope="module")
def nets(data):
    x, y, *_ = data
    return trained(16, 0, x, y[:, None]), trained(12, 1, x, y[:, None])


@pytest.fixture(scope="module")
def board(nets, data, tmp_path_factory):
    x, y, xe, ye = data
    folder = tmp_path_factory.mktemp("results")
    given = {"stitchers": "least_squares,identity,task_loss[epochs=2]", "indices": "cka,r2_lr", "layers": "act,act2"}
    return simbench.compare(*nets, data=(x, y), test=(xe, ye), results=folder, **given)


@pytest.fixture(scope="module")
def by_hand(nets, data):
    """Outputs on the test inputs of a, of b, and of a stitched into b at layer act by numpy's least squares."""
    x, _, xe, ye = data
    with torch.no_grad():
        fit_a, fit_b, front = (net[:2](part).double().numpy() for net, part in zip((*nets, nets[0]), (x, x, xe)))  # noqa: B905
        weight = np.linalg.lstsq(np.c_[fit_a, np.ones(len(fit_a))], fit_b, rcond=None)[0]
        stitched = nets[1][2:](torch.tensor(np.c_[front, np.ones(len(front))] @ weight).float())
        outputs = [net(xe).numpy() for net in nets] + [stitched.numpy()]
    return [each[:, 0].astype(float) for each in outputs], ye.double().numpy()


SCORES = {
    "r2": lambda b, stitched, y: r2_score(y, stitched),
    "relative_r2": lambda b, stitched, y: r2_score(y, stitched) / r2_score(y, b),
    "mean_squared_error": lambda b, stitched, y: mean_squared_error(y, stitched),
    "agreement_r2": lambda b, stitched, y: r2_score(b, stitched),
    "kl_divergence": lambda b, stitched, y: np.mean((stitched - b) ** 2) / 2,
}


@pytest.mark.parametrize("quantity", SCORES)
def test_scores_of_a_stitch_are_those_of_numpy(board, by_hand, quantity):
    (_, b, stitched), y = by_hand
    value = board.matrix(quantity, stitcher="least_squares").loc["act", "act"]
    assert value == pytest.approx(SCORES[quantity](b, stitched, y), rel=2e-3)


def test_networks_alone_have_their_r2_in_the_table(board, by_hand):
    (a, b, _), y = by_hand
    row = board.table.iloc[0]
    assert row["r2 of a"] == pytest.approx(r2_score(y, a), abs=1e-3) and row["r2 of a"] > 0.2
    assert row["r2 of b"] == pytest.approx(r2_score(y, b), abs=1e-3)
    assert {"least_squares: r2", "least_squares: r2, untrained", "least_squares: mean_squared_error"} <= set(row.index)


def test_nothing_is_called_an_accuracy(board):
    assert not {"accuracy", "relative_accuracy", "cross_entropy", "agreement"} & set(board.rows["quantity"])


def test_a_trained_stitch_works_better_than_none_and_the_text_and_figure_show_r2(board):
    r2 = {name: board.matrix("r2", name).loc["act2", "act2"] for name in ("identity", "task_loss[epochs=2]"[:9])}
    assert r2["task_loss"] > r2["identity"]
    assert "r2, least_squares" in str(board)
    assert len([axes for axes in board.figure().axes if axes.images]) == 2


def test_targets_of_a_regression_are_its_own(board):
    assert set(target_rows(board.rows)["variable"]) == {*NUMERIC, "kl_divergence"}


def test_several_outputs_count_alike():
    y, logits = torch.randn(50, 3), torch.randn(50, 3)
    found = Regression().accuracy(logits, y)
    assert float(found) == pytest.approx(r2_score(y, logits))
    assert float(Regression().cross_entropy(logits, y)) == pytest.approx(mean_squared_error(y, logits), rel=1e-5)
    both = Regression().accuracy(torch.stack([logits, y]), y)
    assert both.tolist() == pytest.approx([float(found), 1.0])


def test_relative_to_a_network_that_predicts_nothing_is_undefined():
    y = torch.randn(50, 1)
    assert Regression().relative(y, torch.zeros(50, 1) + y.mean() + 1, y).isnan()


@pytest.mark.parametrize(
    ("labels", "outputs", "task", "regression"),
    [
        (np.array([0.0, 1, 1, 0]), 2, "auto", False),
        (np.array([0.0, 1, 1, 0]), 2, "regression", True),
        (np.array([0.5, 1, 1, 0]), 1, "auto", True),
        (np.array([5.0, 1, 1, 0]), 1, "auto", True),
        (np.array([[0.0, 1], [1, 1], [0, 0], [1, 0]]), 2, "auto", False),
        (np.array([[0.0, 3], [1, 1], [0, 0], [1, 0]]), 2, "auto", True),
    ],
)
def test_floats_that_can_be_no_classes_are_numbers_to_predict(labels, outputs, task, regression):
    part = np.zeros((4, 2), np.float32), labels
    if task == "regression" and labels.ndim == 1:
        outputs = 1
    given = Given(part, part, outputs, task)
    assert given.regression is regression
    assert given.split("test").labels.dtype == (np.float32 if regression else np.int64)


@pytest.mark.parametrize(
    ("labels", "given", "message"),
    [
        (torch.randn(300, 2), {}, r"numbers \(n, 1\) are wanted"),
        (torch.full((300,), float("nan")), {"task": "regression"}, "NaN"),
        (torch.randn(300), {"task": "clasification"}, "did you mean 'classification'"),
        (torch.randn(300), {"task": "classification"}, "whole numbers are wanted"),
    ],
)
def test_bad_labels_are_one_line(nets, data, labels, given, message, tmp_path):
    with pytest.raises(InputError, match=message):
        simbench.compare(*nets, data=(data[0], labels), results=tmp_path, **given)
