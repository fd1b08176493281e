"""Similarity matrices of 18 x 18 layers, two ResNet-18s, against bare forward passes and other packages (target 5)."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, partial
from statistics import median

import torch
import usual
from alternating import Side, alternate, ratio
from record import Figure
from torch import Tensor, nn
from torchvision.models import resnet18

import simbench

LAYERS = ["conv1", *(f"layer{i}.{j}.conv{k}" for i in (1, 2, 3, 4) for j in (0, 1) for k in (1, 2)), "fc"]
#: What is installed from the registry of packages, into a folder of its own and without dependencies.
PEERS = ("pytorch-cka==1.1.3", "torch-cka==0.21", "tqdm")
MINIBATCH = "cka[estimator=minibatch]"
LINEAR = "cka,r2_lr,cca,svcca,pwcca"
FORWARDS = "two bare forward passes"


@dataclass(frozen=True)
class Subject:
    """Two ResNet-18s of random weights, and `batches` batches of 128 random images of 64 x 64."""

    batches: int
    size: int = 64

    @cached_property
    def nets(self) -> tuple[nn.Module, nn.Module]:
        nets = []
        for seed in (0, 1):
            torch.manual_seed(seed)
            nets.append(resnet18().eval())
        return tuple(nets)

    @cached_property
    def images(self) -> list[Tensor]:
        torch.manual_seed(2)
        return [torch.randn(usual.BATCH, 3, self.size, self.size) for _ in range(self.batches)]

    @torch.no_grad()
    def forwards(self) -> None:
        """The two bare forward passes."""
        for x in self.images:
            for net in self.nets:
                net(x)

    def ours(self, indices: str, view: str) -> Tensor:
        """(indices, layers, layers), NaN where a pair was skipped."""
        frame = simbench.similarities(indices, *self.nets, self.images, LAYERS, view=view)
        return torch.tensor(frame["value"].to_numpy(float)).reshape(-1, len(LAYERS), len(LAYERS))

    def channels_last(self) -> Subject:
        """The same networks and images in channels-last memory."""
        other = Subject(self.batches, self.size)
        layout = torch.channels_last
        other.__dict__["nets"] = tuple(_copy(net).to(memory_format=layout) for net in self.nets)
        other.__dict__["images"] = [x.contiguous(memory_format=layout) for x in self.images]
        return other

    @torch.no_grad()
    def truth(self) -> Tensor:
        """Minibatch CKA in float64 from stored activations, one pair after the other."""
        sums = torch.zeros(3, len(LAYERS), len(LAYERS), dtype=torch.float64)
        for x in self.images:
            stored = [[usual.activations(net, layer, x).flatten(1).double() for layer in LAYERS] for net in self.nets]
            left, right = ([y @ y.T for y in side] for side in stored)
            for i, k in enumerate(left):
                for j, l in enumerate(right):
                    sums[:, i, j] += torch.stack([_hsic(k, l), _hsic(k, k), _hsic(l, l)])
        return sums[0] / (sums[1] * sums[2]).sqrt()


def _copy(net: nn.Module) -> nn.Module:
    copy = resnet18().eval()
    copy.load_state_dict(net.state_dict())
    return copy


def _hsic(k: Tensor, l: Tensor) -> Tensor:
    """n (n - 3) times the unbiased HSIC: Song et al. 2012, eq. 5."""
    k, l = (gram - gram.diagonal().diag() for gram in (k, l))
    n = len(k)
    return (k * l).sum() + k.sum() * l.sum() / ((n - 1) * (n - 2)) - 2 * (k.sum(0) @ l.sum(0)) / (n - 2)


def figures(batches: int, many: int, repeats: int) -> Iterator[Figure]:
    """batches: number of them for the minibatch estimator, whose cost per batch is constant. many: for the moments."""
    yield from _minibatch(Subject(batches), repeats)
    for view, wanted in (("pooled", 1.2), ("spatial", 1.6)):
        subject = Subject(many)
        plain = subject.channels_last()
        seconds = alternate(
            {
                "ours": partial(subject.ours, LINEAR, view),
                "forwards": subject.forwards,
                "channels last": plain.forwards,
            },
            max(3, repeats // 2),
        )
        for limit, target in (("forwards", wanted), ("channels last", None)):
            yield _over(f"all linear indices, view {view}", _where(many), seconds, limit, target)


def _minibatch(subject: Subject, repeats: int) -> Iterator[Figure]:
    peers = _peers(subject)
    truth, ours = subject.truth(), subject.ours(MINIBATCH, "flat")[0]
    off = {name: float((side() - truth).abs().max()) for name, side in peers.items()}
    mine = float((ours - truth).abs().max())
    plain = subject.channels_last()
    seconds = alternate(
        {
            "ours": lambda: subject.ours(MINIBATCH, "flat"),
            "forwards": subject.forwards,
            "channels last": plain.forwards,
            **peers,
        },
        repeats,
    )
    where = _where(subject.batches)
    for limit, wanted in (("forwards", 1.15), ("channels last", None)):
        yield _over("minibatch cka, view flat", where, seconds, limit, wanted, mine)
    for name, wanted in (("pytorch-cka", 1.0), ("torch-cka", 2.0)):
        if name in peers:
            value, low, high = ratio(seconds, "ours", name)
            yield Figure(
                "5",
                "minibatch cka, view flat",
                where,
                name,
                value,
                "x",
                low,
                high,
                wanted,
                False,
                median(seconds["ours"]),
                median(seconds[name]),
                repeats,
                mine,
                1e-6,
                f"difference: ours from float64, largest of all pairs; {name}'s is {off[name]:.2g}",
            )


def _over(
    what: str,
    where: str,
    seconds: dict[str, list[float]],
    limit: str,
    wanted: float | None,
    difference: float | None = None,
) -> Figure:
    """Our time as a multiple of the limit."""
    value, low, high = ratio(seconds, limit, "ours")
    against = FORWARDS + ("" if limit == "forwards" else ", channels last")
    return Figure(
        "5",
        what,
        where,
        against,
        value,
        "of the limit",
        low,
        high,
        wanted,
        True,
        median(seconds["ours"]),
        median(seconds[limit]),
        len(seconds["ours"]),
        difference,
        None if difference is None else 1e-6,
    )


def _where(batches: int) -> str:
    return f"two ResNet-18s, {len(LAYERS)} x {len(LAYERS)} layers, {batches * usual.BATCH:,} images of 64 x 64"


def _peers(subject: Subject) -> dict[str, Side]:
    """The published packages, called as in their documentation; none if they cannot be installed."""
    folder = tempfile.mkdtemp(prefix="simbench-peers-")
    done = subprocess.run(
        [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", folder, *PEERS],
        capture_output=True,
        text=True,
    )
    if done.returncode:
        print(f"peers cannot be installed, and are left out: {done.stderr.strip().splitlines()[-1]}")
        return {}
    sys.path.append(folder)
    from cka import compute_cka
    from torch_cka import CKA

    batches = _Loader([(x, torch.zeros(len(x))) for x in subject.images])

    def pytorch_cka() -> Tensor:
        return compute_cka(*subject.nets, batches, layers=LAYERS, progress=False, device="cpu")[0].double()

    def torch_cka() -> Tensor:
        with torch.no_grad():  # theirs keeps every graph
            peer = CKA(*(_copy(net) for net in subject.nets), "a", "b", LAYERS, LAYERS)
            peer.compare(batches)
        return peer.hsic_matrix.double()

    return {"pytorch-cka": pytorch_cka, "torch-cka": torch_cka}


class _Loader:
    """The attributes of a data loader that the packages use."""

    dataset = "noise"

    def __init__(self, batches: list) -> None:
        self._batches = batches

    def __len__(self) -> int:
        return len(self._batches)

    def __iter__(self) -> Iterator:
        return iter(self._batches)
