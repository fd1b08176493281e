"""Synthetic records that look like those of the default run, in any number."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import islice, permutations
from pathlib import Path

import numpy as np
import pyarrow as pa

from simbench.contracts import Row
from simbench.contracts.case import SCHEMA
from simbench.results.segments.columnar import table
from simbench.results.segments.drafts import Draft
from simbench.results.segments.packing import RECORDS
from simbench.results.segments.segment import FOLDER
from simbench.results.store import Record, Store
from simbench.system.provenance import digest

LAYERS = tuple(f"bn{k}" for k in range(1, 9))
INDICES = ("cca", "cka", "depth", "pwcca", "r2_lr", "random", "random_features", "svcca")
STITCHERS = ("identity", "least_squares", "procrustes", "reduced_rank")
QUANTITIES = ("accuracy", "relative_accuracy", "cross_entropy", "kl_divergence", "agreement", "residual")
RUN = "20261127T175520-0516"
#: Records that `segments` copies: all of a hundred ordered pairs.
COPIED = 9600
#: Test images whose outcomes lie beside the record of a stitch.
IMAGES = 360
_CASES = len(LAYERS) * (len(INDICES) + len(STITCHERS))
_MODEL = {
    "name": "tiny10",
    "params": {
        "augment": None,
        "batch_norm": True,
        "epochs": None,
        "learning_rate": None,
        "optimizer": "sgd",
        "padding": "same",
    },
    "version": 1,
}


def networks(number: int) -> int:
    """How many networks have so many cases, when every ordered pair is measured."""
    return max(2, math.ceil((1 + math.sqrt(1 + 4 * number / _CASES)) / 2))


def made(number: int, arrays: bool = False) -> Iterator[tuple[Record, dict[str, np.ndarray]]]:
    """So many records, pair by pair, with the outcomes of single images beside those of stitches."""
    cases = (
        (a, b, layer, method)
        for a, b in permutations(range(networks(number)), 2)
        for layer in LAYERS
        for method in (*INDICES, *STITCHERS)
    )
    for place, case in enumerate(islice(cases, number)):
        chance = np.random.default_rng(place)
        beside = _outcomes(chance) if arrays and case[3] in STITCHERS else {}
        yield _record(chance, *case), beside


def segments(folder: Path, number: int) -> None:
    """A results folder with so many records in segments, without arrays: copies of fewer, under other names of networks
    and other keys, which nothing but a look at each record can tell from measured ones."""
    place, done, copy = folder / "records" / FOLDER, 0, 0
    place.mkdir(parents=True)
    Store(folder).put_run(RUN, {"command": "simbench run", "seconds": 1.0, "measured": number})
    few = table([record for record, _ in made(min(number, COPIED))])
    chance = np.random.default_rng(0)
    while done < number:
        draft = Draft(place)
        while len(draft) < RECORDS and done < number:
            part = few.slice(0, number - done)
            draft.add_table(_copied(part, copy, chance))
            done, copy = done + len(part), copy + 1
        draft.write(len(list(place.glob("*.parquet"))) + 1)


def _copied(part: pa.Table, copy: int, chance: np.random.Generator) -> pa.Table:
    keys = pa.py_buffer(chance.bytes(32 * len(part)))
    columns = {"key": pa.FixedSizeBinaryArray.from_buffers(pa.binary(32), len(part), [None, keys])}
    for side in "ab":
        columns[f"seed_{side}"] = pa.array([f"{copy}.{seed}" for seed in part[f"seed_{side}"].to_pylist()])
    for name, column in columns.items():
        part = part.set_column(part.schema.get_field_index(name), name, column)
    return part


def _record(chance: np.random.Generator, a: int, b: int, layer: str, method: str) -> Record:
    is_index = method in INDICES
    kind, params = ("index", "view=flat") if is_index else ("stitcher", "bias=true")
    plugin = {"name": method, "params": {"bias": True}, "version": 1}
    sides = {
        side: [_MODEL, digest(b"graph"), digest(f"weights {seed}".encode()), layer]
        for side, seed in (("a", a), ("b", b))
    }
    identity = {
        "schema": SCHEMA,
        "data": digest(b"data"),
        "limit": None,
        "seed": 0,
        "experiment": {"name": "matching", "params": {}, "version": 2},
        "kind": kind,
        "method": plugin,
        **sides,
        "view": "spatial",
        "split": "test",
    }
    labels = {
        "dataset": "digits",
        "split": "test",
        "view": "spatial",
        "model_a": "tiny10",
        "seed_a": str(a),
        "layer_a": layer,
        "model_b": "tiny10",
        "seed_b": str(b),
        "layer_b": layer,
        "panel": "",
        "experiment": "matching",
        "kind": kind,
        "method": method,
        "params": params,
        "seed": 0,
        "samples": IMAGES,
    }
    described = {
        "kind": kind,
        "method": method,
        "params": params,
        "spec": method,
        "source": "Csiszarik et al. 2021, section 4.2",
        "version": 1,
        "package": "simbench",
        "package_version": "0.1.0",
        "control": method in ("depth", "random", "random_features"),
        "needs": "moments",
    }
    if is_index:
        described |= {"direction": 1, "symmetric": True, "low": 0.0, "high": 1.0, "differentiable": True}
        described |= {"invariances_a": "isotropic_scaling orthogonal", "invariances_b": "isotropic_scaling orthogonal"}
    else:
        described |= {"family": "affine", "objective": "residual"}
    quality = 1 / (1 + math.exp(-chance.normal(1.0, 1.0)))
    rows = (
        (Row("similarity", min(1.0, quality * (0.8 + 0.2 * chance.random()))),)
        if is_index
        else tuple(Row(name, quality * (0.9 + 0.1 * chance.random())) for name in QUANTITIES)
    )
    return Record(digest(identity), identity, labels, described, rows, float(chance.random()), RUN)


def _outcomes(chance: np.random.Generator) -> dict[str, np.ndarray]:
    """As `Bench.outcomes`: a divergence for each image, and bits."""
    bits = {name: np.packbits(chance.random((IMAGES, 1)) < 0.9, axis=0) for name in ("agrees", "right")}
    return {"divergence": chance.exponential(size=IMAGES).astype(np.float16), **bits}
