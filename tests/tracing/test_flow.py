"""The axes of layers: what operations say of them is read, what they do not say is asked for."""

import pytest
import torch
from torch import nn

import simbench
from simbench import InputError, similarities
from simbench.tracing.flow import Flow

IMAGES = torch.randn(10, 3, 8, 8, generator=torch.Generator().manual_seed(0))


def seeded(make, seed=0):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return make().eval()


@torch.no_grad()
def outputs(net, x):
    """Layer -> its output, as PyTorch's own hooks give it."""
    found = {}

    def see(name, output):
        found.setdefault(name, output.clone() if isinstance(output, torch.Tensor) else None)

    handles = [
        module.register_forward_hook(lambda module, given, output, name=name: see(name, output))
        for name, module in net.named_modules()
        if name
    ]
    net(x.clone())
    for handle in handles:
        handle.remove()
    return found


@torch.no_grad()
def layouts(net, x):
    """Layer -> the layout that follows, or None, for outputs of three or four axes with as many items as inputs."""
    found, flow = {}, Flow([x], len(x))

    def see(name, output):
        if isinstance(output, torch.Tensor) and output.ndim in (3, 4) and len(output) == len(x):
            found[name] = flow.layout(output)

    for name, module in net.named_modules():
        module.register_forward_hook(lambda module, given, output, name=name: see(name, output))
    with flow:
        net(x)
    return found


FIRST = {
    "nchw": lambda x: x,
    "nhwc": lambda x: x.permute(0, 3, 1, 2),
    "ntc": lambda x: x.mT[..., None],
    "nct": lambda x: x[..., None],
}


def agree(make, x, layers, layout, view="spatial", index="cka", **options):
    """The value of every layer of two networks is that of its outputs, their axes put in order by hand."""
    a, b = seeded(make, 0), seeded(make, 1)
    found = similarities(index, a, b, [x[:6], x[6:]], layers, view=view, **options).set_index(["layer_a", "layer_b"])
    left, right = outputs(a, x), outputs(b, x)
    for layer in layers:
        expected = simbench.similarity(index, FIRST[layout](left[layer]), FIRST[layout](right[layer]), view)
        assert found.loc[(layer, layer), "status"] == "ok"
        assert found.loc[(layer, layer), "value"] == pytest.approx(expected, abs=1e-5), layer  # float32 networks


def swin():
    from torchvision.models.swin_transformer import SwinTransformer

    return SwinTransformer([2, 2], 8, [2, 2], [2, 2], [2, 2], num_classes=5)


@pytest.mark.parametrize("view", ["spatial", "pooled"])
def test_a_swin_transformer_is_read_with_its_channels_last(view):
    layers = ["features.0.1", "features.0.2", "features.1.0", "features.1.1.norm2", "features.1.0.mlp.0", "features.1"]
    agree(swin, IMAGES, layers, "nhwc", view)
    agree(swin, IMAGES, ["features.0.0"], "nchw", view)


def convnext():
    from torchvision.models.convnext import CNBlockConfig, ConvNeXt

    return ConvNeXt([CNBlockConfig(8, 12, 1), CNBlockConfig(12, None, 1)], num_classes=5)


def test_a_convnext_is_read_as_it_permutes_between_its_layers():
    images, block = IMAGES.repeat(1, 1, 2, 2), "features.1.0.block"
    agree(convnext, images, [f"{block}.{k}" for k in (1, 2, 3, 4)], "nhwc")
    others = ["features.0", "features.0.1", f"{block}.0", f"{block}.6", "features.1.0", "features.1", "features.2.0"]
    agree(convnext, images, others, "nchw")


def residual():
    from torchvision.models.resnet import BasicBlock, ResNet

    return ResNet(BasicBlock, [1, 1, 1, 1], num_classes=5)


def test_blocks_and_stages_of_a_residual_network_have_their_channels_first():
    found = layouts(seeded(residual), IMAGES.repeat(1, 1, 4, 4))
    assert len(found) > 30 and set(found.values()) == {"nchw"}


class Attention(nn.Module):
    """As in vision transformers: (n, heads, t, d) and (n, heads, t, t) pass through modules."""

    def __init__(self, width=12, heads=3, norm=nn.Identity):
        super().__init__()
        self.heads, self.qkv, self.proj = heads, nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.q_norm, self.drop = norm(width // heads), nn.Dropout(0.1)

    def forward(self, x):
        n, t, width = x.shape
        q, k, v = self.qkv(x).reshape(n, t, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4).unbind(0)
        maps = self.drop((self.q_norm(q) @ k.transpose(-2, -1)).softmax(-1))
        return self.proj((maps @ v).transpose(1, 2).reshape(n, t, width))


class Transformer(nn.Module):
    """Patches, a class token, positions, one block of attention and one of a mixing of tokens."""

    def __init__(self, norm=nn.Identity):
        super().__init__()
        self.patches, self.token = nn.Conv2d(3, 12, 2, 2), nn.Parameter(torch.randn(1, 1, 12))
        self.positions, self.norm = nn.Parameter(torch.randn(1, 17, 12)), nn.LayerNorm(12)
        self.attention, self.mixing = Attention(norm=norm), nn.Linear(17, 17)
        self.mlp, self.head = nn.Sequential(nn.Linear(12, 20), nn.GELU()), nn.Linear(20, 4)

    def forward(self, x):
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(len(x), -1, -1), x], 1) + self.positions
        x = x + self.attention(self.norm(x))
        x = x + self.mixing(x.transpose(1, 2)).transpose(1, 2)
        return self.head(self.mlp(x)[:, 0])


TOKENS = ["norm", "attention.qkv", "attention.proj", "attention", "mlp.0", "mlp.1", "mlp"]


@pytest.mark.parametrize("norm", [nn.Identity, nn.LayerNorm])
def test_tokens_are_rows_and_parts_of_attention_are_not_images(norm):
    found = layouts(seeded(lambda: Transformer(norm)), IMAGES)
    assert {name for name, layout in found.items() if layout == "ntc"} == set(TOKENS)
    unknown = [name for name, layout in found.items() if layout is None]
    assert unknown == ["attention.q_norm", "attention.drop", "mixing"]
    agree(lambda: Transformer(norm), IMAGES, TOKENS, "ntc")
    agree(lambda: Transformer(norm), IMAGES, TOKENS, "ntc", "pooled")


def test_layers_of_unknown_axes_are_skipped_with_the_reason_and_refused_by_name():
    a, b = seeded(Transformer), seeded(Transformer, 1)
    found = similarities("cka", a, b, [IMAGES], view="pooled").set_index(["layer_a", "layer_b"])
    assert list(dict.fromkeys(found.index.get_level_values(0))) == [
        "patches",
        "norm",
        "attention.qkv",
        "attention.proj",
        "attention.q_norm",
        "attention.drop",
        "mixing",
        "mlp.0",
        "mlp.1",
        "head",
    ]
    row = found.loc[("attention.drop", "norm")]
    assert row["status"] == "skipped" and "(10, 3, 17, 17)" in row["note"]
    assert "give layouts={'attention.drop'" in row["note"]
    assert set(found.loc[[("norm", "mlp.1"), ("head", "norm")], "status"]) == {"ok"}
    with pytest.raises(InputError, match="'attention.q_norm' of a gives .* not known: give layouts=") as error:
        similarities("cka", a, b, [IMAGES], ["attention.q_norm"])
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "said", ["nhwc", {"attention.q_norm": "nhwc"}, {"*.q_*": "nhwc", "mlp.0": "ntc"}, ({"attention.*": "nhwc"}, "nhwc")]
)
def test_what_the_user_says_of_the_axes_holds(said):
    agree(Transformer, IMAGES, ["attention.q_norm"], "nhwc", layouts=said)


def test_what_the_user_says_goes_before_what_is_derived():
    agree(residual, IMAGES.repeat(1, 1, 2, 2), ["layer1"], "nhwc", layouts={"layer1": "nhwc"})


@pytest.mark.parametrize(
    "said, message",
    [
        ("nwhc", "layout 'nwhc' is unknown; did you mean"),
        ({"norn": "ntc"}, "layer in layouts 'norn' is unknown; did you mean 'norm'"),
        ({"norm": "nhwc"}, r"layer 'norm' of a has layout 'nhwc' and gives activations of shape \(10, 17, 12\)"),
        (3, "layouts is a int; give a layout such as 'nhwc'"),
    ],
)
def test_a_layout_that_does_not_fit_is_one_clear_line(said, message):
    with pytest.raises(InputError, match=message) as error:
        similarities("cka", seeded(Transformer), seeded(Transformer, 1), [IMAGES], ["norm"], layouts=said)
    assert "\n" not in str(error.value)


SQUARE = torch.randn(9, 4, 4, 4, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(
    "make, layer, layout",
    [
        (lambda: nn.Sequential(nn.Conv2d(4, 4, 1), nn.ReLU()), "1", "nchw"),
        (lambda: nn.Sequential(nn.Linear(4, 4), nn.ReLU()), "1", "nhwc"),
        (lambda: nn.Sequential(nn.LayerNorm(4)), "0", "nhwc"),
        (lambda: nn.Sequential(nn.BatchNorm2d(4), nn.GELU()), "0", "nchw"),
        (lambda: nn.Sequential(nn.Identity(), nn.Conv2d(4, 4, 1)), "0", "nchw"),  # told by what comes after it
        (lambda: nn.Sequential(nn.Hardtanh(), nn.Linear(4, 4)), "0", "nhwc"),
        (lambda: nn.Sequential(nn.Flatten(2), nn.Conv1d(4, 5, 1)), "1", "nct"),
        (lambda: nn.Sequential(nn.Flatten(1, 2), nn.Linear(4, 5)), "1", "ntc"),
        (lambda: nn.Sequential(nn.Conv2d(4, 4, 1), nn.ChannelShuffle(2)), "1", "nchw"),
        (lambda: nn.Sequential(nn.Conv2d(4, 8, 1), nn.PixelShuffle(2)), "1", "nchw"),
        (lambda: nn.Sequential(nn.Linear(4, 6), nn.Flatten(1, 2)), "1", "ntc"),
        (lambda: nn.Sequential(nn.Conv2d(4, 4, 1), nn.Flatten(), nn.Unflatten(1, (4, 4, 4))), "2", "nchw"),
        (lambda: nn.Sequential(nn.Conv2d(4, 4, 1), nn.Upsample(scale_factor=2), nn.AvgPool2d(2)), "1", "nchw"),
    ],
)
def test_axes_of_equal_length_are_told_apart_by_the_operations(make, layer, layout):
    agree(make, SQUARE, [layer], layout)


@pytest.mark.parametrize(
    "make",
    [
        lambda: nn.Sequential(nn.ReLU()),
        lambda: nn.Sequential(nn.Flatten(), nn.Linear(64, 64), nn.Unflatten(1, (4, 4, 4))),
        lambda: nn.Sequential(nn.Conv2d(4, 4, 1), nn.Linear(4, 4)),
        lambda: nn.Sequential(nn.Conv2d(4, 4, 1), nn.Softmax2d(), nn.Flatten(1, 2)),
    ],
)
def test_axes_that_no_operation_tells_apart_are_unknown(make):
    net = seeded(make)
    assert layouts(net, SQUARE)[str(len(net) - 1)] is None


def test_an_output_is_looked_at_before_the_next_layer_writes_to_it_while_its_axes_are_open():
    class Late(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.conv = nn.Identity(), nn.Conv2d(4, 3, 1)

        def forward(self, x):
            return self.conv(self.first(x).relu_())

    found = similarities("cka", seeded(Late), seeded(Late, 1), [SQUARE], ["first"], ["conv"])
    expected = simbench.similarity("cka", SQUARE, seeded(Late, 1).conv(SQUARE.relu()))
    assert found.loc[0, "value"] == pytest.approx(expected, abs=1e-6)
