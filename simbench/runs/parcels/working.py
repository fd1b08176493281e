"""Work on a worker: a parcel is opened and measured, and its results go back as plain data."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING

from simbench.contracts.selection import Network, Selection, Setting
from simbench.runs.parcels import contents
from simbench.runs.parcels.contents import Piece
from simbench.runs.parcels.installations import difference, installation, packages_of
from simbench.runs.parcels.opening import opened
from simbench.runs.parcels.references import Done, Missing, Parcel, Refused, Trained
from simbench.runs.unit import Unit
from simbench.system.raised import told, trace

if TYPE_CHECKING:
    from simbench.measuring.bench import Workbench
    from simbench.measuring.measure import Measured


def work(
    parcel: Parcel, pieces: Iterable[Piece] = (), measure: Callable[[Unit], Sequence[Measured]] | None = None
) -> Done | Missing | Refused:
    """Do the work of a parcel in this process. pieces: contents that the driver sends along. measure: measures a unit
    otherwise than on a bench of this process; found by its name on the worker.

    Raises InputError for pieces whose bytes are not right, and for a training what it raised."""
    lines = difference(parcel.installation, installation(packages_of(parcel.installation)))
    if lines:
        return Refused(tuple(lines))
    pieces = tuple(pieces)
    contents.keep(pieces)
    work = opened(parcel)
    if isinstance(work, Missing):
        return replace(work, again=bool(pieces))
    if isinstance(work, Unit):
        return Done(tuple(replace(result, case=None) for result in (measure or measured)(work)))
    return Done(_trained(*work))


def deliver(pieces: Iterable[Piece]) -> None:
    """Put contents into the cache of this worker. Raises InputError for bytes that are not right."""
    contents.keep(pieces)


def results(unit: Unit, done: Done) -> list[Measured]:
    """On the driver: the results of a unit, with its cases."""
    return [replace(result, case=case) for result, case in zip(done.results, unit.cases, strict=True)]


def measured(unit: Unit) -> list[Measured]:
    """The cases of a unit, measured on the bench that this process keeps for its selection."""
    from simbench.measuring.measure import Measured, failed, measure

    try:
        bench = _bench(unit.selection, unit.device, unit.memory)
    except Exception as error:  # of a data set, say
        note = f"the data cannot be used: {told(error)}"
        return [Measured(case, (failed(case, note),), 0, 0.0, trace(error)) for case in unit.cases]
    return [measure(case, bench) for case in unit.cases]


@lru_cache(maxsize=1)
def _bench(selection: Selection, device: str, memory: int) -> Workbench:
    from simbench.measuring.bench import Workbench

    return Workbench(selection, device, memory)


def _trained(network: Network, setting: Setting, device: str) -> Trained:
    from simbench.networks import weights
    from simbench.networks.checkpoints import bytes_of

    seed = int(network.seed.partition("@")[0])
    state, notes = weights.state_of(network.model, network.home(setting), seed, device)
    state = {key: value.cpu() for key, value in state.items()}
    return Trained(weights.content_hash(state), bytes_of(state), notes)


def kept(network: Network, setting: Setting, done: Done) -> Network:
    """On the driver: the network of a placeholder, whose weights were trained on a worker, in the driver's cache."""
    import io

    import torch

    from simbench.errors import InputError
    from simbench.networks import weights

    sent, home = done.results, network.home(setting)
    state = torch.load(io.BytesIO(sent.content), map_location="cpu", weights_only=True)
    if weights.content_hash(state) != sent.weights:
        raise InputError(f"the weights of {network.name} arrived with other values than were sent; train it again")
    fingerprint, seed = network.fingerprint or setting.fingerprint, int(network.seed.partition("@")[0])
    made = weights.keep(network.model, home, fingerprint, seed, state, dict(sent.notes))
    return replace(network, weights=made.weights, file=made.file)
