"""Two tiny text classifiers, trained here on docstrings of installed packages, compared layer by layer.

    OMP_NUM_THREADS=1 python benchmarks/published/text.py --results results/text-bert-distilbert

Which package is a piece of documentation from? The text is the docstrings of numpy, scipy, pandas and scikit-learn,
without the names of the packages. A BERT of two small blocks and a DistilBERT of three learn it in a minute each.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import click
import numpy as np
import torch
from torch import nn

import simbench

PACKAGES = ("numpy", "scipy", "pandas", "sklearn")
#: Words that give the answer away.
TELLING = re.compile(r"\b(numpy|np|scipy|pandas|pd|sklearn|scikit|learn)\b")
#: Tokens of a piece at most, and words that are known; ids 0, 1 and 2 are padding, unknown and the class token.
LENGTH, VOCABULARY = 32, 4000
PADDING, UNKNOWN, CLASS = 0, 1, 2


def pieces(package: str) -> Iterator[list[str]]:
    """Pieces of 8 to LENGTH - 1 words of the docstrings of a package, in the order of its files."""
    root = Path(find_spec(package).submodule_search_locations[0])
    for path in sorted(root.rglob("*.py")):
        if "tests" in path.parts:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8", errors="ignore"))):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
                words = re.findall(r"[a-z]+", TELLING.sub(" ", (ast.get_docstring(node) or "").lower()))
                for start in range(0, len(words), LENGTH - 1):
                    piece = words[start : start + LENGTH - 1]
                    if len(piece) >= 8:
                        yield piece


def texts(each: int, seed: int = 0) -> tuple[list[list[str]], np.ndarray]:
    """`each` distinct pieces of every package in a seeded order, and the numbers of their packages."""
    generator = np.random.default_rng(seed)
    found, labels = [], []
    known: set[tuple[str, ...]] = set()
    for label, package in enumerate(PACKAGES):
        every = [piece for piece in pieces(package) if tuple(piece) not in known and not known.add(tuple(piece))]
        chosen = generator.permutation(len(every))[:each]
        found += [every[i] for i in chosen]
        labels += [label] * len(chosen)
    order = generator.permutation(len(found))
    return [found[i] for i in order], np.array(labels)[order]


def encoded(found: list[list[str]], vocabulary: dict[str, int]) -> dict[str, torch.Tensor]:
    """input_ids and attention_mask (n, LENGTH) of pieces."""
    ids = torch.full((len(found), LENGTH), PADDING)
    for row, piece in zip(ids, found, strict=True):
        row[: len(piece) + 1] = torch.tensor([CLASS, *(vocabulary.get(word, UNKNOWN) for word in piece)])
    return {"input_ids": ids, "attention_mask": (ids != PADDING).long()}


def networks() -> dict[str, nn.Module]:
    """An untrained BERT of two blocks and a DistilBERT of three, by name."""
    from transformers import (
        BertConfig,
        BertForSequenceClassification,
        DistilBertConfig,
        DistilBertForSequenceClassification,
    )

    classes = {"num_labels": len(PACKAGES), "vocab_size": VOCABULARY, "max_position_embeddings": LENGTH}
    torch.manual_seed(0)
    bert = BertForSequenceClassification(
        BertConfig(
            hidden_size=64, num_hidden_layers=2, num_attention_heads=4, intermediate_size=128, pad_token_id=0, **classes
        )
    )
    torch.manual_seed(1)
    distilbert = DistilBertForSequenceClassification(
        DistilBertConfig(dim=64, n_layers=3, n_heads=4, hidden_dim=128, pad_token_id=0, **classes)
    )
    return {"bert": bert, "distilbert": distilbert}


def train(net: nn.Module, inputs: dict[str, torch.Tensor], labels: torch.Tensor, epochs: int) -> None:
    """Adam with a one-cycle rate, batches of 64."""
    generator = torch.Generator().manual_seed(0)
    optimizer = torch.optim.AdamW(net.parameters(), lr=2e-3, weight_decay=0.05)
    steps = -(-len(labels) // 64) * epochs
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 2e-3, total_steps=steps)
    net.train()
    for _ in range(epochs):
        for batch in torch.randperm(len(labels), generator=generator).split(64):
            optimizer.zero_grad()
            logits = net(**{name: each[batch] for name, each in inputs.items()}).logits
            nn.functional.cross_entropy(logits, labels[batch]).backward()
            optimizer.step()
            schedule.step()
    net.eval()


@click.command()
@click.option("--results", default="text-bert-distilbert", type=click.Path(path_type=Path), help="Folder of results.")
@click.option("--each", default=4000, help="Pieces of every package.")
@click.option("--epochs", default=5, help="Of training.")
@click.option("--indices", default="cka,r2_lr,procrustes,cca", help="Indices.")
def main(results: Path, each: int, epochs: int, indices: str) -> None:
    found, labels = texts(each)
    held = len(found) // 5
    counts = Counter(word for piece in found[held:] for word in piece)
    vocabulary = {word: i for i, (word, _) in enumerate(counts.most_common(VOCABULARY - 3), 3)}
    test, inputs = encoded(found[:held], vocabulary), encoded(found[held:], vocabulary)
    train_labels, test_labels = torch.from_numpy(labels[held:]), torch.from_numpy(labels[:held])
    nets = networks()
    for name, net in nets.items():
        train(net, inputs, train_labels, epochs)
        with torch.inference_mode():
            right = net(**test).logits.argmax(1) == test_labels
        print(f"{name}: test accuracy {right.float().mean():.3f} on {held} pieces, {len(labels) - held} for training")
    board = simbench.compare(
        *nets.values(),
        data=inputs | {"labels": train_labels},
        test=test | {"labels": test_labels},
        names=tuple(nets),
        indices=indices,
        stitchers="least_squares,task_loss",
        max_samples=4000,
        results=results,
    )
    print(board)
    board.figure().savefig(results / "layers.png")


if __name__ == "__main__":
    main()
