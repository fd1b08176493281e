"""A panel file, made from trained networks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from simbench.contracts import Design, Model
from simbench.contracts.selection import Network, Setting
from simbench.errors import InputError
from simbench.networks.architectures import architecture
from simbench.networks.checkpoints import content_hash, read
from simbench.networks.panels import FORMAT
from simbench.networks.scoring import scores
from simbench.system.provenance import machine, versions
from simbench.system.seals import sealed
from simbench.system.surroundings import abroad

if TYPE_CHECKING:
    from torch import Tensor


def packed(
    name: str,
    version: int,
    model: Model,
    setting: Setting,
    networks: Sequence[Network],
    layers: Sequence[str],
    design: Design,
    command: str,
) -> bytes:
    """Content of the file of a panel. The same networks give the same bytes on the same machine.

    Weights are rounded to float16, and these values are the panel's: hashes, accuracies and logits are those of the
    rounded networks. Raises InputError for weights that float16 cannot hold."""
    import torch
    from safetensors.torch import save

    dataset, tensors, told = setting.dataset, {}, {}
    for network in networks:
        rounded = _rounded(read(network.file), network.name)
        tensors |= {f"{network.seed}/{key}": value for key, value in rounded.items()}
        state = {key: value.to(torch.float32) for key, value in rounded.items()}
        with abroad():
            net = model.build(dataset.channels, dataset.classes)
        net.load_state_dict(state, strict=False)
        scored = scores(net.eval(), dataset)
        told[network.seed] = {
            "weights": content_hash(state),
            "accuracy": scored.accuracy,
            "outputs": [[round(value, 6) for value in row] for row in scored.outputs.tolist()],
        }
    metadata = {
        "format": FORMAT,
        "name": name,
        "version": version,
        "model": {"spec": model.spec, "identity": model.identity, "graph": architecture(model, dataset)},
        "data": {"spec": dataset.spec, "label": dataset.label, "fingerprint": setting.fingerprint},
        "recipe": model.recipe(dataset).identity,
        "layers": list(layers),
        "pairs": str(design),
        "limit": setting.limit,
        "split_seed": setting.seed,
        "networks": told,
        "made": {"command": command, "machine": machine(), "versions": versions()},
    }
    return save(tensors, {"panel": sealed(metadata)})


def _rounded(state: Mapping[str, Tensor], who: str) -> dict[str, Tensor]:
    """Floating-point tensors in float16; whole numbers, of which a network in eval mode has counts only, are left
    out."""
    import torch

    rounded = {}
    for key, value in state.items():
        if value.dtype.is_floating_point:
            rounded[key] = value.to(torch.float16).contiguous()
            if not bool(rounded[key].isfinite().all()):
                raise InputError(f"{who}: {key} holds values beyond 65504, the largest float16; leave this seed out")
        elif not key.endswith("num_batches_tracked"):
            raise InputError(f"{who}: {key} is {value.dtype}; a panel holds floating-point tensors")
    return rounded
