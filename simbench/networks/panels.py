"""Panel files: trained networks, with what they were trained on, in one safetensors file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simbench.contracts import Dataset, Model
from simbench.contracts.selection import Network
from simbench.errors import InputError
from simbench.networks.architectures import architecture
from simbench.networks.checkpoints import content_hash, fits
from simbench.networks.scoring import scores
from simbench.system.cache import cache_folder
from simbench.system.provenance import digest
from simbench.system.seals import content_of, put, sealed, unsealed, unsealed_text
from simbench.system.surroundings import abroad

if TYPE_CHECKING:
    from torch import Tensor, nn

#: Layout of the metadata; raised when older versions of simbench can no longer read it.
FORMAT = 1
#: What the metadata says, beside the format.
KEYS = {"name", "version", "model", "data", "recipe", "layers", "pairs", "limit", "split_seed", "networks", "made"}
#: Largest difference of a logit that other processors and versions of torch may make.
TOLERANCE = 1e-3


@dataclass(frozen=True, eq=False)
class PanelFile:
    """An open panel: what its file says of it. Tensors are read when they are asked for.

    content: sha256 of the file. metadata: `name`, `version`, `model` (spec, identity, graph), `data` (spec,
    label, fingerprint), `recipe`, `layers`, `pairs`, `limit`, `split_seed`, `networks` (seed -> sha256 of its tensors
    in float32, test accuracy, logits of the first test images) and `made` (versions, machine, command).
    """

    file: Path
    content: str
    metadata: Mapping[str, Any]

    @property
    def label(self) -> str:
        """Name and version, `tiny10-digits-1`."""
        return f"{self.metadata['name']}-{self.metadata['version']}"

    @property
    def seeds(self) -> tuple[int, ...]:
        return tuple(sorted(map(int, self.metadata["networks"])))

    def misfit(self, model: Model, dataset: Dataset, fingerprint: str, seed: int) -> str:
        """Why the panel holds no network of this model, data, recipe and seed, or "".

        The hash of the network's graph may differ between versions of torch. Where it differs from that in the file,
        the network that the model builds here must reproduce the logits in the file within `TOLERANCE`; whether it
        does is remembered in the cache folder."""
        metadata = self.metadata
        if digest(model.identity) != digest(metadata["model"]["identity"]):
            return f"it holds networks of {metadata['model']['spec']}, not of {model.spec}"
        if fingerprint != metadata["data"]["fingerprint"]:
            return (
                f"its networks were trained on {metadata['data']['label']} with the fingerprint "
                f"{metadata['data']['fingerprint'][:12]}, and that of {dataset.label} is {fingerprint[:12]} here"
            )
        if digest(model.recipe(dataset).identity) != digest(metadata["recipe"]):
            return f"its networks were trained by another recipe than {model.spec} has for {dataset.label}"
        if seed not in self.seeds:
            return f"it does not hold seed {seed}; it holds {', '.join(map(str, self.seeds))}"
        if architecture(model, dataset) != metadata["model"]["graph"] and not self._reproduced(model, dataset, seed):
            return f"{model.spec} builds another network here than the one in the panel"
        return ""

    def network(self, model: Model, dataset: Dataset, seed: int) -> Network:
        """The network of a seed. It fits where `misfit` is empty."""
        weights = self.metadata["networks"][str(seed)]["weights"]
        graph = architecture(model, dataset)
        return Network(model, str(seed), weights, self.file, graph=graph, part=f"{seed}/", panel=self.label)

    def _reproduced(self, model: Model, dataset: Dataset, seed: int) -> bool:
        key = digest(["panel", self.content, architecture(model, dataset), seed])
        file = cache_folder("graphs", f"{key}.json")
        known = unsealed(file, reproduced=bool)
        if known is None or known.get("key") != key:
            try:
                deviation = self.deviation(built(self.network(model, dataset, seed), dataset), dataset, seed)
            except InputError:  # its tensors do not fit
                deviation = float("inf")
            known = {"key": key, "reproduced": deviation <= TOLERANCE}
            put(file, sealed(known))
        return known["reproduced"]

    def deviation(self, net: nn.Sequential, dataset: Dataset, seed: int) -> float:
        """Largest difference between the logits of a network and those in the file, on the first test images."""
        import torch

        wanted = torch.tensor(self.metadata["networks"][str(seed)]["outputs"], dtype=torch.float64)
        return float((scores(net, dataset).outputs - wanted).abs().max())


def state_of(file: Path, part: str) -> dict[str, Tensor]:
    """State dict of one part of a panel file: the float32 values of its float16 tensors. Raises InputError for a
    damaged file."""
    import torch
    from safetensors import safe_open

    try:
        with safe_open(file, "pt") as opened:
            names = [name for name in opened.keys() if name.startswith(part)]  # noqa: SIM118 (it is no mapping)
            return {name.removeprefix(part): opened.get_tensor(name).to(torch.float32) for name in names}
    except Exception as error:
        raise InputError(f"{_damaged(file)} ({type(error).__name__})") from None


def built(network: Network, dataset: Dataset) -> nn.Sequential:
    """The network of a part of a panel, in eval mode. Raises InputError where its tensors are not those that the panel
    names, or do not fit the model."""
    state = state_of(network.file, network.part)
    who = f"panel {network.panel} ({network.file}), network {network.seed}"
    if content_hash(state) != network.weights:
        raise InputError(f"{who} is damaged: its tensors are not those that the panel names; give an undamaged copy")
    with abroad():
        net = network.model.build(dataset.channels, dataset.classes)
    fits(state, net.state_dict(), who, network.model, dataset)
    net.load_state_dict(state, strict=False)  # no num_batches_tracked
    return net.eval()


def read_panel(file: Path, sha256: str = "") -> PanelFile:
    """The panel in a file. Does not import torch. sha256: of the file, if it is known.

    Raises InputError for a file that is not there, damaged, of a newer format, without a panel, or of another hash."""
    if not file.is_file():
        raise InputError(f"panel {str(file)!r} is not a file; give a file that `simbench panel make` wrote")
    content = content_of(file)
    if sha256 and content != sha256:
        raise InputError(
            f"panel {str(file)!r} has the sha256 {content}, and {sha256} is wanted; give an undamaged copy"
        )
    try:
        with open(file, "rb") as opened:
            size = int.from_bytes(opened.read(8), "little")
            if size > file.stat().st_size:
                raise ValueError
            header = json.loads(opened.read(size))
        text = header.pop("__metadata__", {}).get("panel")
        end = max((each["data_offsets"][1] for each in header.values()), default=0)
        if 8 + size + end != file.stat().st_size:
            raise ValueError
    except (OSError, ValueError, TypeError, KeyError, AttributeError, IndexError):
        raise InputError(f"{_damaged(file)}; give an undamaged copy") from None
    if text is None:
        raise InputError(f"{str(file)!r} holds no panel; give a file that `simbench panel make` wrote")
    metadata = unsealed_text(text)
    if metadata is None:
        raise InputError(f"{_damaged(file)}; give an undamaged copy")
    if metadata.get("format") == FORMAT and not metadata.keys() >= KEYS:
        raise InputError(f"panel {str(file)!r} lacks {', '.join(sorted(KEYS - metadata.keys()))}; make it anew")
    if metadata.get("format") != FORMAT:
        raise InputError(
            f"panel {str(file)!r} has the format {metadata.get('format')}, and this simbench reads {FORMAT}; "
            "install a newer simbench"
        )
    return PanelFile(file, content, metadata)


def _damaged(file: Path) -> str:
    return f"panel {str(file)!r} is damaged or no safetensors file"
