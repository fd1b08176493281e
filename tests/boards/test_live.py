"""Networks in memory, and their fronts."""

from __future__ import annotations

import copy

import pytest
import torch
from small_tokens import Tokens
from torch import nn

from simbench import Inapplicable, InputError
from simbench.boards.live import Live
from simbench.cutting.parts import HookedFront

X = torch.randn(5, 3, 4, 4, generator=torch.Generator().manual_seed(0))


class Bypassed(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.norm = nn.Conv2d(3, 6, 1), nn.BatchNorm2d(6)
        self.act, self.twice, self.unused = nn.ReLU(inplace=True), nn.Identity(), nn.Identity()
        self.pair = nn.LSTM(6, 6, batch_first=True)
        self.head = nn.Linear(6, 2)
        self.ran: list[str] = []

    def forward(self, x):
        x = self.first(x)
        x = x + self.act(self.norm(self.twice(self.twice(x))))
        self.ran.append("head")
        y, _ = self.pair(x.flatten(2).mT)
        return self.head(y[:, -1])


@pytest.fixture
def net() -> Bypassed:
    torch.manual_seed(0)
    return Bypassed().eval()


def test_a_front_is_the_output_of_the_layer_and_runs_nothing_above_it(net):
    want = net.act(net.norm(net.first(X)))
    assert torch.equal(HookedFront(net, "act")(X), want)
    assert net.ran == [] and not net.act._forward_hooks


def test_a_front_leaves_no_hook_behind_an_error(net):
    with pytest.raises(RuntimeError):
        HookedFront(net, "act")(X[:, :2])
    assert not net.act._forward_hooks


def test_a_front_of_a_layer_that_does_not_run_is_refused(net):
    with pytest.raises(InputError, match="'unused' does not run"):
        HookedFront(net, "unused")(X)


def test_layers_are_those_that_run_once_and_give_activations(net):
    model = Live("net", net, X)
    assert model.layers == ("first", "norm", "act", "head")
    assert model.skipped == {
        "twice": "runs 2 times in a pass",
        "pair": "gives 3 tensors",
        "unused": "does not run as a module when the network does",
    }


def test_layers_of_tokens_are_offered_and_blocks_are_the_default():
    model = Live("net", Tokens(), X)
    assert {"blocks.0", "blocks.1", "blocks.0.norm"} <= set(model.layers)
    assert model.default_layers == ("blocks.0", "blocks.1")
    assert model.skipped["mix"].startswith("gives activations of shape (n, 20, 2), whose axes are not certain: ")


def test_a_live_network_is_a_copy_with_its_weights(net):
    model = Live("net", net.train(), X)
    built = model.build(0, 0)
    assert built is not net and not built.training and net.training
    assert torch.equal(built(X), net.eval()(X))


def test_its_content_depends_on_weights_and_preprocessing_alone(net):
    def content(inputs=X, prepare=None):
        return Live("net", net, inputs, prepare).network().content

    before = content()
    assert content(X + 1) == before
    assert len({before, content(X, lambda x: x * 2), content(X, lambda x: x * 3)}) == 3
    with torch.no_grad():
        net.head.bias += 1
    assert content() != before


def test_wrappers_are_seen_through(net):
    assert Live("net", nn.DataParallel(net), X).layers == Live("net", net, X).layers


def test_an_untrained_network_has_other_weights_and_no_statistics(net):
    net.norm.running_mean += 3
    fresh = Live("net", net, X).untrained.build(0, 0)
    assert not torch.equal(fresh.first.weight, net.first.weight) and not fresh.norm.running_mean.any()


def test_a_module_that_cannot_be_initialised_has_no_untrained_network():
    class Scale(nn.Module):
        def __init__(self):
            super().__init__()
            self.by = nn.Parameter(torch.ones(1))

        def forward(self, x):
            return x.flatten(1) * self.by

    with pytest.raises(Inapplicable, match="Scale.* has no reset_parameters"):
        Live("net", Scale(), X).untrained.build(0, 0)


def test_positions_of_an_untrained_network_are_those_of_the_trained_one_in_another_order():
    class Placed(nn.Module):
        def __init__(self):
            super().__init__()
            self.place = nn.Parameter(torch.arange(48.0).reshape(3, 4, 4))
            self.head = nn.Linear(48, 2)
            self.register_buffer("index", torch.arange(4))

        def forward(self, x):
            return self.head((x + self.place).flatten(1))

    net = Placed()
    fresh = Live("net", net, X).untrained.build(0, 0)
    assert torch.equal(fresh.place.flatten().sort().values, net.place.flatten())
    assert not torch.equal(fresh.place, net.place) and not torch.equal(fresh.head.weight, net.head.weight)
    assert torch.equal(fresh.index, net.index)


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16, torch.float64])
def test_a_network_of_another_type_runs_in_float32(net, kind):
    live = Live("net", copy.deepcopy(net).to(kind), X, lambda x: x.to(kind))
    given = live.adapted(X)
    assert given.dtype == torch.float32
    assert live.build(0, 0)(given).dtype == torch.float32


def test_a_network_that_does_not_take_the_data_is_refused():
    with pytest.raises(InputError, match="cannot run on inputs of shape \\(5, 3, 4, 4\\)"):
        Live("net", nn.Linear(7, 2), X)


def test_a_network_without_outputs_gives_features():
    assert Live("net", nn.Conv2d(3, 2, 1), X).features and not Live("net", nn.Flatten(), X).features


def test_a_network_of_ids_by_name_is_called_with_ids_alone():
    """It makes the mask from ids of -1, and gives its logits."""
    hf = pytest.importorskip("transformers")
    torch.manual_seed(0)
    sizes = dict(hidden_size=16, num_hidden_layers=2, num_attention_heads=4, intermediate_size=32, vocab_size=20)
    net = hf.BertForSequenceClassification(hf.BertConfig(**sizes, num_labels=3, pad_token_id=5)).eval()
    ids = torch.tensor([[3, 4, 7, -1], [9, -1, -1, -1], [1, 2, 3, 4]])
    live = Live("net", net, ids)
    given = {"input_ids": ids.masked_fill(ids < 0, 5), "attention_mask": (ids >= 0).long()}
    with torch.no_grad():
        assert torch.equal(live.build(0, 0)(ids), net(**given).logits)
    assert type(net) is hf.BertForSequenceClassification and "bert.encoder.layer.0" in live.default_layers


def test_an_output_with_logits_is_these():
    class Wordy(nn.Linear):
        def forward(self, x):
            return type("Output", (), {"logits": super().forward(x)})()

    net = Wordy(5, 2)
    live = Live("net", net, torch.ones(2, 5))
    assert not live.features and torch.equal(live.build(0, 0)(torch.ones(2, 5)), net(torch.ones(2, 5)).logits)
