"""Representations at the blocks of a stage: each goes on from the last, and none from a stage that it opens."""

import torch

from simbench.contracts.selection import Network, Setting
from simbench.cutting import cut
from simbench.measuring.activations import Activations
from simbench.networks import weights
from simbench.networks.inputs import normalised


def test_a_block_does_not_go_on_from_the_stage_that_it_opens(small_registry, tmp_path):
    """The front at layer1.0 holds a part of layer1, by the name of the whole."""
    model, dataset = small_registry.get("models", "resnet20[width=0.125]"), small_registry.get("datasets", "blobs")
    state = model.build(dataset.channels, dataset.classes).state_dict()
    torch.save(state, tmp_path / "net.pt")
    network = Network(model, "0", weights.content_hash(state), tmp_path / "net.pt")
    held, fresh = (Activations(Setting(dataset, dataset.fingerprint(), 100)) for _ in range(2))
    whole = held.tensor(network, "layer1", "test")
    found = held.tensor(network, "layer1.0", "test")
    assert torch.equal(found, fresh.tensor(network, "layer1.0", "test")) and not torch.equal(found, whole)


def test_a_sweep_over_blocks_of_one_stage_goes_on_from_the_last(small_registry, tmp_path, monkeypatch):
    from simbench_plugins.models.residual import BasicBlock

    model, dataset = small_registry.get("models", "resnet20[width=0.125]"), small_registry.get("datasets", "blobs")
    state = model.build(dataset.channels, dataset.classes).state_dict()
    torch.save(state, tmp_path / "net.pt")
    network = Network(model, "0", weights.content_hash(state), tmp_path / "net.pt")
    held = Activations(Setting(dataset, dataset.fingerprint(), 100))
    net, whole, calls = held.net(network), BasicBlock.forward, []
    held.halves(network, "fc")
    monkeypatch.setattr(BasicBlock, "forward", lambda self, x: calls.append(self) or whole(self, x))
    for count, layer in enumerate(("layer1.0", "layer1.1", "layer2.0"), 1):
        found = held.tensor(network, layer, "test")
        assert len(calls) == (1, 2, 4)[count - 1], layer
    whole_images = normalised(held.inputs("test"), dataset)
    with torch.no_grad():
        wanted = cut(net, "layer2.0")[0](whole_images)
    # Four convolutions deep, sums of up to 36 products in float32, in blocks of other sizes.
    slack = 4 * 36 * torch.finfo(found.dtype).eps * float(wanted.abs().max())
    torch.testing.assert_close(found, wanted, rtol=0, atol=slack)
