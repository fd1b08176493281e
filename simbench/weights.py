"""Weights: networks trained from a seed and cached by content, or read from checkpoints."""

from __future__ import annotations

import hashlib
import io
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING

from simbench import durable
from simbench.cache import cache_folder
from simbench.cases import Network
from simbench.contracts import Dataset, Model, Recipe
from simbench.errors import InputError
from simbench.provenance import digest, machine, versions
from simbench.stopwatch import stage
from simbench.surroundings import abroad, known

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn


def cached(model: Model, dataset: Dataset, fingerprint: str, seed: int) -> Network | None:
    """The network of this recipe, data and seed if it has been trained before. Does not import torch."""
    file = _file(model, dataset, fingerprint, seed)
    sidecar = file.with_suffix(".json")
    known = _known(sidecar) if file.is_file() else None
    return Network(model, str(seed), known, file) if known else None


@stage("training networks")
def trained(model: Model, dataset: Dataset, fingerprint: str, seed: int, device: str = "cpu") -> Network:
    """Train and cache the network of this seed (initialisation and order of the data)."""
    start = time.perf_counter()
    state = train(model, dataset, model.recipe(dataset), seed, device).state_dict()
    return _keep(model, dataset, fingerprint, seed, state, {"seconds": time.perf_counter() - start, "device": device})


@stage("fetching weights")
def fetched(model: Model, dataset: Dataset) -> Network:
    """Fetch and cache the published weights of a model; `dataset` is what they were trained on."""
    with abroad():
        state = model.fetch()
    _fits(state, _built(model, dataset).state_dict(), Network(model, "", "", Path()), dataset)
    return _keep(model, dataset, "", 0, state, {})


def _keep(model: Model, dataset: Dataset, fingerprint: str, seed: int, state: dict[str, Tensor],
          told: dict) -> Network:
    file = _file(model, dataset, fingerprint, seed)
    state = {key: value.cpu() for key, value in state.items()}
    weights = content_hash(state)
    durable.write(file, _bytes(state))
    durable.write(file.with_suffix(".json"), json.dumps({
        "weights": weights, **told, "identity": _identity(model, dataset, fingerprint, seed),
        "machine": machine(), "versions": versions(),
    }, indent=1))
    return Network(model, str(seed), weights, file)


def _known(sidecar: Path) -> str | None:
    """The hash that a sidecar holds, None when there is none that can be read."""
    try:
        return json.loads(sidecar.read_text())["weights"]
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _identity(model: Model, dataset: Dataset, fingerprint: str, seed: int) -> dict:
    return {"model": model.identity, "data": fingerprint, "recipe": model.recipe(dataset).identity, "seed": seed}


def _file(model: Model, dataset: Dataset, fingerprint: str, seed: int) -> Path:
    return cache_folder("weights", digest(_identity(model, dataset, fingerprint, seed)) + ".pt")


def _bytes(state: dict[str, Tensor]) -> bytes:
    import torch

    buffer = io.BytesIO()
    torch.save(state, buffer)
    return buffer.getvalue()


def content_hash(state: dict[str, Tensor]) -> str:
    """sha256 of names, shapes, dtypes and values of a state dict."""
    sha = hashlib.sha256()
    for name, value in sorted(state.items()):
        value = value.detach().cpu().contiguous()
        sha.update(f"{name} {tuple(value.shape)} {value.dtype}".encode())
        sha.update(value.numpy().tobytes())
    return sha.hexdigest()


def train(model: Model, dataset: Dataset, recipe: Recipe, seed: int, device: str = "cpu") -> nn.Sequential:
    """A freshly initialised network trained on the train split, in eval mode. What its modules draw from torch's global
    generator depends on the seed alone."""
    with known(seed):
        return _train(model, dataset, recipe, seed, device)


def _built(model: Model, dataset: Dataset) -> nn.Sequential:
    """An untrained network whose weights are of no importance."""
    with abroad():
        return model.build(dataset.channels, dataset.classes)


def _train(model: Model, dataset: Dataset, recipe: Recipe, seed: int, device: str) -> nn.Sequential:
    import torch

    from simbench.images import augmented, normalised
    from simbench.objective import Objective

    with stage("reading data"), abroad():
        split = dataset.split("train")
    images, labels = split.images, torch.tensor(split.labels)  # which may be a memory map larger than memory
    with abroad():
        torch.manual_seed(seed)
        net = model.build(dataset.channels, dataset.classes)
    net = net.to(device, memory_format=torch.channels_last).train()
    generator = torch.Generator().manual_seed(seed)
    steps = recipe.epochs * (-(-len(images) // recipe.batch))
    optimizer, schedule = _optimizer(net, recipe, steps)
    objective = Objective.of(dataset)
    for _ in range(recipe.epochs):
        for chosen in torch.randperm(len(images), generator=generator).split(recipe.batch):
            batch = torch.tensor(images[chosen.numpy()])
            batch = augmented(batch, generator) if recipe.augment else batch
            loss = objective.cross_entropy(net(normalised(batch, dataset, device)), labels[chosen].to(device))
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            if recipe.clip is not None:
                torch.nn.utils.clip_grad_norm_(net.parameters(), recipe.clip)
            optimizer.step()
            schedule.step()
    return net.eval()


def _optimizer(net: nn.Module, recipe: Recipe, steps: int):
    """Optimizer and schedule of a recipe."""
    import torch

    common = {"lr": recipe.learning_rate, "weight_decay": recipe.weight_decay}
    if recipe.optimizer == "sgd":
        optimizer = torch.optim.SGD(net.parameters(), momentum=recipe.momentum, nesterov=True, **common)
    elif recipe.optimizer == "adam":
        optimizer = torch.optim.Adam(net.parameters(), **common)
    else:
        raise InputError(f"optimizer is {recipe.optimizer!r}; allowed: sgd, adam")
    if recipe.schedule == "one_cycle":
        return optimizer, torch.optim.lr_scheduler.OneCycleLR(optimizer, recipe.learning_rate, total_steps=steps + 1)
    if recipe.schedule == "step":
        return optimizer, torch.optim.lr_scheduler.MultiStepLR(optimizer, [steps // 3, 2 * steps // 3])
    if recipe.schedule == "constant":
        return optimizer, torch.optim.lr_scheduler.ConstantLR(optimizer, 1.0)
    raise InputError(f"schedule is {recipe.schedule!r}; allowed: one_cycle, step, constant")


def checkpoint(model: Model, file: Path) -> Network:
    """The network of a given checkpoint file, named by the file's stem. Does not import torch when the
    same file has been read before."""
    if not file.is_file():
        raise InputError(f"checkpoint {str(file)!r} is not a file; give a state dict saved by torch.save, or "
                         "a .safetensors file")
    known = cache_folder("checkpoints", digest(file.read_bytes()) + ".json")
    weights = _known(known)
    if weights is None:
        weights = content_hash(read(file))
        durable.write(known, json.dumps({"weights": weights}))
    return Network(model, file.stem, weights, file)


def read(file: Path) -> dict[str, Tensor]:
    """State dict of a checkpoint on the CPU, wherever it was saved; code in the file is never run."""
    import torch

    try:
        if file.suffix == ".safetensors":
            state = _safetensors(file)
        else:
            state = torch.load(file, map_location="cpu", weights_only=True)
    except InputError:
        raise
    except Exception as error:
        raise InputError(f"checkpoint {str(file)!r} cannot be read as a state dict ({type(error).__name__}); a file "
                         "of plain tensors by torch.save or safetensors is wanted (if it is a cached one, `simbench "
                         "cache --clear` makes it anew)") from None
    state = state.get("state_dict", state) if isinstance(state, dict) else state
    if not isinstance(state, dict) or not state or not all(isinstance(v, torch.Tensor) for v in state.values()):
        raise InputError(f"checkpoint {str(file)!r} holds no state dict; a mapping from names to tensors is wanted")
    return dict(state)


def _safetensors(file: Path) -> dict[str, Tensor]:
    try:
        from safetensors.torch import load_file
    except ImportError:
        raise InputError(f"checkpoint {str(file)!r} needs the package safetensors; "
                         "pip install 'simbench[safetensors]'") from None
    return load_file(file)


@stage("loading weights")
def load(network: Network, dataset: Dataset, device: str | torch.device = "cpu") -> nn.Sequential:
    """The network in eval mode, frozen. Raises InputError when the file does not fit the model."""
    import torch

    state = read(network.file)
    net = _built(network.model, dataset)
    _fits(state, net.state_dict(), network, dataset)
    if content_hash(state) != network.weights:
        raise InputError(f"weights file {str(network.file)!r} has changed since it was first read; if it is a cached "
                         "one, `simbench cache --clear` makes it anew")
    net.load_state_dict(state, strict=False)  # _fits has looked; older files may lack num_batches_tracked
    return net.to(device, memory_format=torch.channels_last).eval().requires_grad_(False)


def _fits(state: dict, wanted: dict, network: Network, dataset: Dataset) -> None:
    """Raise InputError that names the first keys or shapes that differ."""
    optional = {key for key in wanted if key.endswith("num_batches_tracked")}
    missing, extra = sorted(wanted.keys() - state.keys() - optional), sorted(state.keys() - wanted.keys())
    shapes = [f"{key} is {tuple(state[key].shape)}, the model has {tuple(wanted[key].shape)}"
              for key in sorted(wanted.keys() & state.keys()) if state[key].shape != wanted[key].shape]
    problems = [f"lacks {', '.join(missing[:3])}" + (" ..." if len(missing) > 3 else "")] if missing else []
    problems += [f"has unknown {', '.join(extra[:3])}" + (" ..." if len(extra) > 3 else "")] if extra else []
    problems += shapes[:2]
    if problems:
        raise InputError(f"checkpoint {str(network.file)!r} does not fit {network.model.spec} on {dataset.label} "
                         f"({dataset.channels} channels, {dataset.classes} classes): {'; '.join(problems)}; "
                         "name the model and data set it was trained as")
