"""Sources: networks of torchvision, timm, transformers and files, by name, as their libraries build them."""

import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

import simbench
from simbench import InputError, Preprocess
from simbench.data.memory import in_memory
from simbench.networks import weights
from simbench.networks.architectures import architecture
from simbench.networks.inputs import prepared
from simbench.networks.training import train
from simbench.runs.chosen import select

REGISTRY = simbench.load()
IMAGES = torch.randint(0, 256, (20, 3, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
LABELS = torch.arange(20) % 3
DATA = in_memory((IMAGES, LABELS), label="pictures")


def model(spec):
    return REGISTRY.get("models", spec)


def test_a_source_lists_its_names_and_patterns_select_among_them():
    found = [each.spec for each in REGISTRY.select("models", ["torchvision:resnet??"])]
    assert found == ["torchvision:resnet18", "torchvision:resnet34", "torchvision:resnet50"]


def test_a_network_of_torchvision_is_that_of_torchvision():
    from torchvision import models

    torch.manual_seed(3)
    ours = model("torchvision:mobilenet_v3_small").build(3, 7).eval()
    torch.manual_seed(3)
    theirs = models.mobilenet_v3_small(num_classes=7).eval()
    x = torch.randn(2, 3, 64, 64)
    assert torch.equal(ours(x), theirs(x))


def test_published_weights_state_what_images_they_want():
    from torchvision import models

    chosen = model("torchvision:resnet18[weights=IMAGENET1K_V1]")
    transform = models.ResNet18_Weights.IMAGENET1K_V1.transforms()
    assert chosen.preprocess == Preprocess((224, 224), 256, "bilinear", 3, tuple(transform.mean), tuple(transform.std))
    assert chosen.published().classes == 1000 and model("torchvision:resnet18").published() is None


def test_prepared_images_are_those_of_the_transforms_of_the_weights():
    from torchvision import models

    images = torch.rand(2, 3, 300, 280, generator=torch.Generator().manual_seed(1))
    expected = models.ResNet18_Weights.DEFAULT.transforms()(images)
    found = prepared(images, model("torchvision:resnet18[weights=DEFAULT]"), DATA)
    assert found.shape == expected.shape and torch.allclose(found, expected, atol=1e-5)


def test_two_networks_get_the_same_images_each_in_its_own_size_and_scale():
    small = prepared(IMAGES, model("torchvision:resnet18"), DATA)
    large = prepared(IMAGES, model("torchvision:resnet18[size=48,mean=0.5+0.5+0.5,std=0.25+0.25+0.25]"), DATA)
    assert torch.equal(small, IMAGES / 255) and large.shape == (20, 3, 48, 48)
    assert torch.allclose(large.mean(), (small.mean() - 0.5) / 0.25, atol=1e-2)


def test_grey_images_are_repeated_and_other_numbers_of_channels_refused():
    grey = prepared(IMAGES[:, :1], model("torchvision:resnet18"), DATA)
    assert grey.shape[1] == 3 and torch.equal(grey[:, 0], grey[:, 2])
    with pytest.raises(InputError, match=r"have 2 channels; torchvision:resnet18 takes 3, or 1, which is repeated"):
        prepared(IMAGES[:, :2], model("torchvision:resnet18"), DATA)


def test_images_that_are_normalised_already_are_not_normalised_again():
    data = in_memory((IMAGES / 64 - 2, LABELS), label="z-scores")
    with pytest.raises(InputError, match="z-scores hold values beyond 0 and 1"):
        prepared(IMAGES / 255, model("torchvision:resnet18[weights=DEFAULT]"), data)


def test_published_weights_are_read_from_the_cache_of_torch(tmp_path, monkeypatch):
    from torchvision import models

    offered = models.SqueezeNet1_1_Weights.DEFAULT
    monkeypatch.setattr(torch.hub, "_hub_dir", str(tmp_path))
    torch.manual_seed(1)
    net = models.squeezenet1_1()
    (tmp_path / "checkpoints").mkdir()
    torch.save(net.state_dict(), tmp_path / "checkpoints" / Path(offered.url).name)
    state = model("torchvision:squeezenet1_1[weights=DEFAULT]").fetch()
    assert all(torch.equal(state[name], value) for name, value in net.state_dict().items())


def test_a_checkpoint_of_a_wrapped_network_is_loaded(tmp_path, capsys):
    chosen = model("torchvision:squeezenet1_1")
    net = chosen.build(3, DATA.classes)
    torch.save({"epoch": 1, "state_dict": nn.DataParallel(net).state_dict()}, tmp_path / "a.ckpt")
    loaded = weights.load(weights.checkpoint(chosen, tmp_path / "a.ckpt"), DATA)
    x = torch.randn(2, 3, 32, 32)
    assert torch.allclose(loaded(x), net.eval()(x), atol=1e-6)
    assert "module.*" in capsys.readouterr().err


REFUSED = {
    "torchvision:resnet17": "network of torchvision 'resnet17' is unknown; did you mean 'resnet18'",
    "torchvison:resnet18": "source 'torchvison' is unknown; did you mean 'torchvision'",
    "torchvision:": "names nothing behind its colon",
    "torchvision:resnet18[mean=0.5]": "one of mean and std is given",
    "arrays:x.npz": "source 'arrays' has no models; allowed: file:, hf:, timm:, torchvision:",
    "nets.py:make": "there is no file",
    "file:nets": "names nothing in the file",
}


@pytest.mark.parametrize("spec", REFUSED)
def test_what_no_source_has_is_one_line(spec):
    with pytest.raises(InputError) as caught:
        model(spec)
    assert REFUSED[spec] in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(("name", "spec"), [("timm", "timm:resnet18"), ("transformers", "hf:bert")])
def test_a_package_that_is_missing_is_named_with_the_way_to_get_it(name, spec, monkeypatch):
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(
        InputError, match=rf"needs the package {name}.*pip install 'simbench\[{spec[: spec.index(':')]}\]'"
    ):
        model(spec)


def test_a_network_of_timm_of_one_size_gets_that_size():
    pytest.importorskip("timm")
    chosen = model("timm:vit_tiny_patch16_224")
    assert chosen.preprocess.size == (224, 224) and chosen.preprocess.mean is None
    assert model("timm:vit_tiny_patch16_224[inputs=weights]").preprocess.mean == (0.5, 0.5, 0.5)
    small = model("timm:vit_tiny_patch16_224[size=32]")
    assert small.build(3, 5)(prepared(IMAGES[:2], small, DATA)).shape == (2, 5)


# Files

NETS = """
from torch import nn
from helper import WIDTH
def make(channels, num_classes): return nn.Sequential(nn.Flatten(), nn.Linear(channels * 1024, num_classes))
class Net(nn.Sequential):
    def __init__(self, width=WIDTH): super().__init__(nn.Flatten(), nn.Linear(3072, width))
ready = Net(4)
def needy(depth): pass
def wrong(): return 3
"""


@pytest.fixture
def nets(tmp_path):
    (tmp_path / "nets.py").write_text(NETS)
    (tmp_path / "helper.py").write_text("WIDTH = 5")
    return tmp_path / "nets.py"


@pytest.mark.parametrize(("name", "outputs"), [("make", 3), ("Net", 5), ("ready", 4)])
def test_functions_classes_and_networks_of_a_file_are_models(nets, name, outputs):
    chosen = model(f"{nets}:{name}")
    assert chosen == model(f"file:{nets}:{name}") and chosen.preprocess is None
    assert chosen.build(3, 3)(torch.randn(2, 3, 32, 32)).shape == (2, outputs)


@pytest.mark.parametrize(
    ("name", "told"), [("needy", "needs depth; give them defaults"), ("wrong", "gives a int; a torch.nn.Module")]
)
def test_a_function_that_makes_no_network_is_one_line(nets, name, told):
    with pytest.raises(InputError, match=told):
        model(f"{nets}:{name}").build(3, 3)


def test_an_edited_file_gives_another_network(nets):
    before = architecture(model(f"{nets}:make"), DATA)
    assert architecture(model(f"{nets}:make"), DATA) == before
    nets.write_text(NETS.replace("nn.Flatten(), nn.Linear(c", "nn.Flatten(), nn.Dropout(), nn.Linear(c"))
    assert architecture(model(f"{nets}:make"), DATA) != before


# transformers


@pytest.fixture(scope="module")
def bert(tmp_path_factory):
    transformers = pytest.importorskip("transformers")
    folder = tmp_path_factory.mktemp("bert")
    sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
    torch.manual_seed(0)
    net = transformers.BertForSequenceClassification(transformers.BertConfig(vocab_size=50, num_labels=3, **sizes))
    net.save_pretrained(folder)
    return folder, net.eval()


def test_a_text_classifier_takes_ids_with_minus_one_where_they_are_masked(bert):
    folder, theirs = bert
    chosen = model(f"hf:{folder}[weights=DEFAULT]")
    ours = chosen.build(50, chosen.published().classes).eval()
    ours.load_state_dict(chosen.fetch())
    ids, mask = torch.randint(0, 50, (4, 6)), torch.tensor([[1] * 6, [1] * 5 + [0], [1] * 3 + [0] * 3, [1] + [0] * 5])
    with torch.no_grad():
        assert torch.equal(ours(ids.masked_fill(mask == 0, -1)), theirs(input_ids=ids, attention_mask=mask).logits)
    assert [name for name, _ in ours.named_modules()] == [name for name, _ in theirs.named_modules()]


def test_a_text_classifier_is_trained_as_every_model_is(bert):
    chosen = replace(model(f"hf:{bert[0]}"), epochs=1)
    data = in_memory({"input_ids": torch.randint(0, 50, (12, 5)), "labels": torch.arange(12) % 2})
    assert train(chosen, data, chosen.recipe(data), 0)(torch.tensor([[1, 2, -1]])).shape == (1, 2)


def test_ids_that_a_network_does_not_know_are_refused(bert):
    with pytest.raises(InputError, match="knows 50 token ids, and the data has 60"):
        model(f"hf:{bert[0]}").build(60, 2)


# Layers


@pytest.mark.parametrize(
    ("made", "layers"),
    [
        ("Flatten(), nn.Linear(32 * 32 * 3, 4), nn.ReLU(), nn.Linear(4, 3)", ("1", "2")),  # images of 32 x 32 alone
        ("Linear(5, 4), nn.ReLU(), nn.Linear(4, 3)", ("0", "1")),  # vectors
        ("Conv2d(1, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3)", ("1", "2")),  # grey images
    ],
)
def test_layers_of_a_network_are_listed_whatever_inputs_it_takes(made, layers, tmp_path):
    file = tmp_path / "nets.py"
    file.write_text(f"from torch import nn\ndef make(): return nn.Sequential(nn.{made})\n")
    assert model(f"{file}:make").layers[-2:] == layers


def test_models_of_sources_are_selected_for_a_run():
    name = "torchvision:resnet18"
    assert select(REGISTRY, "models", [name, model(name)]) == (model(name),)


def test_default_layers_are_stages_and_blocks_and_all_others_can_be_named():
    chosen = model("torchvision:resnet18")
    assert chosen.default_layers == tuple(f"layer{i}{block}" for i in (1, 2, 3, 4) for block in (".0", ""))
    assert {"conv1", "layer1", "layer1.0.conv1"} <= set(chosen.layers) and "layer1.0.relu" not in chosen.layers
    assert "fc" not in chosen.layers


def test_a_network_without_repeated_blocks_has_those_of_pooling():
    pools = tuple(f"features.{i}" for i in (2, 5, 10, 15, 20))
    assert model("torchvision:vgg11").default_layers == (*pools, "features", "avgpool")


def test_layers_of_tokens_are_offered():
    chosen = model("torchvision:vit_b_16")
    blocks = [f"encoder.layers.encoder_layer_{i}" for i in range(11)]
    assert chosen.default_layers == (*blocks, "encoder.layers") and f"{blocks[0]}.mlp.0" in chosen.layers
