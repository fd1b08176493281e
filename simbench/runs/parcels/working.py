"""Work on a worker: a parcel is opened and measured, and its results go back as plain data."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from simbench.contracts.selection import Network, Setting
from simbench.runs.parcels import contents
from simbench.runs.parcels.contents import Piece
from simbench.runs.parcels.installations import difference, installation, packages_of
from simbench.runs.parcels.opening import opened
from simbench.runs.parcels.references import Done, Missing, Parcel, Refused, Trained
from simbench.runs.unit import Unit

if TYPE_CHECKING:
    from simbench.measuring.measure import Measured


def work(
    parcel: Parcel, pieces: Iterable[Piece], measure: Callable[[Unit], Sequence[Measured]]
) -> Done | Missing | Refused:
    """Do the work of a parcel in this process. pieces: contents that the driver sends along. measure: measures a unit.

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
        return Done(tuple(replace(result, case=None) for result in measure(work)))
    return Done(_trained(*work))


def deliver(pieces: Iterable[Piece]) -> None:
    """Put contents into the cache of this worker. Raises InputError for bytes that are not right."""
    contents.keep(pieces)


def results(unit: Unit, done: Done) -> list[Measured]:
    """On the driver: the results of a unit, with its cases."""
    return [replace(result, case=case) for result, case in zip(done.results, unit.cases, strict=True)]


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
