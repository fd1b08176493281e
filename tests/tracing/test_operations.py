"""What runs, counted in operations and never in seconds: nothing is computed that a result does not need."""

from __future__ import annotations

from itertools import permutations

import pytest
import torch
from small_networks import LAYERS, case, installed
from torch.utils.flop_counter import FlopCounterMode

from simbench import Affine, cut
from simbench.measuring.bench import Workbench
from simbench.networks.inputs import BATCH, normalised

#: Images of a step in these tests.
STEP = 25


def operations(work) -> int:
    """Multiplications and additions of the products and convolutions in a call."""
    with FlopCounterMode(display=False) as counter:
        work()
    return counter.get_total_flops()


def forward_work(selection, place: int, layer: str, images: int, part: int) -> int:
    """Of the front (part 0) or the end (part 1) of a network at a layer, on so many images."""
    net = Workbench(selection).activations.net(selection.networks[place])
    setting = selection.setting
    x = normalised(torch.tensor(setting.dataset.split("train").inputs[:1]), setting.dataset)
    x = x.expand(images, -1, -1, -1).contiguous()
    halves = cut(net, layer)
    with torch.no_grad():
        return operations(lambda: halves[part](halves[0](x) if part else x)) - (
            operations(lambda: halves[0](x)) if part else 0
        )


def passed(images: int) -> int:
    """Images that pass through a front for so many: whole batches."""
    return -(-images // BATCH) * BATCH


def stitch_work(selection, layer: str, images: int) -> int:
    """Of the affine map, 1x1, from the first network to the second."""
    context = Workbench(selection)
    p, q = (context.activations.shape(network, layer) for network in selection.networks[:2])
    pixels = p[1] * p[2] if len(p) == 3 else 1
    return 2 * images * pixels * p[0] * q[0]


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("maps", [1, 3])
def test_a_step_runs_the_stitch_and_the_end_there_and_back_and_nothing_else(small, layer, maps):
    stitcher = installed().get("stitchers", f"task_loss[batch={STEP},init=identity]")
    task = Workbench(small).task(case(small, stitcher, layer=layer))
    task.activations, task.logits_b  # the front has run
    start = stitcher.start(task)
    starts = start if maps == 1 else Affine(start.weight.expand(maps, -1, -1).clone())
    images = len(task.labels)
    end, stitch = forward_work(small, 1, layer, images, 1), stitch_work(small, layer, images)
    front, lower = forward_work(small, 0, layer, images, 0), forward_work(small, 1, layer, images, 0)
    assert min(front, lower, end, stitch) > 0
    # There: stitch and end. Back: the same end once more for its input, the stitch once more for its weight.
    assert operations(lambda: stitcher.from_task(task, starts=starts)) == maps * 2 * (stitch + end)


@pytest.mark.parametrize("layer", LAYERS)
def test_an_evaluation_runs_the_front_once_and_then_never_again(small, layer):
    context = Workbench(small)
    here = case(small, installed().get("stitchers", "identity"), layer=layer)
    affine = Affine.identity(context.activations.shape(small.networks[0], layer)[0], dtype=torch.float64)
    images = context.activations.count("test")
    above = forward_work(small, 1, layer, images, 1) + stitch_work(small, layer, images)
    front = forward_work(small, 0, layer, passed(images), 0)
    assert operations(lambda: context.logits(affine, here)) == front + above
    assert operations(lambda: context.logits(affine, here)) == above


def test_the_forward_work_of_all_pairs_is_that_of_each_network_once(small):
    context = Workbench(small)
    cka, images = installed().get("indices", "cka"), context.activations.count("test")
    once = sum(forward_work(small, place, LAYERS[-1], passed(images), 0) for place in range(3))
    pairs = [case(small, cka, a, b, layer) for layer in LAYERS for a, b in permutations(range(3), 2)]
    for network in small.networks:
        for layer in LAYERS:
            context.activations.shape(network, layer)  # looked at on one image

    with FlopCounterMode(display=False) as counter:
        for pair in pairs:
            context.similarity(cka, pair)
    assert counter.get_flop_counts()["Global"][torch.ops.aten.convolution] == once


def test_activations_that_do_not_fit_go_on_from_the_deepest_that_do(small):
    layer, network = LAYERS[-1], small.networks[0]
    context = Workbench(small)
    images = context.activations.count("train")
    chosen = torch.arange(10)
    context.activations.shape(network, layer)  # looked at on one image
    context.activations.budget = 0  # nothing more fits
    whole = operations(lambda: context.activations.tensor(network, layer, "train", chosen))
    below = context.activations.tensor(network, LAYERS[0], "train")
    assert len(below) == images
    rest = operations(lambda: context.activations.tensor(network, layer, "train", chosen))
    lower = forward_work(small, 0, LAYERS[0], BATCH, 0)
    assert whole == forward_work(small, 0, layer, BATCH, 0) and rest == whole - lower > 0
