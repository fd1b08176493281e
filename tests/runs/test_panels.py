"""Runs on panels: networks that are found rather than trained, and what a panel decides."""

from __future__ import annotations

import functools
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from small_figures import empty_rankings
from small_plugins import Blobs, Net, SmallPlugins

import simbench
from simbench import Design, InputError, Panel
from simbench.contracts.selection import Selection
from simbench.networks.packing import packed
from simbench.networks.panels import PanelFile, read_panel

pytestmark = pytest.mark.usefixtures("undrawn")
RUN = {"experiments": "matching", "indices": "cka", "stitchers": "identity", "progress": None}


@pytest.fixture(scope="session")
def file(small: Selection, tmp_path_factory) -> Path:
    """A panel of the two networks `net`, at layer conv2, on 50 images."""
    nets = [network for network in small.networks if network.model.spec == "net"]
    setting = simbench.Setting(Blobs(), Blobs().fingerprint(), 50)
    file = tmp_path_factory.mktemp("panel") / "small-1.safetensors"
    file.write_bytes(packed("small", 1, Net(), setting, nets, ("conv2",), Design(1), "by hand"))
    return file


@pytest.fixture(scope="session")
def panel(file: Path) -> PanelFile:
    return read_panel(file)


@pytest.fixture
def run(file, panel, tmp_path, cache):
    """A run where the panel is installed."""

    class Small(Panel):
        name, source, sha256 = "small-1", "made by the tests", panel.content

    Small.file = file

    class Provides(SmallPlugins):
        @simbench.hookimpl
        def simbench_panels(self):
            return [Small()]

    registry = simbench.load([Provides()])
    return lambda **options: simbench.run(registry=registry, **({"results": tmp_path / "results"} | RUN | options))


SMALL = {"models": "net", "datasets": "blobs"}


@pytest.fixture
def brief():
    """Nothing is ranked: the first test looks at the tables."""
    with empty_rankings():
        yield


def test_networks_of_an_installed_panel_are_not_trained(run):
    outcome = run(**SMALL, seeds=2)
    assert outcome.trained == 0 and set(outcome.measurements["panel"]) == {"small-1"}
    assert set(outcome.correlations["panel"]) == set(outcome.leaderboard["panel"]) == {"small-1"}
    assert "net on blobs (panel small-1), 2 networks" in str(outcome)


@pytest.mark.long
def test_other_seeds_are_trained_and_rows_of_two_networks_name_the_panel_of_both(run):
    outcome = run(**SMALL, seeds=3)
    assert outcome.trained == 1
    of_panel = outcome.measurements[["seed_a", "seed_b"]].isin(["0", "1"]).all(axis=1)
    assert (outcome.measurements.loc[of_panel, "panel"] == "small-1").all()
    assert (outcome.measurements.loc[~of_panel, "panel"] == "").all()


@pytest.mark.long
def test_train_trains_what_a_panel_holds(run):
    outcome = run(**SMALL, seeds=2, train=True)
    assert outcome.trained == 2 and set(outcome.measurements["panel"]) == {""}


@pytest.mark.usefixtures("brief")
def test_a_panel_gives_networks_data_layers_and_images(run):
    outcome = run(panel="small-1")
    assert outcome.trained == 0 and outcome.cases == 2 + 2 * 2
    assert set(outcome.measurements["layer_a"]) == {"", "conv2"} and set(outcome.measurements["samples"]) == {50}


@pytest.mark.usefixtures("brief")
def test_options_choose_among_what_a_panel_holds(run):
    assert run(panel="small-1", seeds="1,", max_samples=20).cases == 1
    assert run(panel="small-1", pairs="balanced:1", dry_run=True).cases == 2 + 2 * 2


def test_a_panel_is_found_by_file_and_folder(run, file):
    for place in (file, str(file), file.parent):
        assert run(panel=place, dry_run=True).untrained == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"panel": "smal-1"}, "panel 'smal-1' is unknown; did you mean 'small-1'"),
        ({"panel": "small-1", "seeds": "0,7"}, "--seeds asks for 7, which panel small-1 does not hold; allowed: 0, 1"),
        ({"panel": "small-1", "layers": "bn1"}, "--layers asks for bn1, which panel small-1 .* allowed: conv2"),
        ({"panel": "small-1", "models": "net[width=4]"}, "--models asks for net.width=4., which panel small-1"),
        ({"panel": "small-1", "datasets": "digits"}, "--datasets asks for digits, which panel small-1"),
        ({"panel": "small-1", "train": True}, "--panel and --train are both given; leave one out"),
        ({"panel": "small-1", "weights": "a.pt"}, "--panel and --weights are both given; leave one out"),
        ({"panel": "small-1", "pairs": "balanced:2"}, "--pairs is balanced:2, and there are 2 networks"),
        ({"panel": "https://localhost/x"}, "has no sha256; the form is https://host/panel.safetensors#sha256="),
    ],
)
def test_what_a_panel_does_not_hold_is_refused(run, options, message):
    with pytest.raises(InputError, match=message):
        run(**options)


def test_a_folder_of_no_or_several_files_is_no_panel(run, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="holds 0 .safetensors files"):
        run(panel=tmp_path / "empty")


def test_a_panel_on_other_data_is_refused(run, monkeypatch):
    monkeypatch.setattr(Blobs, "mean", (0.4,))
    with pytest.raises(InputError, match="panel small-1 cannot be used: its networks .* with the fingerprint"):
        run(panel="small-1")


@pytest.fixture
def server(file, monkeypatch) -> Iterator[str]:
    """The address of the panel on a server of this machine."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    quiet = type("Quiet", (http.server.SimpleHTTPRequestHandler,), {"log_message": lambda *_: None})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(quiet, directory=file.parent)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/{file.name}"
        server.shutdown()


@pytest.mark.usefixtures("brief")
def test_a_panel_is_downloaded_once(run, server, panel):
    address = f"{server}#sha256={panel.content}"
    assert run(panel=address).trained == 0
    gone = address.replace("small-1", "gone")  # known by its hash: nothing is asked of the server
    assert run(panel=gone, dry_run=True).pending == 0


def test_a_download_of_another_hash_is_refused(run, server, cache):
    with pytest.raises(InputError, match="panel at http.* cannot be had: ValueError: SHA256 hash"):
        run(panel=f"{server}#sha256={'0' * 64}")
    assert not list((cache / "panels").glob("*.safetensors"))


def test_an_address_without_a_file_is_refused(run, server):
    with pytest.raises(InputError, match="cannot be had: HTTPError: 404"):
        run(panel=f"{server}.none#sha256={'0' * 64}")
