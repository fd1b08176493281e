"""Tiny-10: shapes, stages and recipes."""

import pytest
import torch
from simbench_plugins.models.tiny10 import Tiny10
from torch import nn

from simbench import Dataset, InputError


class Digits(Dataset):
    name, source, epochs, augment = "inline", "none", 5, True


class Plain(Digits):
    augment = False


def shapes(model, size=32):
    torch.manual_seed(0)
    x = torch.zeros(2, 3, size, size)
    found = {}
    for name, stage in model.build(3, 10).eval().named_children():
        x = stage(x)
        found[name] = tuple(x.shape[1:])
    return found


def test_activations_shrink_as_in_kornblith_et_al_2019_appendix_e():
    found = shapes(Tiny10())
    assert [found[f"relu{i}"] for i in range(1, 9)] == [
        (16, 32, 32),
        (16, 32, 32),
        (32, 16, 16),
        (32, 16, 16),
        (32, 16, 16),
        (64, 8, 8),
        (64, 6, 6),
        (64, 6, 6),
    ]
    assert found["fc"] == (10,)


def test_without_padding_activations_shrink_at_every_3x3_convolution():
    found = shapes(Tiny10(padding="valid"))
    assert [found[f"conv{i}"][1] for i in range(1, 9)] == [30, 28, 13, 11, 9, 4, 2, 2]


@pytest.mark.parametrize("batch_norm, parts", [(True, ("conv", "bn", "relu")), (False, ("conv", "relu"))])
def test_every_block_is_convolution_batch_norm_relu(batch_norm, parts):
    model = Tiny10(batch_norm=batch_norm)
    assert list(shapes(model)) == [*model.layers, "pool", "flatten", "fc"]
    assert model.layers == tuple(f"{part}{i}" for i in range(1, 9) for part in parts)
    assert model.default_layers == tuple(f"{parts[-2]}{i}" for i in range(1, 9))


@pytest.mark.parametrize("channels", [1, 3])
def test_every_layer_can_be_stitched_at(channels):
    net = Tiny10().build(channels, 7)
    stages = dict(net.named_children())
    assert set(Tiny10().layers) <= set(stages)
    assert stages["conv1"].in_channels == channels and stages["fc"].out_features == 7
    assert all(stage.bias is not None for stage in stages.values() if isinstance(stage, nn.Conv2d))


def test_number_of_parameters():
    # Convolutions 3->16->16->32->32->32->64->64 of 3x3 and 64->64 of 1x1 with biases, batch norms, 64->10.
    widths = [3, 16, 16, 32, 32, 32, 64, 64, 64]
    kernels = [9] * 7 + [1]
    expected = sum(p * q * k + 3 * q for p, q, k in zip(widths, widths[1:], kernels, strict=False)) + 64 * 10 + 10
    assert sum(p.numel() for p in Tiny10().build(3, 10).parameters()) == expected


def test_the_seed_decides_the_weights():
    nets = []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        nets.append(Tiny10().build(1, 10).conv3.weight)
    assert torch.equal(nets[0], nets[1]) and not torch.equal(nets[0], nets[2])


def test_the_recipe_takes_epochs_and_augmentation_of_the_data_set_unless_told():
    recipe = Tiny10().recipe(Digits())
    assert (recipe.optimizer, recipe.learning_rate, recipe.epochs, recipe.augment) == ("sgd", 0.1, 5, True)
    recipe = Tiny10(optimizer="adam", epochs=2).recipe(Digits())
    assert (recipe.optimizer, recipe.learning_rate, recipe.epochs) == ("adam", 0.003, 2)
    assert Tiny10(learning_rate=0.5).recipe(Digits()).learning_rate == 0.5
    assert not Tiny10(augment=False).recipe(Digits()).augment and Tiny10(augment=True).recipe(Plain()).augment


def test_without_batch_norm_it_trains_longer_at_lower_rates():
    recipe = Tiny10(batch_norm=False).recipe(Digits())
    assert (recipe.learning_rate, recipe.epochs) == (0.004, 10)
    assert Tiny10(batch_norm=False, optimizer="adam", epochs=3).recipe(Digits()).epochs == 3


@pytest.mark.parametrize(
    "params, message",
    [
        ({"epochs": 0}, "epochs is 0"),
        ({"learning_rate": 0.0}, "learning_rate is 0"),
        ({"learning_rate": float("nan")}, "learning_rate is nan"),
        ({"learning_rate": float("inf")}, "learning_rate is inf"),
    ],
)
def test_parameters_that_cannot_train_are_rejected(params, message):
    with pytest.raises(InputError, match=message):
        Tiny10(**params)
