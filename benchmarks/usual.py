"""The usual way: a plain version of stitching as published code does it. The baseline of the ratios.

At every step the whole front network runs, then the whole end network with a hook that replaces one activation, then
the whole end network again for its soft labels; least squares is the pseudo-inverse of the stacked [A 1] in float64;
indices are computed on stored activations; every evaluation of a stitched network begins at the images.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

BATCH = 128


class Stitched(nn.Module):
    """Front, 1x1 convolution, end: the stitched activation of the front replaces that of the end at `layer`."""

    def __init__(self, front: nn.Module, end: nn.Module, layer: str, weight: Tensor, bias: Tensor) -> None:
        super().__init__()
        self.front, self.end = front, end
        self.stitch = nn.Conv2d(len(weight), len(bias), 1)
        self.stitch.weight.data = weight.T[:, :, None, None].clone()
        self.stitch.bias.data = bias.clone()
        self.seen: Tensor | None = None
        self.hooks = [
            front.get_submodule(layer).register_forward_hook(self._keep),
            end.get_submodule(layer).register_forward_hook(self._replace),
        ]
        self.replacing = True

    def _keep(self, module: nn.Module, given: tuple, output: Tensor) -> None:
        self.seen = output.detach()

    def _replace(self, module: nn.Module, given: tuple, output: Tensor) -> Tensor | None:
        return self.stitch(self.seen) if self.replacing else None

    def forward(self, x: Tensor) -> Tensor:
        with torch.no_grad():
            self.front(x)
        return self.end(x)

    @torch.no_grad()
    def own(self, x: Tensor) -> Tensor:
        """Outputs of the unstitched end network."""
        self.replacing = False
        logits = self.end(x)
        self.replacing = True
        return logits

    def close(self) -> tuple[Tensor, Tensor]:
        """Weight (p, q) and bias (q,) of the stitch; removes the hooks."""
        for hook in self.hooks:
            hook.remove()
        return self.stitch.weight.detach()[:, :, 0, 0].T.clone(), self.stitch.bias.detach().clone()


def train(
    front, end, layer: str, start: tuple[Tensor, Tensor], batches: Iterable[Tensor], learning_rate: float = 1e-3
) -> tuple[Tensor, Tensor]:
    """Task loss with soft labels, a step of Adam for each batch of images."""
    stitched = Stitched(front, end, layer, *start)
    optimizer = torch.optim.Adam(stitched.stitch.parameters(), lr=learning_rate)
    for x in batches:
        optimizer.zero_grad()
        target = stitched.own(x).softmax(1)
        loss = functional.cross_entropy(stitched(x), target)
        loss.backward()
        optimizer.step()
    return stitched.close()


@torch.no_grad()
def activations(net: nn.Module, layer: str, images: Tensor) -> Tensor:
    """(n, c, h, w): the whole network runs, a hook keeps one output."""
    kept = []
    hook = net.get_submodule(layer).register_forward_hook(lambda module, given, output: kept.append(output))
    for x in images.split(BATCH):
        net(x)
    hook.remove()
    return torch.cat(kept)


def spatial(x: Tensor) -> np.ndarray:
    """(n h w, c) float64"""
    return x.permute(0, 2, 3, 1).reshape(-1, x.shape[1]).double().numpy()


def least_squares(front, end, layer: str, images: Tensor) -> tuple[Tensor, Tensor]:
    """pinv of the stacked [A 1] in float64."""
    a, b = (spatial(activations(net, layer, images)) for net in (front, end))
    stacked = torch.tensor(np.hstack([a, np.ones((len(a), 1))]))
    solution = torch.linalg.pinv(stacked) @ torch.tensor(b)
    return solution[:-1], solution[-1]


def procrustes(front, end, layer: str, images: Tensor) -> tuple[Tensor, Tensor]:
    """Orthogonal map of the centred activations, with the bias that maps one mean to the other."""
    a, b = (spatial(activations(net, layer, images)) for net in (front, end))
    u, _, vt = np.linalg.svd((a - a.mean(0)).T @ (b - b.mean(0)))
    weight = u[:, : len(vt)] @ vt[: u.shape[1]]
    return torch.tensor(weight), torch.tensor(b.mean(0) - a.mean(0) @ weight)


@torch.no_grad()
def evaluate(front, end, layer: str, stitch: tuple[Tensor, Tensor], images: Tensor) -> Tensor:
    """(n, classes) outputs of the stitched network."""
    stitched = Stitched(front, end, layer, *(part.float() for part in stitch))
    logits = torch.cat([stitched(x) for x in images.split(BATCH)])
    stitched.close()
    return logits


def indices(front, end, layer: str, images: Tensor) -> dict[str, float]:
    """Every built-in index in view spatial, on stored activations."""
    x, y = (spatial(activations(net, layer, images)) for net in (front, end))
    x, y = x - x.mean(0), y - y.mean(0)
    (ux, sx, _), (uy, sy, _) = (np.linalg.svd(part, full_matrices=False) for part in (x, y))
    ux, uy = (u[:, s > s[0] * 1e-6] for u, s in ((ux, sx), (uy, sy)))
    left, rho, _ = np.linalg.svd(ux.T @ uy)
    shares = [np.cumsum(s**2) / np.sum(s**2) for s in (sx, sy)]
    kept = [int(np.searchsorted(share, 0.99)) + 1 for share in shares]
    weight = np.abs((ux @ left[:, : len(rho)]).T @ x).sum(1)
    return {
        "cka": np.linalg.norm(y.T @ x) ** 2 / (np.linalg.norm(x.T @ x) * np.linalg.norm(y.T @ y)),
        "r2_lr": np.linalg.norm(ux.T @ y) ** 2 / np.linalg.norm(y) ** 2,
        "cca": rho.mean(),
        "svcca": np.linalg.svd(ux[:, : kept[0]].T @ uy[:, : kept[1]], compute_uv=False).mean(),
        "pwcca": (weight * rho).sum() / weight.sum(),
    }


@torch.no_grad()
def outputs(net: nn.Module, images: Tensor) -> Tensor:
    """(n, classes) of an unstitched network."""
    return torch.cat([net(x) for x in images.split(BATCH)])
