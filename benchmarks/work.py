"""Forward work, counted instead of timed: floating point operations of a sweep over pairs of networks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import permutations

import torch
from record import Figure
from subjects import REGISTRY, Noise, Pair

LAYERS = tuple(f"bn{i}" for i in range(1, 9))


def operations(k: int, images: int, layers: Sequence[str] = LAYERS) -> tuple[int, int]:
    """Operations of (convolutions, matrix products of the comoments) in a sweep: the moments of every ordered pair
    of k Tiny-10s at the layers, on both splits, in one Workbench."""
    from torch.utils.flop_counter import FlopCounterMode

    pair = Pair("tiny10", Noise(images, images), LAYERS, k)
    context = pair.context()
    for network in pair.networks:
        for layer in LAYERS:
            context.activations.shape(network, layer)  # runs one image through each front, in any measurement
    # The counter of torch counts products that create a matrix, not those that add to one.
    with FlopCounterMode(display=False, custom_mapping={torch.ops.aten.addmm_: _product}) as counter:
        for layer in layers:
            case = pair.case(REGISTRY.get("indices", "cka"), layer)
            for a, b in permutations(pair.networks, 2):
                for split in ("train", "test"):
                    context.moments(replace(case, a=a, b=b), split, "spatial")
    counted = counter.get_flop_counts()["Global"]
    convolutions = sum(count for operation, count in counted.items() if "convolution" in str(operation))
    return convolutions, sum(counted.values()) - convolutions


def _product(total: torch.Size, left: torch.Size, right: torch.Size, **_) -> int:
    """Operations of a matrix product added to a total, from the shapes."""
    return 2 * left[0] * left[1] * right[1]


def forward(images: int, networks: tuple[int, ...] = (2, 3, 4)) -> list[Figure]:
    """Forward passes per network, by number of networks and of layers; and the comoments, which are needed for every
    pair of networks and therefore grow with the square of their number."""
    few, where = networks[0], f"Tiny-10s, {len(LAYERS)} layers, {images} images a split"
    counts = {k: operations(k, images) for k in networks}
    passes, products = counts[few]
    told = [
        Figure(
            "7",
            f"forward work for each of {k} networks ({k * (k - 1)} ordered pairs)",
            where,
            f"{few} networks",
            counts[k][0] * few / (passes * k),
            "",
            wanted=1.0,
            smaller=True,
        )
        for k in networks[1:]
    ]
    told.append(
        Figure(
            "7",
            f"forward work of all {len(LAYERS)} layers",
            where,
            "a pass to the deepest",
            passes / operations(few, images, LAYERS[-1:])[0],
            "",
            wanted=1.0,
            smaller=True,
        )
    )
    return told + [
        Figure(
            "7",
            f"products of the comoments of {k} networks, by the square of their number",
            where,
            f"{few} networks",
            counts[k][1] * few**2 / (products * k**2),
            "",
        )
        for k in networks[1:]
    ]
