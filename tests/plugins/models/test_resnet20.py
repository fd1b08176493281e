"""ResNet-20: its formula, sizes, checkpoints and recipes."""

import subprocess
import sys

import pytest
import torch
from simbench_plugins.models.residual import BasicBlock
from simbench_plugins.models.resnet20 import ResNet20
from torch.nn import functional

from simbench import Dataset, InputError, cut, fold
from simbench.networks import weights

NARROW = ResNet20(width=0.25)
BLOCKS = [f"layer{i}.{j}" for i in (1, 2, 3) for j in (0, 1, 2)]


class Photographs(Dataset):
    name, source, channels, classes, mean, std = "inline", "none", 3, 10, (0.0,) * 3, (1.0,) * 3
    epochs, augment = 5, True


def published(width=16):
    """Names and shapes of a state dict of the authors', written down from their files."""
    shapes = {"conv1.weight": (width, 3, 3, 3)}
    norms = {"bn1": width}
    for i, out in enumerate((width, 2 * width, 4 * width), 1):
        for j in range(3):
            before = out // 2 if i > 1 and j == 0 else out
            shapes[f"layer{i}.{j}.conv1.weight"] = (out, before, 3, 3)
            shapes[f"layer{i}.{j}.conv2.weight"] = (out, out, 3, 3)
            norms |= {f"layer{i}.{j}.bn1": out, f"layer{i}.{j}.bn2": out}
            if before != out:
                shapes[f"layer{i}.{j}.downsample.0.weight"] = (out, before, 1, 1)
                norms[f"layer{i}.{j}.downsample.1"] = out
    for norm, size in norms.items():
        shapes |= {f"{norm}.{part}": (size,) for part in ("weight", "bias", "running_mean", "running_var")}
        shapes[f"{norm}.num_batches_tracked"] = ()
    return shapes | {"fc.weight": (10, 4 * width), "fc.bias": (10,)}


def made_up(shapes, seed=0):
    """A state dict of these shapes: convolutions that keep the size of activations, variances above 0.5."""
    generator, state = torch.Generator().manual_seed(seed), {}
    for name, shape in shapes.items():
        if name.endswith("num_batches_tracked"):
            state[name] = torch.tensor(7)
        elif name.endswith(("running_var", ".weight")) and len(shape) == 1:
            state[name] = 0.5 + torch.rand(shape, generator=generator)
        else:
            fan = max(1, torch.Size(shape[1:]).numel())
            state[name] = torch.randn(shape, generator=generator) * (2 / fan) ** 0.5 * (0.1 if len(shape) == 1 else 1)
    return state


def formula(state, x):
    """Representations and logits of He et al. 2016, written out with functions: layer -> output."""

    def convolved(name, x, stride=1):
        weight = state[f"{name}.weight"]
        return functional.conv2d(x, weight, stride=stride, padding=weight.shape[-1] // 2)

    def normed(name, x):
        mean, var, scale, shift = (
            state[f"{name}.{part}"].view(-1, 1, 1) for part in ("running_mean", "running_var", "weight", "bias")
        )
        return (x - mean) / (var + 1e-5).sqrt() * scale + shift

    found = {"conv1": convolved("conv1", x)}
    found["bn1"] = normed("bn1", found["conv1"])
    found["relu"] = x = found["bn1"].clamp(min=0)
    for block in BLOCKS:
        shrinks = f"{block}.downsample.0.weight" in state
        stride = 2 if shrinks else 1
        branch = normed(f"{block}.bn1", convolved(f"{block}.conv1", x, stride)).clamp(min=0)
        branch = normed(f"{block}.bn2", convolved(f"{block}.conv2", branch))
        shortcut = normed(f"{block}.downsample.1", convolved(f"{block}.downsample.0", x, stride)) if shrinks else x
        found[block] = x = (branch + shortcut).clamp(min=0)
    found["fc"] = x.mean((2, 3)) @ state["fc.weight"].T + state["fc.bias"]
    return found


def images(n=2, size=32):
    return torch.randn(n, 3, size, size, generator=torch.Generator().manual_seed(1))


@torch.no_grad()
def test_a_checkpoint_in_the_authors_format_loads_and_computes_the_formula(tmp_path):
    state = made_up(published())
    torch.save(state, tmp_path / "resnet20_w1-seed0.pt")
    net = weights.load(weights.checkpoint(ResNet20(), tmp_path / "resnet20_w1-seed0.pt"), Photographs())
    x, net = images().double(), net.double()
    expected = formula({name: value.double() for name, value in state.items()}, x)
    for layer in (*ResNet20().layers, "fc"):
        # Twenty convolutions of up to 576 products, each of which keeps the size of the activations.
        slack = 20 * 576 * torch.finfo(x.dtype).eps * float(expected[layer].abs().max())
        assert torch.allclose(cut(net, layer)[0](x), expected[layer], rtol=0, atol=slack), layer
    assert float(expected["fc"].std()) > 0.1, "the network says the same of every image"


def test_names_and_shapes_are_those_of_the_authors_checkpoints_at_every_width():
    for width in (1.0, 0.25, 3.0):
        net = ResNet20(width).build(3, 10)
        assert {key: tuple(value.shape) for key, value in net.state_dict().items()} == published(int(16 * width))


def test_number_of_parameters():
    """0.27 million in He et al. 2016, table 6, with parameter-free shortcuts; those here are 16 x 32 and 32 x 64."""
    shortcuts = 16 * 32 + 32 * 64 + 2 * 32 + 2 * 64
    assert sum(p.numel() for p in ResNet20().build(3, 10).parameters()) == 269_722 + shortcuts


@torch.no_grad()
def test_activations_halve_their_sides_as_they_double_their_channels():
    shapes = [
        tuple(cut(ResNet20().build(1, 7).eval(), layer)[0](torch.zeros(1, 1, 32, 32)).shape[1:])
        for layer in ("relu", "layer1.2", "layer2.0", "layer2.2", "layer3.0", "layer3.2", "fc")
    ]
    assert shapes == [(16, 32, 32), (16, 32, 32), (32, 16, 16), (32, 16, 16), (64, 8, 8), (64, 8, 8), (7,)]


@pytest.mark.parametrize("batch_norm", [True, False])
@torch.no_grad()
def test_it_can_be_cut_at_every_layer_and_folded(batch_norm):
    model = ResNet20(width=0.25, batch_norm=batch_norm)
    net, x = model.build(3, 10), images()
    net.load_state_dict(made_up({key: tuple(value.shape) for key, value in net.state_dict().items()}))
    net.eval()
    expected = net(x)
    for layer in model.layers:
        front, end = cut(net, layer)
        activations = front(x)
        before = activations.clone()
        assert torch.equal(end(activations), expected)
        folded = fold(end)
        assert float((folded(activations) - expected).norm() / expected.norm()) < 1e-5
        assert torch.equal(activations, before), "an end wrote to the activations"
        # Of the first convolution's batch norm the convolution is cut away.
        norms = [name for name, part in folded.named_modules() if isinstance(part, torch.nn.BatchNorm2d)]
        assert norms == (["bn1"] if batch_norm and layer == "conv1" else [])


@pytest.mark.parametrize(
    "batch_norm, stem, first", [(True, ("conv1", "bn1", "relu"), "bn1"), (False, ("conv1", "relu"), "conv1")]
)
def test_layers_come_in_order_of_depth(batch_norm, stem, first):
    model = ResNet20(batch_norm=batch_norm)
    assert model.layers == (*stem, *BLOCKS) and model.default_layers == (first, *BLOCKS)
    net = model.build(3, 10)
    depths = [len(list(cut(net, layer)[0].parameters())) for layer in model.layers]
    assert depths == sorted(depths)


def test_without_batch_norm_every_convolution_has_a_bias():
    net = ResNet20(batch_norm=False).build(3, 10)
    assert not any(isinstance(part, torch.nn.BatchNorm2d) for part in net.modules())
    assert all(part.bias is not None for part in net.modules() if isinstance(part, torch.nn.Conv2d))
    assert all(part.bias is None for part in ResNet20().build(3, 10).modules() if isinstance(part, torch.nn.Conv2d))


@torch.no_grad()
def test_without_batch_norm_a_block_starts_with_a_branch_as_large_as_its_shortcut():
    torch.manual_seed(0)
    block, x = BasicBlock(64, 64, 1, batch_norm=False), torch.rand(8, 64, 16, 16)
    branch = block.conv2(block.relu(block.conv1(x)))[..., 2:-2, 2:-2]  # away from the padding
    assert float(branch.square().mean() / x.square().mean()) == pytest.approx(1, rel=0.2)


def test_the_seed_decides_the_weights():
    nets = []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        nets.append(NARROW.build(1, 10).layer2[0].conv1.weight)
    assert torch.equal(nets[0], nets[1]) and not torch.equal(nets[0], nets[2])


def test_the_recipe_takes_epochs_and_augmentation_of_the_data_set_unless_told():
    recipe = ResNet20().recipe(Photographs())
    assert (recipe.optimizer, recipe.learning_rate, recipe.epochs, recipe.augment) == ("sgd", 0.1, 5, True)
    recipe = ResNet20(optimizer="adam", epochs=2, augment=False).recipe(Photographs())
    assert (recipe.optimizer, recipe.epochs, recipe.augment) == ("adam", 2, False)
    plain = ResNet20(batch_norm=False).recipe(Photographs())
    assert (plain.learning_rate, plain.epochs, plain.clip) == (0.2, 10, 0.3) and recipe.clip is None
    assert ResNet20(learning_rate=0.5).recipe(Photographs()).learning_rate == 0.5


@pytest.mark.parametrize(
    "width, widths",
    [(1.0, (16, 32, 64)), (0.125, (2, 4, 8)), (0.1, (2, 3, 6)), (3.0, (48, 96, 192)), (0.04, (1, 1, 3))],
)
def test_the_width_multiplies_the_channels(width, widths):
    assert ResNet20(width).widths == widths


@pytest.mark.parametrize(
    "params, message",
    [
        *(
            ({"width": width}, f"width is {width}; a number that leaves")
            for width in (0.0, -1.0, 0.03, float("nan"), float("inf"))
        ),
        ({"epochs": 0}, "epochs is 0"),
        ({"learning_rate": 0.0}, "learning_rate is 0"),
    ],
)
def test_parameters_that_make_no_network_are_rejected(params, message):
    with pytest.raises(InputError, match=message) as error:
        ResNet20(**params)
    assert "\n" not in str(error.value)


@pytest.mark.long
def test_training_on_two_threads_leaves_memory_alone():
    """The gradient of a strided 1x1 convolution of few channels in channels-last memory does not, in torch 2.15."""
    lines = (
        "import torch; from simbench_plugins.models.residual import BasicBlock",
        "torch.set_num_threads(2)",
        "net = BasicBlock(4, 8, 2, True).to(memory_format=torch.channels_last)",
        "for n in (64, 29) * 15:",
        "    x = torch.randn(n, 4, 32, 32).contiguous(memory_format=torch.channels_last).requires_grad_()",
        "    net(x).square().sum().backward()",
    )
    done = subprocess.run([sys.executable, "-c", "\n".join(lines)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
