"""A run measures what is missing and records it; bad plugins and networks cost their own rows only."""

from __future__ import annotations

import shutil
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import replace
from itertools import pairwise
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest
import torch
from small_plugins import BadPlugins, Blobs, Net, SmallPlugins
from small_requests import SMALL, Silent, go, measurements, table

import simbench
from simbench.contracts import Split
from simbench.networks import weights
from simbench.results import folder as publish
from simbench.results.store import Store
from simbench.runs.driver import run
from simbench.runs.job import prepare

pytestmark = pytest.mark.usefixtures("unranked")


@pytest.fixture(scope="module")
def finished(small_registry, tmp_path_factory):
    """The request, its outcome, and the cache that its run filled; to be read only."""
    folder = tmp_path_factory.mktemp("driver")
    request = replace(SMALL, results=folder / "results")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SIMBENCH_CACHE", str(folder / "cache"))
        outcome, _ = go(request, small_registry)
    return request, outcome, folder / "cache"


@pytest.fixture
def trained(finished, monkeypatch):
    """The networks of the finished run need no training."""
    monkeypatch.setenv("SIMBENCH_CACHE", str(finished[2]))


@pytest.fixture
def done(finished, trained, tmp_path):
    """The request of the finished run, with a copy of its results."""
    shutil.copytree(finished[0].results, tmp_path / "results")
    return replace(SMALL, results=tmp_path / "results")


def test_a_run_covers_every_pair_layer_and_method_once(finished):
    request_, outcome, _ = finished
    frame = measurements(request_)
    indices = frame[frame["kind"] == "index"]
    assert len(indices) == 2 * 2 * 2  # ordered pairs, layers, indices
    assert set(zip(indices["seed_a"], indices["seed_b"], strict=True)) == {("0", "1"), ("1", "0")}
    stitched = frame[frame["kind"] == "stitcher"]
    assert len(stitched) == 2 * 2 * 2 * 6 and set(stitched["view"]) == {"spatial"}
    assert len(frame[frame["kind"] == "network"]) == 2
    assert (frame["samples"] == 60).all() and (frame["status"] == "ok").all()
    assert outcome.cases == outcome.measured == 18 and outcome.trained == 2


def test_measured_values_are_those_of_the_formulas(done, small_registry):
    """The whole chain against a few lines that start from the images."""
    frame = measurements(done).set_index(["method", "quantity", "layer_a", "seed_a"])["value"]
    dataset, model = small_registry.get("datasets", "blobs"), small_registry.get("models", "net")
    nets = [weights.load(weights.cached(model, dataset, dataset.fingerprint(), seed), dataset) for seed in (0, 1)]

    def images(split):
        part = dataset.split(split)
        return (torch.tensor(part.inputs).float() / 255 - 0.3) / 0.2, torch.tensor(part.labels)

    (train, _), (test, labels) = images("train"), images("test")
    with torch.no_grad():
        a, b = (net[:2](test) for net in nets)
        fit_a, fit_b = (net[:2](train) for net in nets)

        def rows(x):
            return x.permute(0, 2, 3, 1).reshape(-1, x.shape[1]).double()

        assert frame["cka", "similarity", "bn1", "0"] == pytest.approx(simbench.similarity("cka", a, b), abs=1e-6)
        ones = torch.ones(len(rows(fit_a)), 1, dtype=torch.float64)
        solution = torch.linalg.lstsq(torch.cat([rows(fit_a), ones], 1), rows(fit_b)).solution
        moved = rows(a) @ solution[:-1] + solution[-1]
        stitched = nets[1][2:](moved.float().reshape(60, 8, 8, 6).permute(0, 3, 1, 2))
        own = nets[1](test)
    accuracy = (stitched.argmax(1) == labels).double().mean().item()
    assert frame["least_squares", "accuracy", "bn1", "0"] == pytest.approx(accuracy, abs=1e-9)
    assert frame["least_squares", "relative_accuracy", "bn1", "0"] == pytest.approx(
        accuracy / (own.argmax(1) == labels).double().mean().item()
    )
    assert frame["least_squares", "agreement", "bn1", "0"] == pytest.approx(
        (stitched.argmax(1) == own.argmax(1)).double().mean().item()
    )
    entropy = -(own.softmax(1) * stitched.log_softmax(1)).sum(1).mean().item()
    assert frame["least_squares", "cross_entropy", "bn1", "0"] == pytest.approx(entropy, rel=1e-4)
    residual = ((moved - rows(b)).square().sum() / (rows(b) - rows(b).mean(0)).square().sum()).item()
    assert frame["least_squares", "residual", "bn1", "0"] == pytest.approx(residual, rel=1e-5)


def test_a_second_run_computes_nothing_and_a_new_index_only_itself(done, small_registry):
    before = table(done)
    again, said = go(done, small_registry)
    assert (again.measured, again.trained, said) == (0, 0, []) and table(done) == before
    more, _ = go(replace(done, indices=("cka,r2_lr,cca",)), small_registry)
    assert more.measured == 4 and before != table(done)
    assert len(Store(done.results).read().runs) == 2


def test_runs_of_one_second_are_named_in_the_order_of_their_starts(done, small_registry):
    """What a later run saw of two layers replaces what an earlier one saw, by the names of the runs."""
    one = replace(done, layers=("bn1",), indices=("cka",), stitchers=("identity",), force=True)
    names = [set(Store(done.results).read().runs)]
    for _ in range(5):
        go(one, small_registry)
        names.append(set(Store(done.results).read().runs))
    started = [next(iter(later - earlier)) for earlier, later in pairwise(names)]
    assert started == sorted(started)


@pytest.mark.long
def test_force_measures_again_and_two_runs_give_the_same_bytes(request_, small_registry, tmp_path):
    request = replace(
        request_,
        stitchers=("all",),
        experiments=("matching,cka_penalty[epochs=2]",),
        indices=("cka", "cka[kernel=rbf]"),
        max_samples=40,
    )
    go(request, small_registry)
    before = table(request)
    forced, _ = go(replace(request, force=True), small_registry)
    assert forced.measured == forced.cases and table(request) == before
    other = replace(request, results=tmp_path / "other")
    go(other, small_registry)
    assert table(other) == before


@pytest.mark.long
@pytest.mark.parametrize("pool", [ThreadPoolExecutor, pytest.param(ProcessPoolExecutor, marks=pytest.mark.long)])
def test_another_executor_gives_the_same_table(finished, trained, small_registry, tmp_path, pool):
    other = replace(SMALL, results=tmp_path / "other")
    kwargs = {"mp_context": get_context("spawn")} if pool is ProcessPoolExecutor else {}
    with pool(1, initializer=torch.set_num_threads, initargs=(torch.get_num_threads(),), **kwargs) as executor:
        go(other, small_registry, executor)
    assert table(other) == table(finished[0])


def test_bad_indices_cost_their_own_rows(request_, cache):
    registry = simbench.load([SmallPlugins(), BadPlugins()])
    outcome, said = go(replace(request_, indices=("raises,nan,total",)), registry)
    notes = {name.split()[1]: (row.status, row.note) for name, row in outcome.rows if row.quantity == "similarity"}
    assert notes["raises"] == ("failed", "RuntimeError: out of luck")
    assert notes["nan"] == ("failed", "ArithmeticError: index nan returned nan")
    assert notes["total"][0] == "ok"
    assert all(row.status == "ok" for _, row in outcome.rows if row.quantity == "accuracy")
    errors = [record.error for record in Store(request_.results).read().records.values() if record.failed]
    assert any('raise RuntimeError("out of\\nluck")' in error for error in errors)
    assert sum(line.startswith("failed: ") for line in said) == 8


def checkpoints(folder: Path, damage) -> tuple[str, ...]:
    """Three weights files, the last of them damaged."""
    folder.mkdir()
    files = []
    for seed in range(3):
        torch.manual_seed(seed)
        state = Net().build(1, 3).state_dict()
        if seed == 2:
            damage(state)
        torch.save(state, folder / f"n{seed}.pt")
        files.append(str(folder / f"n{seed}.pt"))
    return (",".join(files),)


@pytest.mark.parametrize(
    ("damage", "status", "reason"),
    [
        (
            lambda state: state["bn1.running_var"].fill_(-1.0),
            "failed",
            "ArithmeticError: bn1 of net-n2 holds NaN or infinite activations",
        ),
        (lambda state: state["bn1.weight"].zero_(), "degenerate", "bn1 of net-n2 is constant over the test images"),
    ],
)
def test_a_spoilt_network_costs_the_rows_it_is_in(request_, small_registry, tmp_path, damage, status, reason):
    request = replace(
        request_,
        seeds=None,
        weights=checkpoints(tmp_path / "w", damage),
        layers=("bn1",),
        view=("spatial,pooled,flat",),
        indices=("cka",),
        stitchers=("identity",),
    )
    outcome, _ = go(request, small_registry)
    similar = [(name, row) for name, row in outcome.rows if row.quantity == "similarity"]
    for name, row in similar:
        assert row.status == (status if "net-n2" in name else "ok"), (name, row)
        assert "net-n2" not in name or row.note.startswith(reason), row.note
    assert sum(row.status == "ok" for _, row in similar) == 2 * 3


class Negatives(Blobs):
    name = "negatives"

    def split(self, name):
        part = super().split(name)
        return Split(np.concatenate([255 - part.inputs] * 2), np.concatenate([part.labels] * 2))


class TwoDatasets(SmallPlugins):
    @simbench.hookimpl
    def simbench_datasets(self):
        return [Blobs(), Negatives()]


def test_two_data_sets_are_measured_apart(request_):
    outcome, _ = go(
        replace(
            request_,
            datasets=("blobs,negatives",),
            layers=("conv2",),
            stitchers=("identity",),
            indices=("cka",),
            max_samples=64,
        ),
        simbench.load([TwoDatasets()]),
    )
    frame = measurements(request_).set_index("dataset")
    assert set(frame.index) == {"blobs", "negatives"} and outcome.trained == 4
    assert set(frame.loc["blobs", "samples"]) == {60} and set(frame.loc["negatives", "samples"]) == {64}
    similar = frame.loc[frame["quantity"] == "similarity", "value"]
    assert set(similar["blobs"]).isdisjoint(similar["negatives"]) and len(similar) == 4


def test_layers_of_different_size_are_skipped_in_spatial_and_pooled_is_measured(request_, small_registry):
    """Two models that share the layer name bn1, one of them with another width: p != q."""
    outcome, _ = go(
        replace(
            request_,
            models=("net,net[width=4]",),
            seeds="1,",
            layers=("bn1",),
            view=("spatial,pooled",),
            stitchers=("all",),
        ),
        small_registry,
    )
    statuses = {name: row.status for name, row in outcome.rows}
    assert statuses.pop("matching identity net-1 -> net[width=4]-1 bn1 spatial") == "skipped"
    assert statuses.pop("matching identity net[width=4]-1 -> net-1 bn1 spatial") == "skipped"
    assert set(statuses.values()) == {"ok"}


def test_the_selected_setting_stands_in_the_tables_and_others_are_counted(done, small_registry):
    before = table(done)
    other = replace(done, max_samples=140)  # fewer train images, the same test images: the same labels
    progress = Silent()
    outcome = run(prepare(other, small_registry), small_registry, progress)
    contents = Store(done.results).read()
    file = done.results / "measurements.csv"
    assert publish.publish(contents, done.results, preferred=outcome.selected) == outcome.measured
    assert file.read_bytes() != before
    again = run(prepare(done, small_registry), small_registry, progress)
    publish.publish(contents, done.results, preferred=again.selected)
    assert again.measured == 0 and file.read_bytes() == before


def test_two_data_sets_of_one_label_are_refused(request_, small_registry, tmp_path):
    for name in ("a", "b"):
        for split in ("train", "test"):
            for label in ("x", "y"):
                (tmp_path / name / "data" / split / label).mkdir(parents=True)
    folders = ",".join(f"imagefolder[path={tmp_path / name / 'data'}]" for name in ("a", "b"))
    with pytest.raises(simbench.InputError, match="are both named 'imagefolder.path=data.' in results; rename one"):
        prepare(replace(request_, datasets=(folders,)), small_registry)
