"""Networks of a request: those that are there, placeholders for those to train, and how these are trained."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from simbench.contracts import Dataset, Model
from simbench.contracts.selection import Network, Setting
from simbench.errors import InputError
from simbench.networks import weights
from simbench.networks.architectures import architecture
from simbench.networks.panels import PanelFile
from simbench.system import fatal

#: Placeholder for the hash of weights that are not trained yet.
UNTRAINED = ""


def network_of(model: Model, origin: Dataset, fingerprint: str, seed: int, panels: Iterable[PanelFile] = ()) -> Network:
    """The network of a seed, or a placeholder where it is not trained yet."""
    return weights.cached(model, origin, fingerprint, seed, panels) or Network(
        model, str(seed), UNTRAINED, Path(), graph=architecture(model, origin)
    )


def foreign(network: Network, origin: Dataset, fingerprint: str) -> Network:
    """A network that is measured on another data set than that which it is trained on."""
    return replace(network, seed=f"{network.seed}@{origin.label}", dataset=origin, fingerprint=fingerprint)


def published(model: Model, home: Dataset) -> Network:
    """The network of published weights that were trained on other data, or a placeholder where they are not fetched."""
    network = weights.cached(model, home, "", 0) or Network(
        model, "", UNTRAINED, Path(), graph=architecture(model, home)
    )
    return replace(network, seed=f"published@{home.label}", dataset=home, fingerprint="published")


def trained_as(network: Network, setting: Setting) -> tuple:
    """Key of a training: placeholders with equal keys stand for the same network."""
    return network.model.spec, network.home(setting).label, network.seed.partition("@")[0]


def train(network: Network, setting: Setting, device: str, wary: bool = False) -> Network:
    """The network of a placeholder, trained (or fetched) and cached. Raises InputError where the training diverged, and
    Died where it kills its process: one that a process died of is done in another one. wary: every one is."""
    work = ["training", *trained_as(network, setting), network.model.identity]
    with fatal.marked(work, _here, network, setting, device, wary=wary) as done:
        return _here(network, setting, device, again=not done)


def _here(network: Network, setting: Setting, device: str, again: bool = True) -> Network:
    """again: False takes the network from the cache if it is there."""
    origin = network.home(setting)
    if network.model.published():
        trained = weights.fetched(network.model, origin)
    else:
        fingerprint, seed = network.fingerprint or setting.fingerprint, int(network.seed.partition("@")[0])
        known = None if again else weights.cached(network.model, origin, fingerprint, seed)
        trained = known or weights.trained(network.model, origin, fingerprint, seed, device)
    return replace(network, weights=trained.weights, file=trained.file)


def given(model: Model, files: tuple[Path, ...], dataset: Dataset) -> tuple[Network, ...]:
    """Networks of checkpoint files. Raises InputError if two files have the same name or the same weights."""
    networks = tuple(checkpoint(model, file, dataset) for file in files)
    distinct(networks)
    return networks


def checkpoint(model: Model, file: Path, dataset: Dataset) -> Network:
    """The network of a checkpoint file."""
    return replace(weights.checkpoint(model, file), graph=architecture(model, dataset))


def distinct(networks: Sequence[Network]) -> None:
    """Raise InputError if two networks of a model have the same name or the same weights."""
    for at, network in enumerate(networks):
        for other in networks[:at]:
            if network.model.spec != other.model.spec:
                continue
            if network.seed == other.seed and (network.part or network.weights == UNTRAINED or network.file == Path()):
                raise InputError(f"{network.name} is named twice; give each network once")
            if network.seed == other.seed:
                raise InputError(
                    f"two checkpoints are named {network.seed!r} ({other.file} and {network.file}); "
                    "results are named by file: rename one"
                )
            if network.weights == other.weights != UNTRAINED:
                raise InputError(
                    f"checkpoints {other.file} and {network.file} hold the same weights; give each network once"
                )
