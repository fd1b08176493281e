"""What travels gives the same numbers in a process that shares neither files nor modules with the driver."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from elsewhere import away, done, plain
from small_networks import case

from simbench import Index, InputError
from simbench.boards.data import Given
from simbench.boards.live import Live
from simbench.contracts.selection import Selection, Setting
from simbench.data.memory import in_memory
from simbench.networks import weights
from simbench.runs.parcels import Depot, Missing, deliver, opened, results, size, work
from simbench.runs.parcels.weights import part_of
from simbench.runs.units import measure_unit


def moved(selection: Selection, folder: Path) -> Selection:
    """The selection with its networks in files of this folder alone."""
    folder.mkdir()
    networks = []
    for network in selection.networks:
        file = folder / network.file.name
        file.write_bytes(network.file.read_bytes())
        networks.append(replace(network, file=file))
    return replace(selection, networks=tuple(networks))


@pytest.mark.long
def test_a_panel_is_measured_elsewhere_to_the_last_bit(panel_units, elsewhere, tmp_path, monkeypatch):
    """Its weights are those of the package there, digits are made there, and the selection alone is sent, once."""
    monkeypatch.setenv("SIMBENCH_CACHE", str(tmp_path))
    depot = Depot()
    for unit in panel_units:
        parcel = depot.pack(unit)
        reply, _ = done(elsewhere, depot, parcel)
        assert plain(results(unit, reply)) == plain(measure_unit(unit))
        assert len(pickle.dumps(parcel)) < 8_000
    assert [name for _, name in depot.sent] == [parcel.head.name] and set(depot.sent.values()) == {1}


@pytest.mark.long
def test_networks_travel_where_the_worker_has_neither_files_nor_classes(small, made, elsewhere, tmp_path):
    """The classes of blobs and net lie in a module that is not installed there."""
    folder = tmp_path / "files"
    unit, depot = made(moved(small, folder)), Depot()
    parcel = depot.pack(unit)
    reply, asked = done(elsewhere, depot, parcel, folder)
    assert plain(results(unit, reply)) == plain(measure_unit(unit))
    assert len(asked) == 1 + len(small.networks) and set(depot.sent.values()) == {1}
    assert size(parcel) > sum(network.file.stat().st_size for network in small.networks)
    again, asked = done(elsewhere, depot, parcel, folder)
    assert plain(results(unit, again)) == plain(results(unit, reply)) and not asked


@pytest.mark.long
def test_a_network_of_a_panel_that_the_worker_lacks_is_sent_alone(panel_units, elsewhere, tmp_path):
    """A panel file of other bytes, without metadata, of which each network is a part."""
    folder = tmp_path / "files"
    folder.mkdir()
    (folder / "panel.safetensors").write_bytes(part_of(panel_units[0].selection.networks[0].file, ""))
    unit = next(unit for unit in panel_units if unit.cases[0].method)
    networks = {network: replace(network, file=folder / "panel.safetensors") for network in unit.selection.networks}
    selection = replace(unit.selection, networks=tuple(networks.values()))
    cases = tuple(replace(case, a=networks[case.a], b=networks[case.b]) for case in unit.cases)
    depot, unit = Depot(), replace(unit, selection=selection, cases=cases)
    reply, asked = done(elsewhere, depot, depot.pack(unit), folder)
    assert plain(results(unit, reply)) == plain(measure_unit(unit))
    assert len(asked) == 3 and all(name.endswith(".safetensors") for name in asked[1:])
    assert all((elsewhere.cache / "parcels" / name).stat().st_size < 200_000 for name in asked[1:])


def pictures() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    return rng.integers(0, 256, (500, 1, 16, 16), dtype=np.uint8), rng.integers(0, 3, 500)


def given() -> Given:
    x, y = pictures()
    x = (x / 255).astype(np.float32)
    return Given((x[:250], y[:250]), (x[250:], y[250:]), 3)


@pytest.mark.long
@pytest.mark.parametrize("dataset", [in_memory(pictures(), label="mine"), given()], ids=["in_memory", "given"])
def test_data_in_memory_is_sent_once_and_gives_the_same(small, made, elsewhere, dataset):
    selection = replace(small, setting=Setting(dataset, dataset.fingerprint(), 10_000))
    depot, unit = Depot(), made(selection)
    parcel = depot.pack(unit)
    reply, asked = done(elsewhere, depot, parcel)
    assert plain(results(unit, reply)) == plain(measure_unit(unit))
    assert size(parcel) > 100_000 > len(pickle.dumps(parcel))
    reply, again = done(elsewhere, depot, depot.pack(made(replace(selection, networks=small.networks[:2]))))
    assert len(asked) > len(again) == 1  # another selection of the same data


@pytest.mark.long
def test_networks_in_memory_travel_with_their_tensors(small, made, elsewhere):
    torch.manual_seed(0)
    nn = torch.nn
    wide = [(nn.Conv2d(1, 64, 3), nn.ReLU(), nn.Conv2d(64, 64, 3, 2)) for _ in range(2)]
    nets = [nn.Sequential(*layers, nn.Flatten(), nn.Linear(64 * 36, 3)) for layers in wide]
    dataset = given()
    live = [Live(f"net_{at}", net, torch.from_numpy(dataset.split("test").inputs[:4])) for at, net in enumerate(nets)]
    networks = tuple(each.network() for each in live)
    layers = {network.model.spec: ("1",) for network in networks}
    selection = Selection(Setting(dataset, dataset.fingerprint(), 64), networks, layers, ("spatial",), (), ())
    unit = replace(made(), selection=selection, cases=(case(selection, made().cases[0].method, layer="1"),))
    depot = Depot()
    parcel = depot.pack(unit)
    reply, asked = done(elsewhere, depot, parcel)
    (result,) = results(unit, reply)
    assert plain([result]) == plain(measure_unit(unit)) and result.rows[0].status == "ok"
    assert len(asked) >= 3 and len(pickle.dumps(parcel)) < 20_000


@pytest.mark.long
def test_a_class_of_a_notebook_travels_with_its_identity(small, made, elsewhere):
    class Local(Index):
        name, source, version = "local", "made by the tests", 7

        def from_moments(self, m):
            return m.ab.sum() / m.ab.abs().sum()

    unit = made(small, Local())
    depot = Depot()
    reply, _ = done(elsewhere, depot, depot.pack(unit))
    assert plain(results(unit, reply)) == plain(measure_unit(unit))
    assert opened_here(depot, unit).cases[-1].method.identity == Local().identity


def opened_here(depot: Depot, unit):
    """The unit as this process opens it, as a worker of the same cache would."""
    parcel = depot.pack(unit)
    lacking = opened(parcel)
    for message in depot.supply(lacking) if isinstance(lacking, Missing) else ():
        deliver(message)
    return opened(parcel)


def test_an_opened_unit_is_the_unit_that_was_packed(small, made):
    unit = made(small, *small.indices)
    back = opened_here(Depot(), unit)
    assert back.selection == unit.selection and [case.key for case in back.cases] == [case.key for case in unit.cases]
    assert [case.identity for case in back.cases] == [case.identity for case in unit.cases]
    assert all(case.setting is back.selection.setting and case.a is back.selection.networks[0] for case in back.cases)
    assert (back.device, back.memory) == (unit.device, unit.memory)


def test_results_hold_no_case_and_no_tensor(small, made):
    depot = Depot()
    lacking = work(depot.pack(made()), (), measure_unit)
    (message,) = depot.supply(lacking)
    reply = work(depot.pack(made()), message, measure_unit)
    assert all(result.case is None for result in reply.results)
    assert b"torch" not in pickle.dumps(reply) and b"Path" not in pickle.dumps(reply)


class Locked(Index):
    name, source = "locked", "made by the tests"

    def __init__(self) -> None:
        import threading

        self.lock = threading.Lock()

    def from_moments(self, m):
        return m.ab.sum()


def test_what_cannot_be_sent_is_named_and_the_rest_goes(small, made):
    with pytest.raises(InputError, match=r"^index locked cannot be sent to a worker: TypeError: cannot pickle"):
        Depot().pack(made(small, Locked()))
    selection = replace(small, indices=(Locked(), *small.indices))
    assert opened_here(Depot(), made(selection)).selection.indices == ()


def test_weights_that_are_gone_are_named(small, made, tmp_path):
    selection = moved(small, tmp_path / "files")
    depot, unit = Depot(), made(selection)
    parcel = depot.pack(unit)
    with away(tmp_path / "files"):
        with pytest.raises(InputError, match=r"^weights of net-0 cannot be read any more from '.*net-0.pt' \("):
            list(depot.supply(Missing(tuple(ref.name for ref in parcel.wants), "there")))
        with pytest.raises(InputError, match=r"^weights of net-0 cannot be read from '.*net-0.pt'; put the file"):
            Depot().pack(unit)


def test_what_is_under_way_is_sent_again_to_a_worker_that_asks_again_alone(made):
    depot, parcel = Depot(), None
    parcel = depot.pack(made())
    asked = Missing((parcel.head.name,), "there")
    assert [len(list(depot.supply(each))) for each in (asked, asked, replace(asked, cache="elsewhere"))] == [1, 0, 1]
    assert len(list(depot.supply(replace(asked, again=True)))) == 1
    with pytest.raises(InputError, match="a worker lacks content 0000.*not packed here"):
        list(depot.supply(Missing(("0" * 64,), "there")))


@pytest.mark.long
def test_a_network_trains_elsewhere_as_it_does_here(small, elsewhere, cache):
    from simbench.runs.parcels import kept
    from simbench.runs.placeholders import network_of, train

    setting, model = small.setting, small.networks[2].model
    placeholder = network_of(model, setting.dataset, setting.fingerprint, 5)
    assert placeholder.weights == ""
    depot = Depot()
    reply, asked = done(elsewhere, depot, depot.pack_training(placeholder, setting, "cpu"))
    there = kept(placeholder, setting, reply)
    assert there.file.is_relative_to(cache) and not asked
    assert weights.cached(model, setting.dataset, setting.fingerprint, 5) == replace(there, graph=there.graph)
    there.file.unlink()
    assert train(placeholder, setting, "cpu").weights == there.weights
