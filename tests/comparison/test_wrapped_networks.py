"""Networks as people have them: wrapped, in half precision, fed with dicts, and read in several passes."""

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import simbench
from simbench import InputError

X = torch.randn(60, 6, generator=torch.Generator().manual_seed(0))


def net(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 4))


class Worded(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding, self.mixed = nn.Embedding(9, 4), nn.Linear(4, 3)

    def forward(self, input_ids, attention_mask=None):
        return self.mixed(self.embedding(input_ids).mean(1))


@pytest.mark.parametrize("wrap", [nn.DataParallel, torch.compile, lambda x: torch.compile(nn.DataParallel(x))])
def test_wrapped_networks_have_the_layers_of_the_network_inside(wrap):
    expected = simbench.similarities("cka", net(), net(1), [X], layers=["0", "2"])
    found = simbench.similarities("cka", wrap(net()), wrap(net(1)), [X], layers=["0", "2"])
    assert len(found) == 4 and found.equals(expected)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64])
def test_inputs_take_the_precision_of_the_network(dtype):
    found = simbench.similarities("cka", net().to(dtype), net(1).to(dtype), [X], layers=["0"])
    direct = simbench.similarities("cka", net().to(dtype), net(1).to(dtype), [X.to(dtype)], layers=["0"])
    assert len(found) == 1 and found.equals(direct)


def test_labels_in_a_dict_are_left_out_where_the_network_does_not_take_them():
    batch = {"input_ids": torch.randint(0, 9, (20, 3)), "labels": torch.zeros(20)}
    ids, words = {"input_ids": batch["input_ids"]}, Worded()
    labelled, plain = (simbench.similarities("cka", words, words, [each], layers=["mixed"]) for each in (batch, ids))
    assert len(plain) == 1 and labelled.equals(plain)


def test_a_loader_that_shuffles_in_a_second_pass_is_refused():
    from simbench.comparison.repeated import Repeated

    repeated = Repeated()
    loader = DataLoader(TensorDataset(X), batch_size=20, shuffle=True, generator=torch.Generator().manual_seed(0))

    def one_pass():
        for batch in loader:
            repeated.batch(batch)
        repeated.end(60)

    one_pass()
    with pytest.raises(InputError, match="began with other inputs in another pass.*shuffle=False"):
        one_pass()


@pytest.mark.filterwarnings("ignore:.*torch.jit:FutureWarning", "ignore:.*torch.jit:DeprecationWarning")
@pytest.mark.parametrize("compiled", [torch.jit.script, lambda net: torch.jit.trace(net, torch.zeros(2, 4))])
def test_torchscript_is_refused_by_name(compiled):
    net = torch.nn.Sequential(torch.nn.Linear(4, 5), torch.nn.ReLU(), torch.nn.Linear(5, 3)).eval()
    with pytest.raises(InputError, match=r"^a is TorchScript, whose layers cannot be read; give the network"):
        simbench.similarities("cka", compiled(net), net, [torch.randn(32, 4)])
