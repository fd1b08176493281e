"""Networks of transformers in memory: arguments by name, and outputs that hold logits."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import simbench
from simbench.tracing.calling import plain

transformers = pytest.importorskip("transformers")

IDS = torch.randint(3, 40, (48, 7), generator=torch.Generator().manual_seed(1))
MASK = (torch.arange(7) < torch.randint(2, 8, (48, 1), generator=torch.Generator().manual_seed(2))).long()
LABELS = torch.randint(0, 3, (48,), generator=torch.Generator().manual_seed(3))


def bert(seed: int) -> nn.Module:
    torch.manual_seed(seed)
    small = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    config = transformers.BertConfig(vocab_size=40, max_position_embeddings=7, num_labels=3, **small)
    return transformers.BertForSequenceClassification(config).eval()


@pytest.mark.long
def test_text_networks_are_compared_on_ids_and_their_mask(tmp_path):
    nets = [bert(0), bert(1)]
    data = {"input_ids": IDS, "attention_mask": MASK, "labels": LABELS}
    options = {"indices": "cka", "layers": "bert.encoder.layer.0,bert.pooler", "untrained": False}
    board = simbench.compare(*nets, data=data, test=data, names=("a", "b"), results=tmp_path, **options)
    with torch.inference_mode():
        right = [(net(input_ids=IDS, attention_mask=MASK).logits.argmax(1) == LABELS).double().mean() for net in nets]
        pooled = [net.bert(input_ids=IDS, attention_mask=MASK).pooler_output for net in nets]
    assert board.table["accuracy of a"].iloc[0] == pytest.approx(float(right[0]))
    assert board.table["accuracy of b"].iloc[0] == pytest.approx(float(right[1]))
    value = board.matrix("cka").loc["bert.pooler", "bert.pooler"]
    assert value == pytest.approx(simbench.similarity("cka", *pooled), abs=1e-6)
    assert type(nets[0]) is transformers.BertForSequenceClassification  # the user's own network is left as it is


def test_masked_ids_are_not_read():
    """The same ids with and without a mask give other logits, and what stands at masked places does not matter."""
    net = bert(0)
    called = plain(bert(0))
    with torch.inference_mode():
        masked = called(IDS.masked_fill(MASK == 0, -1))
        assert torch.equal(masked, net(input_ids=IDS * MASK, attention_mask=MASK).logits)
        assert not torch.allclose(masked, called(IDS))


def test_an_image_network_returns_its_logits():
    config = transformers.ViTConfig(
        hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32, image_size=8, patch_size=4
    )
    torch.manual_seed(0)
    net = transformers.ViTForImageClassification(config).eval()
    images = torch.randn(2, 3, 8, 8)
    with torch.inference_mode():
        logits = net(pixel_values=images).logits
        assert torch.equal(plain(net)(images), logits)


@pytest.mark.long
def test_a_front_with_initial_weights_has_the_constants_of_its_network(tmp_path):
    """BertEmbeddings holds positions in a buffer that no checkpoint has; it needs no initial value."""
    data = {"input_ids": IDS, "attention_mask": MASK, "labels": LABELS}
    options = {"indices": "cka", "stitchers": "least_squares", "layers": "bert.pooler"}
    board = simbench.compare(bert(0), bert(1), data=data, test=data, names=("a", "b"), results=tmp_path, **options)
    assert board.table["least_squares: accuracy, untrained"].notna().all()
