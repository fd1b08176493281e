"""Forward passes through stages of a network, in which the activations of an input do not depend on its batch."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from simbench.contracts.selection import Network
from simbench.contracts.task import take
from simbench.measuring.aligned import Rereading
from simbench.measuring.sources import Sources
from simbench.networks.inputs import prepared
from simbench.system.surroundings import abroad


@torch.no_grad()
def run_front(sources: Sources, network: Network, layer: str, inputs: Tensor) -> Tensor:
    """Activations (m, c, h, w) or (m, p) at a layer for raw inputs (m, c, h, w), as `Sources.inputs` returns them."""
    front = sources.front(network, layer)
    return joined([run(front, part, sources.batch) for part in normalised_batches(sources, network, inputs)])


def normalised_batches(sources: Sources, network: Network, inputs: Tensor) -> Iterator[Tensor]:
    """Raw inputs in batches, as the network wants them: in its own size, normalised as where it was trained."""
    home, model = network.home(sources.setting), network.model
    return (model.adapted(prepared(part, model, home, sources.device)) for part in inputs.split(sources.batch))


def reread(sources: Sources, network: Network, layer: str, inputs: Tensor) -> Iterator[Tensor | None]:
    """For each batch of raw inputs what the end above a layer takes after the activations: the inputs as the network
    takes them, or None where activations are all that it reads."""
    if isinstance(sources.end(network, layer), Rereading):
        return normalised_batches(sources, network, inputs)
    return (None for _ in inputs.split(sources.batch))


def reread_at_once(sources: Sources, network: Network, layer: str, inputs: Tensor) -> Tensor | None:
    """The same in one piece."""
    parts = [part for part in reread(sources, network, layer, inputs) if part is not None]
    return joined(parts) if parts else None


def run(stages: nn.Sequential, x: Tensor, batch: int) -> Tensor:
    """Output of the stages for a batch x (m, ...) of at most `batch` inputs; maps are in channels-last memory.

    A short batch is filled up with repeated inputs. Matrix products of another number of rows may add up in another
    order, and an input's activations must not depend on its batch.
    """
    short = len(x) < batch
    with abroad():  # the stages are code of a plugin
        y = stages(take(x, torch.arange(batch, device=x.device) % len(x)) if short else x)
    y = y[: len(x)] if short else y
    return y.contiguous(memory_format=torch.channels_last) if y.ndim == 4 else y


def joined(parts: list[Tensor]) -> Tensor:
    """The batches as one tensor, without a copy where there is only one."""
    return parts[0] if len(parts) == 1 else torch.cat(parts)


def finite(x: Tensor, name: str) -> Tensor:
    """x itself. ArithmeticError if it holds NaN or infinite values."""
    if not bool(torch.isfinite(x).all()):
        raise ArithmeticError(f"{name} holds NaN or infinite activations")
    return x
