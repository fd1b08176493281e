"""Networks of torchvision, timm and transformers with random weights, and how many exact cuts they have."""

from collections import Counter
from functools import partial

import torch

from simbench.cutting import Cutter, surveyed

PIXELS = {"inception_v3": 128, "vit_b_16": 224, "vit_tiny_patch16_224": 224, "deit_tiny_patch16_224": 224}
PIXELS |= {"mixer_s32_224": 224, "swin_tiny_patch4_window7_224": 224}
TORCHVISION = [
    *("resnet18", "resnet50", "vgg11_bn", "densenet121", "googlenet", "inception_v3", "mobilenet_v3_small"),
    *("efficientnet_b0", "convnext_tiny", "regnet_y_400mf", "vit_b_16", "swin_t"),
]
TIMM = [
    *("resnet26", "convnext_atto", "vit_tiny_patch16_224", "deit_tiny_patch16_224", "mixer_s32_224"),
    *("efficientnet_b0", "swin_tiny_patch4_window7_224"),
]
TINY = dict(hidden_size=32, num_hidden_layers=3, num_attention_heads=4, intermediate_size=64)
ENDS = dict(bos_token_id=1, eos_token_id=1)
SMALL_IMAGES = dict(image_size=32, patch_size=8)
IDS = torch.tensor([[5, 6, 7, 8, 9], [9, 8, 7, 6, 5], [3, 4, 3, 4, 3], [2, 9, 2, 9, 2]])


def _torchvision(name):
    import torchvision

    options = {"init_weights": False, "aux_logits": False} if name in ("googlenet", "inception_v3") else {}
    return torchvision.models.get_model(name, weights=None, **options), _images(PIXELS.get(name, 64))


def _timm(name):
    import timm

    return timm.create_model(name), _images(PIXELS.get(name, 64))


def _transformers(name):
    import transformers as hf

    ids, images = {"input_ids": IDS}, {"pixel_values": _images(32)}
    make, config, inputs = {
        "BERT": (hf.BertForSequenceClassification, partial(hf.BertConfig, vocab_size=99, **TINY), ids),
        "DistilBERT": (
            hf.DistilBertForSequenceClassification,
            partial(hf.DistilBertConfig, vocab_size=99, dim=32, n_layers=3, n_heads=4, hidden_dim=64),
            ids,
        ),
        "GPT-2": (
            hf.GPT2ForSequenceClassification,
            partial(hf.GPT2Config, vocab_size=99, n_embd=32, n_layer=3, n_head=4, pad_token_id=0, **ENDS),
            {**ids, "use_cache": False},
        ),
        "ViT": (hf.ViTForImageClassification, partial(hf.ViTConfig, **TINY, **SMALL_IMAGES), images),
        "CLIP vision": (hf.CLIPVisionModel, partial(hf.CLIPVisionConfig, **TINY, **SMALL_IMAGES), images),
    }[name]
    return make(config()), inputs


def _images(side):
    return torch.randn(4, 3, side, side, generator=torch.Generator().manual_seed(0))


HUGGING_FACE = ["BERT", "DistilBERT", "GPT-2", "ViT", "CLIP vision"]
NAMES = [
    *(f"torchvision:{name}" for name in TORCHVISION),
    *(f"timm:{name}" for name in TIMM),
    *(f"transformers {name}" for name in HUGGING_FACE),
]
HEADER = "| network | exact cuts | layers that run once | engines |\n|---|---|---|---|"


def known(name):
    """(network in eval mode, a batch as it takes it)."""
    torch.manual_seed(0)
    for prefix, make in (("torchvision:", _torchvision), ("timm:", _timm), ("transformers ", _transformers)):
        if name.startswith(prefix):
            net, inputs = make(name.removeprefix(prefix))
            return net.eval(), inputs
    raise KeyError(name)


def surveyed_row(name):
    """(the row of a network in the table, a Cutter of it, its layers)."""
    cutter = Cutter(*known(name))
    layers = surveyed(cutter)
    engines = Counter(layer.engine for layer in layers if layer.exact)
    told = ", ".join(f"{engine} {count}" for engine, count in engines.most_common())
    once = sum(layer.runs == 1 for layer in layers)
    return f"| {name} | {sum(engines.values())} | {once} | {told} |", cutter, layers


if __name__ == "__main__":
    torch.set_num_threads(1)
    print(HEADER)
    for name in NAMES:
        print(surveyed_row(name)[0], flush=True)
