"""Weights: networks that are trained from a seed or fetched, and cached, or that are loaded from checkpoints."""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from simbench.contracts import Dataset, Model
from simbench.contracts.selection import Network
from simbench.errors import InputError
from simbench.networks.architectures import architecture
from simbench.networks.checkpoints import bytes_of, content_hash, fits, read, unusable
from simbench.networks.panels import PanelFile, built
from simbench.networks.training import recipe_of, title, train
from simbench.networks.wrappings import renamed, report
from simbench.system.cache import cache_folder
from simbench.system.names import unfit
from simbench.system.provenance import canonical, digest, machine, versions
from simbench.system.seals import content_of, put, sealed, stamps, unsealed
from simbench.system.stopwatch import stage
from simbench.system.surroundings import abroad, known, seed_of

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

__all__ = ["cached", "checkpoint", "content_hash", "fetched", "load", "read", "train", "trained"]

#: What the note beside a weights file holds: its hash, that of the tensors, and what was trained.
NOTE = {"file": str, "weights": str, "identity": dict}


def cached(
    model: Model, dataset: Dataset, fingerprint: str, seed: int, panels: Iterable[PanelFile] = ()
) -> Network | None:
    """The network of this architecture, recipe, data and seed, of the first of the panels that holds it, or if it has
    been trained before.

    Missing or damaged files count as not cached: one line on stderr reports them, and the network is trained again.
    Does not import torch where the hash of the architecture is cached."""
    for panel in panels:
        if not panel.misfit(model, dataset, fingerprint, seed):
            return panel.network(model, dataset, seed)
    identity = _identity(model, dataset, fingerprint, seed)
    file = _file(identity)
    sidecar = file.with_suffix(".json")
    if not file.exists() and not sidecar.exists():
        return None
    entry = unsealed(sidecar, **NOTE)
    if entry is None:
        reason = f"{sidecar.name} is missing or damaged"
    elif canonical(entry["identity"]) != canonical(identity):  # plain data has no tuples
        reason = f"{sidecar.name} belongs to another network"
    elif entry.get("file") != content_of(file):
        reason = f"{file.name} is missing or damaged"
    else:
        return Network(model, str(seed), entry["weights"], file, graph=identity["graph"])
    report(
        f"{title(model, dataset, seed)}: {reason} in {file.parent}; the network is {_verb(model)} again",
        *stamps(file),
        *stamps(sidecar),
    )
    return None


@stage("training networks")
def trained(model: Model, dataset: Dataset, fingerprint: str, seed: int, device: str = "cpu") -> Network:
    """Train and cache the network of this seed (initialisation and order of the data).

    Raises InputError when the training diverged: NaN or infinite weights are not cached."""
    return keep(model, dataset, fingerprint, seed, *state_of(model, dataset, seed, device))


def state_of(model: Model, dataset: Dataset, seed: int, device: str) -> tuple[dict[str, Tensor], dict]:
    """State dict of the network that is trained for a seed, and notes on its training. Raises InputError when it
    diverged."""
    start = time.perf_counter()
    state = train(model, dataset, recipe_of(model, dataset), seed, device).state_dict()
    if not all(bool(value.isfinite().all()) for value in state.values()):
        own = model.build(dataset.channels, dataset.classes).state_dict()
        broken = next((name for name, value in state.items() if unusable(value, own[name])), None)
        if broken:
            raise InputError(
                f"{title(model, dataset, seed)}: training diverged, {broken} holds NaN or infinite "
                "values; give a smaller learning rate or another recipe, or leave this seed out"
            )
    return state, {
        "seconds": time.perf_counter() - start,
        "device": device,
        "machine": machine(),
        "versions": versions(),
    }


@stage("fetching weights")
def fetched(model: Model, dataset: Dataset) -> Network:
    """Fetch and cache the published weights of a model; `dataset` is the data set that they were trained on."""
    with abroad():
        state = model.fetch()
    fits(state, _built(model, dataset).state_dict(), f"the state dict fetched by {model.spec}", model, dataset)
    return keep(model, dataset, "", 0, state, {"machine": machine(), "versions": versions()})


def keep(model: Model, dataset: Dataset, fingerprint: str, seed: int, state: dict[str, Tensor], notes: dict) -> Network:
    """Cache the weights of a network that was trained, here or elsewhere, or fetched. notes: where and how."""
    identity = _identity(model, dataset, fingerprint, seed)
    file = _file(identity)
    sidecar = file.with_suffix(".json")
    state = {key: value.cpu() for key, value in state.items()}
    weights, content = content_hash(state), bytes_of(state)
    before = unsealed(sidecar, **NOTE) or {}
    if canonical(before.get("identity")) == canonical(identity) and before["weights"] != weights:
        report(
            f"{title(model, dataset, seed)}: {_verb(model)} again, with other weights than before; its "
            "cases are measured again"
        )
    put(file, content)
    put(sidecar, sealed({"weights": weights, "file": digest(content), "identity": identity, **notes}))
    return Network(model, str(seed), weights, file, graph=identity["graph"])


def _identity(model: Model, dataset: Dataset, fingerprint: str, seed: int) -> dict:
    return {
        "model": model.identity,
        "graph": architecture(model, dataset),
        "data": fingerprint,
        "recipe": recipe_of(model, dataset).identity,
        "seed": seed,
    }


def _file(identity: dict) -> Path:
    return cache_folder("weights", digest(identity) + ".pt")


def _verb(model: Model) -> str:
    return "fetched" if model.published() else "trained"


def _built(model: Model, dataset: Dataset) -> nn.Sequential:
    """An untrained network, whose weights are overwritten or ignored."""
    with abroad():
        return model.build(dataset.channels, dataset.classes)


def checkpoint(model: Model, file: Path) -> Network:
    """The network of a given checkpoint file, named by the file's stem. Does not import torch when the
    same file has been read before."""
    if not file.is_file():
        raise InputError(
            f"checkpoint {str(file)!r} is not a file; give a state dict saved by torch.save, or a .safetensors file"
        )
    if unfit(file.stem):
        raise InputError(f"checkpoint {str(file)!r}: the name of its network {unfit(file.stem)}; rename the file")
    content = content_of(file)
    if not content:
        raise InputError(f"checkpoint {str(file)!r} cannot be read; make it readable")
    sidecar = cache_folder("checkpoints", content + ".json")
    entry = unsealed(sidecar, file=str, weights=str)
    if entry is None or entry.get("file") != content:
        entry = {"file": content, "weights": content_hash(read(file))}
        put(sidecar, sealed(entry))
    return Network(model, file.stem, entry["weights"], file)


@stage("loading weights")
def load(network: Network, dataset: Dataset, device: str | torch.device = "cpu") -> nn.Sequential:
    """The network in eval mode, frozen. Raises InputError when the file does not fit the model."""
    from simbench.networks.stages import in_channels_last

    if network.initial or network.file == Path():  # a model that holds a network builds it with its weights
        with known(seed_of(network.weights)):
            net = _built(network.model, dataset).eval()
    elif network.part:
        net = built(network, dataset)
    else:
        state, net = read(network.file), _built(network.model, dataset).eval()
        same, source = content_hash(state) == network.weights, f"checkpoint {str(network.file)!r}"
        state = renamed(state, net.state_dict(), source)
        fits(state, net.state_dict(), source, network.model, dataset)
        if not same:
            raise InputError(f"weights file {str(network.file)!r} has changed since it was read; run the command again")
        net.load_state_dict(state, strict=False)  # `fits` checked the keys; older files may lack num_batches_tracked
    return in_channels_last(net, device).requires_grad_(False)
