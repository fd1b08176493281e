"""Inception V1: torchvision's network as a row of stages, and its published weights."""

import hashlib
import http.server
import io
import socket
import threading

import pytest
import torch
from simbench_plugins.models.inception_v1 import ImageNet, InceptionV1
from torch import nn
from torchvision.models import GoogLeNet_Weights, googlenet
from torchvision.models.googlenet import BasicConv2d

import simbench
from simbench import InputError, cut, fold
from simbench.networks import weights
from simbench.networks.inputs import normalised

PRETRAINED = InceptionV1(weights="imagenet")
#: Output channels of every layer: Szegedy et al. 2015, table 1.
CHANNELS = {
    "conv1": 64,
    "conv2": 64,
    "conv3": 192,
    "inception3a": 256,
    "inception3b": 480,
    "inception4a": 512,
    "inception4b": 512,
    "inception4c": 512,
    "inception4d": 528,
    "inception4e": 832,
    "inception5a": 832,
    "inception5b": 1024,
}


def original(transform_input=False):
    """torchvision's network with weights and statistics that no freshly made one has, in eval mode."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        net = googlenet(transform_input=transform_input, aux_logits=False, init_weights=False)
        for part in net.modules():
            if isinstance(part, BasicConv2d):
                nn.init.kaiming_normal_(part.conv.weight, nonlinearity="relu")
                for tensor, low in (
                    (part.bn.weight, 0.5),
                    (part.bn.bias, -0.2),
                    (part.bn.running_mean, -0.2),
                    (part.bn.running_var, 0.5),
                ):
                    nn.init.uniform_(tensor, low, low + 0.8)
    return net.eval()


@pytest.fixture(scope="module")
def theirs():
    return original()


@pytest.fixture(scope="module")
def ours(theirs):
    net = InceptionV1().build(3, 1000)
    net.load_state_dict(theirs.state_dict())
    return net.eval()


def pixels(size=32, n=2):
    return torch.randint(0, 256, (n, 3, size, size), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))


@torch.no_grad()
def test_it_computes_what_torchvision_s_does_on_its_state_dict(theirs, ours):
    x = normalised(pixels(64), ImageNet())
    assert torch.equal(ours(x), theirs(x)) and float(ours(x).std()) > 0.01


@torch.no_grad()
def test_the_home_normalisation_is_torchvision_s_with_its_input_transform():
    theirs = original(transform_input=True)
    ours = InceptionV1().build(3, 1000)
    ours.load_state_dict(theirs.state_dict())
    images = pixels(64)
    mean, std = (torch.tensor(value).view(-1, 1, 1) for value in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    expected = theirs((images / 255 - mean) / std)
    found = ours.eval()(normalised(images, ImageNet()))
    assert torch.allclose(found, expected, rtol=1e-4, atol=1e-4 * float(expected.abs().max()))


def test_number_of_parameters():
    assert (
        sum(p.numel() for p in InceptionV1().build(3, 1000).parameters())
        == GoogLeNet_Weights.IMAGENET1K_V1.meta["num_params"]
        == 6_624_904
    )


@torch.no_grad()
def test_it_can_be_cut_at_every_layer(ours):
    x = normalised(pixels(), ImageNet())
    expected = ours(x)
    for layer in InceptionV1().layers:
        front, end = cut(ours, layer)
        activations = front(x)
        before = activations.clone()
        assert activations.shape[1] == CHANNELS[layer]
        assert torch.equal(end(activations), expected)
        assert torch.equal(activations, before), "the end wrote to the activations"
        assert [*front._modules, *end._modules] == list(ours._modules) and list(front._modules)[-1] == layer


@pytest.mark.parametrize("layer", ["conv1", "inception3b", "inception4e"])
@torch.no_grad()
def test_every_batch_norm_is_folded(ours, layer):
    front, end = cut(ours, layer)
    activations = front(normalised(pixels(), ImageNet()))
    before, expected, folded = activations.clone(), end(activations), fold(end)
    assert float((folded(activations) - expected).norm() / expected.norm()) < 1e-5
    assert torch.equal(activations, before), "the folded end wrote to the activations"
    assert not any(isinstance(part, nn.BatchNorm2d) for part in folded.modules())


@torch.no_grad()
def test_channels_classes_and_small_images():
    net = InceptionV1().build(1, 40).eval()
    assert net(torch.zeros(2, 1, 32, 32)).shape == (2, 40) and net(torch.zeros(2, 1, 15, 15)).shape == (2, 40)


def test_layers_are_in_order_of_depth_and_all_are_defaults():
    stages = list(InceptionV1().build(3, 2)._modules)
    assert InceptionV1().layers == InceptionV1().default_layers == tuple(stage for stage in stages if stage in CHANNELS)


def test_published_weights_belong_to_imagenet_and_others_are_trained_here():
    home = PRETRAINED.published()
    assert (home.name, home.channels, home.classes) == ("imagenet", 3, 1000) and home == ImageNet()
    assert InceptionV1().published() is None
    assert PRETRAINED.identity != InceptionV1().identity and PRETRAINED.recipe(home)


def test_what_is_not_trained_here_takes_no_training_parameters():
    with pytest.raises(InputError, match="is not trained here; leave out epochs=3,augment=true"):
        InceptionV1(weights="imagenet", epochs=3, augment=True)


def test_other_weights_are_rejected_by_name():
    with pytest.raises(InputError, match="is 'lucid'; allowed: imagenet or none"):
        simbench.load().get("models", "inception_v1[weights=lucid]")


def test_the_address_is_torchvision_s():
    assert GoogLeNet_Weights.IMAGENET1K_V1.url == InceptionV1.url


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("SIMBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    return tmp_path / "cache/weights"


@pytest.fixture(scope="module")
def content(theirs):
    """A file of weights with an auxiliary classifier."""
    buffer = io.BytesIO()
    torch.save(theirs.state_dict() | {"aux1.fc2.weight": torch.zeros(1000, 1024)}, buffer)
    return buffer.getvalue()


@pytest.fixture
def published(content, tmp_path, monkeypatch):
    """That file named as torchvision names it, and no server that answers."""
    file = tmp_path / f"published/googlenet-{hashlib.sha256(content).hexdigest()[:8]}.pth"
    file.parent.mkdir()
    file.write_bytes(content)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        monkeypatch.setattr(InceptionV1, "url", f"http://127.0.0.1:{free.getsockname()[1]}/{file.name}")
    return file


@pytest.fixture
def served(published, monkeypatch):
    """The requests that a server of the published file has answered."""
    requests = []

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *words):
            super().__init__(*words, directory=published.parent)

        def log_message(self, form, *words):
            requests.append(words[0])

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        monkeypatch.setattr(InceptionV1, "url", f"http://127.0.0.1:{server.server_port}/{published.name}")
        yield requests
        server.shutdown()
        thread.join()


def reason(model=PRETRAINED):
    """What fetch() complains of; always one line that names the address and the alternative."""
    with pytest.raises(InputError) as caught:
        model.fetch()
    message = str(caught.value)
    assert "\n" not in message and InceptionV1.url in message and "put the file there by hand" in message
    return message


@pytest.mark.long
@torch.no_grad()
def test_the_weights_are_fetched_once_and_are_those_published(theirs, served, cache, capsys):
    PRETRAINED.fetch()
    network = weights.fetched(PRETRAINED, PRETRAINED.published())
    net, x = weights.load(network, ImageNet()), normalised(pixels(), ImageNet())
    expected = theirs(x)
    assert torch.allclose(net(x), expected, rtol=1e-4, atol=1e-4 * float(expected.abs().max()))
    assert len(served) == 1 and capsys.readouterr().out == ""
    assert weights.cached(PRETRAINED, ImageNet(), "", 0).weights == network.weights


def test_a_file_put_there_by_hand_needs_no_network(theirs, published, cache):
    cache.mkdir(parents=True)
    (cache / published.name).write_bytes(published.read_bytes())
    assert PRETRAINED.fetch().keys() == theirs.state_dict().keys()


def test_without_network_the_error_says_what_to_do(published, cache):
    message = reason()
    assert f"no {published.name} is in {cache}" in message and "URLError" in message


def test_a_server_that_never_answers_is_given_up(cache, monkeypatch):
    monkeypatch.setattr(InceptionV1, "patience", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setattr(InceptionV1, "url", f"http://127.0.0.1:{silent.getsockname()[1]}/googlenet-00000000.pth")
        assert "timed out" in reason()


def test_a_broken_file_is_fetched_anew_or_an_error(published, cache):
    cache.mkdir(parents=True)
    (cache / published.name).write_bytes(published.read_bytes()[:-1])
    assert f"the {published.name} in {cache} is broken or incomplete" in reason()


def test_a_broken_file_on_the_server_is_an_error_and_not_kept(published, served, cache):
    published.write_bytes(published.read_bytes()[:-1])
    assert "another sha256" in reason() and not (cache / published.name).exists()
