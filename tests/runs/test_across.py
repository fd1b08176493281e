"""Networks of several data sets in one run: named, trained once, shown images as they know them."""

from __future__ import annotations

import pickle
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from small_across import AcrossPlugins, Elsewhere, Marks, Published
from small_plugins import Blobs, SmallPlugins
from small_runs import go

import simbench
from simbench import Case, Experiment, Inapplicable, InputError
from simbench.measuring.bench import Workbench
from simbench.measuring.measure import measure
from simbench.networks import weights
from simbench.runs.job import prepare
from simbench.runs.placeholders import UNTRAINED
from simbench.runs.plan import plan
from simbench.runs.request import Request
from simbench.runs.resolved import resolve

pytestmark = pytest.mark.usefixtures("undrawn", "unranked")


class Abroad(Experiment):
    """Stitches the first network of every model and data set to the last home one, at bn1."""

    name, source, across = "abroad", "made by the tests", True

    def plan(self, selection):
        home = [network for network in selection.networks if network.dataset is None]
        for network in selection.networks[::2]:
            for stitcher in selection.stitchers:
                yield Case(self, selection.setting, "abroad", stitcher, network, "bn1", home[-1], "bn1", "spatial")

    def run(self, case, context):
        return context.stitched(context.fit(case.method, case), case)


class Plugins(AcrossPlugins):
    @simbench.hookimpl
    def simbench_experiments(self):
        return [Abroad()]


REQUEST = Request(
    experiments=("abroad",),
    models=("net",),
    datasets=("blobs,marks",),
    seeds="2",
    layers=("bn1",),
    stitchers=("least_squares,task_loss",),
    indices=("cka",),
)


@pytest.fixture(scope="module")
def everywhere() -> simbench.Registry:
    return simbench.load([SmallPlugins(), Plugins()])


@pytest.fixture(scope="module")
def measured(everywhere, tmp_path_factory):
    """(folder, outcome, measurements) of REQUEST, run once."""
    folder = tmp_path_factory.mktemp("across")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SIMBENCH_CACHE", str(folder / "cache"))
        outcome, frame, _ = go(replace(REQUEST, results=folder / "results"), everywhere)
    return folder, outcome, frame


def test_every_part_has_the_networks_of_all_data_sets_and_foreign_ones_say_whence(everywhere, cache):
    parts = plan(resolve(REQUEST, everywhere))
    assert [part.selection.setting.dataset.name for part in parts] == ["blobs", "marks"]
    assert [[network.name for network in part.selection.networks] for part in parts] == [
        ["net-0", "net-1", "net-0@marks", "net-1@marks"],
        ["net-0@blobs", "net-1@blobs", "net-0", "net-1"],
    ]
    home, *_, abroad = parts[0].selection.networks
    assert (home.dataset, home.fingerprint) == (None, "") and home.home(parts[0].selection.setting) == Blobs()
    assert (abroad.dataset, abroad.fingerprint) == (Marks(), Marks().fingerprint())
    assert all(network.weights == UNTRAINED for part in parts for network in part.selection.networks)


def test_an_experiment_that_is_not_across_sees_networks_of_one_data_set(everywhere, cache):
    parts = plan(resolve(replace(REQUEST, experiments=("matching",)), everywhere))
    assert [[network.name for network in part.selection.networks] for part in parts] == [["net-0", "net-1"]] * 2


def test_a_network_is_trained_once_and_is_the_same_at_home_and_abroad(measured, everywhere, monkeypatch):
    folder, outcome, frame = measured
    assert outcome.trained == 4 and len(list((folder / "cache" / "weights").glob("*.pt"))) == 4
    assert outcome.cases == outcome.measured == 2 * 2 * 2
    monkeypatch.setenv("SIMBENCH_CACHE", str(folder / "cache"))
    first, second = plan(resolve(REQUEST, everywhere))
    hashes = [
        {
            network.seed.partition("@")[0] + network.home(part.selection.setting).name: network.weights
            for network in part.selection.networks
        }
        for part in (first, second)
    ]
    assert hashes[0] == hashes[1] and len(set(hashes[0].values())) == 4
    assert (frame["status"] == "ok").all() and set(frame["seed_a"]) == {"0", "0@marks", "0@blobs"}


def test_a_second_run_finds_every_case_of_every_data_set(measured, everywhere, monkeypatch):
    folder, outcome, _ = measured
    monkeypatch.setenv("SIMBENCH_CACHE", str(folder / "cache"))
    job = prepare(replace(REQUEST, results=folder / "results"), everywhere)
    assert (job.untrained, job.pending, job.cases) == (0, 0, outcome.cases)


def images(dataset, trained_on, split: str) -> torch.Tensor:
    part = torch.tensor(dataset.split(split).inputs).float() / 255
    return (part - trained_on.mean[0]) / trained_on.std[0]


def test_a_foreign_front_sees_images_normalised_as_it_was_trained_and_is_scored_by_the_end_s_labels(
    measured, everywhere, monkeypatch
):
    """The whole chain against a few lines that start from the images: blobs front, marks end, two labels an image."""
    folder, _, frame = measured
    monkeypatch.setenv("SIMBENCH_CACHE", str(folder / "cache"))
    blobs, marks, model = Blobs(), Marks(), everywhere.get("models", "net")
    front = weights.load(weights.cached(model, blobs, blobs.fingerprint(), 0), blobs)[:2]
    whole = weights.load(weights.cached(model, marks, marks.fingerprint(), 1), marks)

    def rows(x):
        return x.permute(0, 2, 3, 1).reshape(-1, x.shape[1]).double()

    with torch.no_grad():
        fit_a, fit_b = front(images(marks, blobs, "train")), whole[:2](images(marks, marks, "train"))
        a, own = front(images(marks, blobs, "test")), whole(images(marks, marks, "test"))
        ones = torch.ones(len(rows(fit_a)), 1, dtype=torch.float64)
        solution = torch.linalg.lstsq(torch.cat([rows(fit_a), ones], 1), rows(fit_b)).solution
        moved = (rows(a) @ solution[:-1] + solution[-1]).float().reshape(60, 8, 8, 6).permute(0, 3, 1, 2)
        stitched = whole[2:](moved)
    labels = marks.split("test").labels
    right, own_right = ((outputs.numpy() > 0) == labels for outputs in (stitched, own))
    found = frame[(frame["dataset"] == "marks") & (frame["seed_a"] == "0@blobs") & (frame["method"] == "least_squares")]
    found = found.set_index("quantity")["value"]
    assert found["accuracy"] == pytest.approx(right.mean(), abs=1e-9)
    ratios = right.mean(0) / own_right.mean(0)
    assert found["relative_accuracy"] == pytest.approx(ratios.mean(), abs=1e-9)
    assert [found[f"relative_accuracy/{name}"] for name in ("top", "left")] == pytest.approx(ratios.tolist(), abs=1e-9)
    assert found["agreement"] == pytest.approx(((stitched > 0) == (own > 0)).double().mean().item(), abs=1e-9)
    p, q = own.double().sigmoid().numpy(), stitched.double().sigmoid().numpy()
    assert found["cross_entropy"] == pytest.approx(-(p * np.log(q) + (1 - p) * np.log(1 - q)).mean(), rel=1e-4)


@pytest.fixture
def context(measured, everywhere, monkeypatch):
    """Workbench of the part that is measured on blobs, and its networks by name."""
    monkeypatch.setenv("SIMBENCH_CACHE", str(measured[0] / "cache"))
    part, _ = plan(resolve(REQUEST, everywhere))
    return Workbench(part.selection), {network.name: network for network in part.selection.networks}


def test_the_accuracy_of_a_network_is_not_told_by_labels_of_another_task(context):
    context, networks = context
    with pytest.raises(Inapplicable, match="net-0@marks was trained for .*2 attributes.* blobs"):
        context.accuracy(networks["net-0@marks"])
    assert context.accuracy(networks["net-0"]) > 0.4


def test_a_stitch_cannot_learn_from_a_model_1_with_other_outputs(context, everywhere):
    context, networks = context
    make = partial(
        Case, Abroad(), context.selection.setting, "abroad", everywhere.get("stitchers", "task_loss[labels=soft_1]")
    )
    (row,) = measure(make(networks["net-0@marks"], "bn1", networks["net-1"], "bn1", "spatial"), context).rows
    assert row.status == "skipped" and row.note == (
        "Model 1 has other outputs than Model 2, so they cannot serve as labels; take labels=soft"
    )
    assert measure(make(networks["net-0"], "bn1", networks["net-1"], "bn1", "spatial"), context).rows[0].status == "ok"


def test_networks_that_have_been_to_another_process_and_back_are_the_same(context, everywhere):
    """Cases of several units meet in one worker's context, and plugins without parameters are no dataclasses."""
    context, networks = context
    a, b = (pickle.loads(pickle.dumps(networks[name])) for name in ("net-0@marks", "net-1"))
    assert a.dataset is not networks["net-0@marks"].dataset and a == networks["net-0@marks"] and a != b
    case = Case(
        Abroad(),
        context.selection.setting,
        "abroad",
        everywhere.get("stitchers", "procrustes"),
        a,
        "bn1",
        b,
        "bn1",
        "spatial",
    )
    assert {row.status for row in measure(case, context).rows} == {"ok"}


def test_cases_of_a_foreign_network_have_keys_of_their_own(context, everywhere):
    """The same weights at another normalisation compute something else."""
    context, networks = context
    abroad, stitcher = networks["net-0@marks"], everywhere.get("stitchers", "least_squares")
    at_home = replace(abroad, dataset=None, fingerprint="", seed="0")
    keys = {
        Case(Abroad(), context.selection.setting, "abroad", stitcher, a, "bn1", networks["net-1"], "bn1", "spatial").key
        for a in (abroad, at_home)
    }
    assert len(keys) == 2


FAMOUS = replace(REQUEST, models=("famous,famous[weights=elsewhere]",), datasets=("blobs",))


@pytest.mark.long
def test_published_weights_are_fetched_once_and_stand_beside_trained_networks(everywhere, cache, tmp_path, monkeypatch):
    request, fetched = replace(FAMOUS, results=tmp_path / "results"), []
    fetch = Published.fetch
    monkeypatch.setattr(Published, "fetch", lambda self: fetched.append(1) or fetch(self))
    (part,) = plan(resolve(request, everywhere))
    assert [network.name for network in part.selection.networks] == [
        "famous-0",
        "famous-1",
        "famous[weights=elsewhere]-published@elsewhere",
    ] and not fetched
    outcome, frame, _ = go(request, everywhere)
    assert outcome.trained == 3 and fetched == [1] and set(frame["status"]) == {"ok"}
    assert set(frame["seed_a"]) == {"0", "published@elsewhere"}
    *_, famous = plan(resolve(request, everywhere))[0].selection.networks
    assert famous.weights == weights.content_hash(fetch(famous.model)) and famous.dataset.classes == 5
    assert go(request, everywhere)[0].measured == 0 and fetched == [1]


def test_published_weights_see_images_normalised_as_they_were_trained(everywhere, cache, tmp_path):
    request = replace(FAMOUS, results=tmp_path / "results")
    go(request, everywhere)
    (part,) = plan(resolve(request, everywhere))
    famous, context = part.selection.networks[-1], Workbench(part.selection)
    net = famous.model.build(1, 5).eval()
    net.load_state_dict(famous.model.fetch())
    with torch.no_grad():
        expected = net[:2](images(Blobs(), Elsewhere(), "test"))
    torch.testing.assert_close(context.activations.tensor(famous, "bn1", "test"), expected, rtol=1e-4, atol=1e-5)


def test_published_weights_are_refused_where_networks_are_measured_on_their_own_data(everywhere, cache):
    with pytest.raises(
        InputError,
        match=r"famous\[weights=elsewhere\] was trained on elsewhere \(5 outputs\), and "
        "matching measures networks on the data they were trained on, here blobs; use "
        "an experiment across data sets, or train famous",
    ):
        plan(resolve(replace(FAMOUS, experiments=("matching",)), everywhere))
