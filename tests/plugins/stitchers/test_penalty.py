"""The penalty on an index is its value on rows, and nothing that cannot be pushed is penalised."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from plain_loss import PLAIN, close, get, planted_task, slopes, steps
from simbench_plugins.stitchers.penalty import penalty
from small_networks import installed

from simbench import Claims, Index, InputError
from simbench.contracts.task import Task


@pytest.fixture(scope="module")
def task() -> Task:
    return planted_task(5, 7)


def cka(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """|X^T Y|^2 / (|X^T X| |Y^T Y|) of centred rows (paper, definition 6.2)."""
    x, y = x - x.mean(0), y - y.mean(0)
    return (x.mT @ y).norm() ** 2 / ((x.mT @ x).norm() * (y.mT @ y).norm())


@pytest.mark.parametrize("weight", [2.0, -2.0])
@pytest.mark.parametrize("view", ["flat", "spatial", "pooled"])
def test_index_penalty_is_weight_times_the_index_on_rows(task, view, weight):
    def rows(x):
        n, c = x.shape[:2]
        shaped = {"flat": x.reshape(n, -1), "spatial": x.permute(0, 2, 3, 1).reshape(-1, c), "pooled": x.mean((2, 3))}
        return shaped[view]

    def penalised(w, b):
        stitched = torch.einsum("ncxy,cd->ndxy", task.activations.double(), w) + b[:, None, None]
        return weight * cka(rows(stitched), rows(task.own.double()))

    far = f"{PLAIN},init=random"  # the index in view spatial is stationary at least squares
    bare, pushed = steps(far, task)[1], steps(f"{far},index=cka,view={view},weight={weight}", task)
    close(bare.weight - pushed[1].weight, slopes(penalised, pushed[0])[0])


class Distance(Index):
    """Mean squared distance of rows: smaller is more alike."""

    name, source, max_rows = "distance", "this test", None

    @property
    def claims(self) -> Claims:
        return Claims(direction=-1, range=(0, float("inf")), differentiable=True)

    def from_samples(self, a, b):
        return ((a - b) ** 2).mean()


@pytest.mark.parametrize("index", [Distance(), installed().get("indices", "cka")], ids=lambda index: index.name)
def test_a_penalty_makes_activations_differ_and_a_negative_one_makes_them_alike(task, index):
    def value(weight: float) -> float:
        stitcher = replace(get(f"{PLAIN},epochs=3,view=spatial,init=random"), index=index, weight=weight)
        stitched = stitcher.from_task(task)(task.activations)
        return float(index.from_samples(*(x.permute(0, 2, 3, 1).reshape(-1, 7).double() for x in (stitched, task.own))))

    assert index.claims.direction * (value(-1.0) - value(1.0)) > 0.01


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("batch=100", 4),
        ("batch=128", 3),
        ("batch=100,epochs=2,index=cka", 6),
        ("batch=128,index=cka", 3),
        ("batch=500", 1),
        ("batch=500,index=cka,epochs=2", 2),
    ],
)
def test_a_short_last_batch_is_left_out_where_an_index_sees_it(task, spec, expected):
    """Unless it is the only one. 384 images."""
    assert len(steps(spec, task)) - 1 == expected


def test_an_index_that_is_not_differentiable_is_refused():
    class Steps(Distance):
        @property
        def claims(self) -> Claims:
            return Claims(differentiable=False)

    with pytest.raises(InputError, match="index distance is not differentiable, so no stitch can be trained against"):
        replace(get(), index=Steps())


@pytest.mark.parametrize(("most", "view"), [(9, "spatial"), (None, "spatial"), (9, "pooled")])
def test_an_index_is_given_no_more_rows_of_a_batch_than_it_takes(most, view):
    """In view spatial, 4 images of 3 x 3 have 36 rows, whose Gram matrices grow with the square of their number."""

    class Gap(Distance):
        name, max_rows = "gap", most

    generator = torch.Generator().manual_seed(0)
    x, y = (torch.randn(4, 2, 3, 3, generator=generator) for _ in range(2))
    if (most, view) == (9, "spatial"):
        with pytest.raises(InputError, match="gap takes at most 9 rows, and a batch of 4 images has 36 in"):
            penalty(Gap(), view, x, y)
    else:
        assert bool(penalty(Gap(), view, x, y).isfinite())
