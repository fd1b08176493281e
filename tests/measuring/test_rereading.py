"""Stitches on ends that read the ids of their network again: GPT-2, BERT and a small network with padding, against the
hook engine."""

from __future__ import annotations

import functools
import importlib.util
from dataclasses import replace

import pytest
import torch
from small_cases import stitcher
from small_networks import installed
from torch import nn

import simbench
from simbench import Affine
from simbench.boards.data import Given
from simbench.boards.live import Live
from simbench.contracts.case import Case
from simbench.contracts.selection import Selection, Setting
from simbench.measuring import stitched
from simbench.measuring.aligned import Rereading
from simbench.measuring.bench import Workbench

#: Of networks of transformers.
MARKS = (
    pytest.mark.long,
    pytest.mark.skipif(not importlib.util.find_spec("transformers"), reason="needs transformers"),
)
WIDTHS = (16, 24)
LAYER = {"small": "block.0", "gpt2": "transformer.h.0", "bert": "bert.encoder.layer.0"}
ENDS = dict(vocab_size=50, pad_token_id=0, bos_token_id=1, eos_token_id=1, num_labels=3)


class Small(nn.Module):
    """Two linear maps of tokens, whose mean over the ids that are not -1 is classified."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.embedding, self.head = nn.Embedding(50, width), nn.Linear(width, 3)
        self.block = nn.ModuleList([nn.Linear(width, width), nn.Linear(width, width)])

    def forward(self, ids):
        mask = (ids >= 0).unsqueeze(2)
        x = self.block[1](self.block[0](self.embedding(ids.clamp(min=0))).relu()).relu()
        return self.head((x * mask).sum(1) / mask.sum(1))


@functools.cache
def classes() -> tuple[type, type]:
    """GPT-2 and BERT, called with ids (n, t) alone, -1 at masked positions. transformers takes seconds to import."""
    import transformers

    class GPT2(transformers.GPT2ForSequenceClassification):
        def forward(self, ids):
            mask = (ids >= 0).long()
            return super().forward(input_ids=ids.clamp(min=0), attention_mask=mask, use_cache=False).logits

    class Bert(transformers.BertForSequenceClassification):
        def forward(self, ids):
            return super().forward(input_ids=ids.clamp(min=0), attention_mask=(ids >= 0).long()).logits

    return GPT2, Bert


def network(kind: str, width: int, seed: int):
    torch.manual_seed(seed)
    if kind == "small":
        return Small(width).eval()
    gpt2, bert = classes()
    if kind == "gpt2":
        net = gpt2(gpt2.config_class(n_embd=width, n_layer=2, n_head=4, n_positions=12, **ENDS))
    else:
        sizes = dict(hidden_size=width, num_hidden_layers=2, num_attention_heads=4, intermediate_size=32)
        net = bert(bert.config_class(max_position_embeddings=12, **sizes, **ENDS))
    with torch.no_grad():
        net.get_submodule("score" if kind == "gpt2" else "classifier").weight.mul_(20)  # outputs that differ
    return net.eval()


def ids(count: int, seed: int):
    """Ids (count, 7) of 2 to 7 tokens."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randint(1, 50, (count, 7), generator=generator)
    lengths = torch.randint(2, 8, (count, 1), generator=generator)
    return x.masked_fill(torch.arange(7) >= lengths, -1)


TRAIN, TEST = ids(150, 1), ids(131, 2)  # two batches of the bench, the second one short


@pytest.fixture(
    scope="module", params=["small", *(pytest.param(kind, marks=pytest.mark.long) for kind in ("gpt2", "bert"))]
)
def rig(request):
    """Two networks of a kind, their bench, and a case of least squares between them."""
    nets = [network(request.param, width, seed) for seed, width in enumerate(WIDTHS)]
    models = [Live(name, net, TEST[:4]) for name, net in zip("ab", nets, strict=True)]
    labels = torch.randint(0, 3, (150,), generator=torch.Generator().manual_seed(3)).numpy()
    data = Given((TRAIN.numpy(), labels), (TEST.numpy(), labels[:131]), 3)
    setting, networks = Setting(data, data.fingerprint(), 1000), tuple(model.network() for model in models)
    layer = LAYER[request.param]
    layers = {model.spec: (layer,) for model in models}
    bench = Workbench(Selection(setting, networks, layers, ("spatial",), (), ()))
    experiment = installed().get("experiments", "layers")
    case = Case(
        experiment, setting, "stitcher", stitcher("least_squares"), networks[0], layer, networks[1], layer, "spatial"
    )
    return nets, bench, case


def by_hand(nets, layer: str, affine: Affine, x: torch.Tensor) -> torch.Tensor:
    """Outputs of the stitched network through an end that runs the whole of b on the same ids."""
    front, _ = simbench.cut(nets[0], layer, x[:4], engine="hook")
    _, end = simbench.cut(nets[1], layer, x[:4], engine="hook")
    with torch.no_grad():
        return torch.cat([end(affine.float()(front(part)), part) for part in x.split(128)])


def test_the_end_takes_the_ids(rig):
    _, bench, case = rig
    assert isinstance(bench.activations.end(case.b, case.layer_b), Rereading)


def test_stitched_outputs_equal_those_of_the_hook_engine_to_the_last_bit(rig):
    nets, bench, case = rig
    affine = bench.fit(case.method, case)
    assert torch.equal(bench.logits(affine, case), by_hand(nets, case.layer_a, affine, TEST))


def test_the_ids_matter(rig):
    nets, bench, case = rig
    affine = bench.fit(case.method, case)
    turned = torch.cat([TEST[1:], TEST[:1]])
    front, _ = simbench.cut(nets[0], case.layer_a, TEST[:4], engine="hook")
    _, end = simbench.cut(nets[1], case.layer_b, TEST[:4], engine="hook")
    with torch.no_grad():
        others = end(affine.float()(front(TEST)), turned)
    assert not torch.allclose(bench.logits(affine, case), others, atol=1e-4)


def test_a_network_stitched_to_itself_by_the_identity_gives_its_own_outputs(rig):
    nets, bench, case = rig
    same = replace(case, a=case.b, method=stitcher("identity"))
    with torch.no_grad():
        own = torch.cat([nets[1](part) for part in TEST.split(128)])
    assert torch.equal(bench.logits(bench.fit(same.method, same), same), own)
    assert {row.quantity: row.value for row in bench.stitched(bench.fit(same.method, same), same)}["agreement"] == 1


def test_maps_that_share_a_pass_are_given_the_ids_of_their_inputs(rig):
    _, bench, case = rig
    one = bench.fit(case.method, case)
    other = Affine(one.weight.flip(0).contiguous(), one.bias)
    both = bench.logits(Affine(torch.stack([one.weight, other.weight]), torch.stack([one.bias, other.bias])), case)
    alone = torch.stack([bench.logits(one, case), bench.logits(other, case)])
    torch.testing.assert_close(both, alone, atol=1e-5, rtol=1e-5)


def test_a_trained_stitch_lowers_its_loss_and_its_batches_keep_their_ids(rig):
    """The loss of the first step, from the hook engine."""
    nets, bench, case = rig
    trained, maps = stitcher("task_loss[epochs=4,learning_rate=0.01]"), []
    affine = bench.fit(trained, case, on_step=lambda step, affine: maps.append(affine.to(torch.float64)))
    task = bench.task(case)
    with torch.no_grad():
        own = torch.cat([nets[1](part) for part in TRAIN.split(128)])
    before, after = (
        float(task.objective.cross_entropy(by_hand(nets, case.layer_a, each, TRAIN), own.softmax(-1)))
        for each in (maps[0], affine)
    )
    assert after < before
    batch = next(task.batches(16, 1))
    chosen = torch.randperm(150, generator=torch.Generator().manual_seed(0))[:16]
    assert torch.equal(batch.inputs, TRAIN[chosen])
    logits = stitched.forward(affine.float(), task.end, batch.x, batch.inputs)
    torch.testing.assert_close(logits, by_hand(nets, case.layer_a, affine, TRAIN)[chosen], atol=1e-4, rtol=1e-4)


def test_multiply_adds_of_the_end_are_those_of_the_layers_above(rig):
    """One block and the head for a row of 7 tokens, from the widths of its matrices."""
    nets, bench, case = rig
    block = nets[1].get_submodule(case.layer_b.replace("0", "1"))
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as whole, torch.no_grad():
        nets[1](TEST[:1])
    found = bench.multiply_adds(case.b, case.layer_b)
    assert sum(p.numel() * 7 for p in block.parameters() if p.ndim == 2) <= found < whole.get_total_flops() / 2
