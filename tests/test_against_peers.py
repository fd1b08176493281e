"""against_peers.py at sizes that say nothing about speed: every target has its figures, and both sides agree."""

from __future__ import annotations

import math

import against_peers
import layer_pairs
import pytest
import record
import stitches
import sweep
import torch
import usual
from layer_pairs import Subject
from subjects import Noise, Pair


@pytest.fixture
def small(monkeypatch):
    """One place, few images, no downloads: a peer that gives the truth."""
    monkeypatch.setattr(stitches, "QUICK", stitches.Sizes(steps=1, fit=48, evaluated=32, starts=2, repeats=1))
    monkeypatch.setattr(stitches, "PLACES", stitches.PLACES[1:2])
    monkeypatch.setattr(sweep, "LAYERS", ("bn7", "bn8"))
    monkeypatch.setattr(sweep, "subject", lambda images: Pair("tiny10", Noise(48, 48), sweep.LAYERS))
    monkeypatch.setattr(usual, "BATCH", 12)
    monkeypatch.setattr(layer_pairs, "LAYERS", ["conv1", "layer2.0.conv1", "layer4.1.conv2"])
    monkeypatch.setattr(layer_pairs, "Subject", lambda batches, size=32: Subject(batches, size))
    monkeypatch.setattr(layer_pairs, "_peers", lambda subject: {"pytorch-cka": subject.truth})
    monkeypatch.setattr(torch, "set_num_threads", lambda threads: None)


@pytest.mark.long
def test_every_target_has_its_figures_and_both_sides_agree(small, tmp_path):
    figures = against_peers.main(["--quick", "--out", str(tmp_path)])
    assert {figure.target for figure in figures} == set("123456")
    rows = record.read("against_peers", tmp_path)
    assert [row["what"] for row in rows] == [figure.what for figure in figures]
    for figure in figures:
        assert math.isfinite(figure.value) and figure.seconds > 0 and figure.against_seconds > 0
        # Few rows are worse conditioned than the many that the tolerance is for.
        assert figure.tolerance is None or figure.difference <= 10 * figure.tolerance, figure.what
    told = {figure.what for figure in figures if figure.tolerance is not None}
    assert len(told) == 7, "whatever has a tolerance was compared"
