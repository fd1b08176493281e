"""The benchmarks measure what they say: both sides give the same numbers, and what is published is what was found."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import alternating
import pytest
import record
import report
import subjects
import torch
import usual
from growth import exponent
from record import Figure
from torch.testing import assert_close

from simbench.contracts import Index, Stitcher

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
LAYER = "bn3"


def figure(value: float, wanted: float | None, **more) -> Figure:
    return Figure("1", "training step", "here", "the usual way", value, "x", wanted=wanted, **more)


@pytest.mark.parametrize(
    ("value", "wanted", "smaller", "met"),
    [
        (2.0, 2.0, False, True),
        (1.99999999, 2.0, False, False),
        (3.0, 2.0, True, False),
        (2.0, 2.0, True, True),
        (2.0, None, False, None),
        (float("nan"), 2.0, False, False),
        (float("nan"), 2.0, True, False),
    ],
)
def test_a_target_is_met_by_the_unrounded_value(value, wanted, smaller, met, tmp_path):
    made = figure(value, wanted, smaller=smaller)
    assert made.met is met
    record.write("one", [made], tmp_path)
    assert record.read("one", tmp_path)[0]["met"] == ("" if met is None else str(met).lower())


def test_a_script_written_again_keeps_one_line_of_its_run(tmp_path):
    for value in (1.0, 2.0):
        for name in ("one", "two"):
            record.write(name, [figure(value, None)], tmp_path)
    assert [row["value"] for row in record.read("one", tmp_path)] == ["2"]
    assert sorted(row["name"] for row in record.read("runs", tmp_path)) == ["one", "two"]


def test_a_ratio_is_of_medians_and_its_extremes_of_neighbours():
    seconds = {"ours": [1.0, 2.0, 4.0], "theirs": [2.0, 6.0, 4.0]}
    assert alternating.ratio(seconds, "ours", "theirs") == (2.0, 1.0, 3.0)


def test_sides_take_turns_and_the_order_turns_round():
    calls = []
    seconds = alternating.alternate({name: lambda name=name: calls.append(name) for name in "ab"}, repeats=3)
    assert "".join(calls[:2]) == "ab" and sorted(calls[2:4]) == sorted(calls[4:6]) == ["a", "b"]
    assert calls[2:4] != calls[4:6] == calls[2:4][::-1] and calls[6:8] == calls[2:4]
    assert [len(taken) for taken in seconds.values()] == [3, 3]


@pytest.mark.parametrize("power", [0.0, 1.0, 1.5])
def test_the_exponent_of_a_power_is_found_in_the_upper_decades(power):
    points = {n: {"whole": 7.0 * n**power} for n in (100, 1_000, 10_000, 100_000)} | {1: {"whole": 5.0}}
    assert exponent(points, "whole") == pytest.approx(power, abs=1e-12)


@pytest.fixture(scope="module")
def pair() -> subjects.Pair:
    return subjects.Pair("tiny10", subjects.Noise(96, 96), (LAYER,))


@pytest.mark.parametrize("name", ["least_squares", "procrustes"])
def test_the_usual_fit_is_that_of_the_stitcher(pair, name):
    stitcher: Stitcher = subjects.REGISTRY.get("stitchers", name)
    affine = pair.context().fit(stitcher, pair.case(stitcher, LAYER))
    weight, bias = getattr(usual, name)(*pair.nets, LAYER, pair.images("train"))
    assert weight.shape == (32, 32)
    # Both are made of float32 activations, by convolutions of another memory layout.
    assert_close(weight, affine.weight, rtol=1e-4, atol=1e-4)
    assert_close(bias, affine.bias, rtol=1e-4, atol=1e-4)


def test_the_usual_training_takes_the_steps_of_task_loss(pair):
    stitcher = subjects.REGISTRY.get("stitchers", "task_loss[batch=32,epochs=2]")
    context, case = pair.context(), pair.case(stitcher, LAYER)
    task = context.task(case)
    start = stitcher.start(task)
    begin = start.weight.float(), start.bias.float()
    order, images = torch.Generator().manual_seed(0), pair.images("train")
    batches = [images[chosen] for _ in range(2) for chosen in torch.randperm(96, generator=order).split(32)]
    weight, bias = usual.train(*pair.nets, LAYER, begin, batches)
    affine = stitcher.from_task(task)
    moved = weight - begin[0]
    assert moved.abs().max() > 4e-3  # six steps of at most 1e-3
    # Adam divides by the size of the gradient: where that is rounding, so is the step. Few entries are of that kind.
    assert (affine.weight - weight).norm() < 0.02 * moved.norm()
    assert (affine.bias - bias).norm() < 0.02 * (bias - begin[1]).norm()


def test_the_usual_outputs_are_those_of_the_stitched_network(pair):
    stitcher = subjects.REGISTRY.get("stitchers", "least_squares")
    context, case = pair.context(), pair.case(stitcher, LAYER)
    affine = context.fit(stitcher, case)
    logits = usual.evaluate(*pair.nets, LAYER, (affine.weight, affine.bias), pair.images("test"))
    assert_close(logits, context.logits(affine, case), rtol=1e-4, atol=1e-4)
    swapped = usual.evaluate(*pair.nets[::-1], LAYER, (affine.weight, affine.bias), pair.images("test"))
    assert (logits - swapped).abs().max() > 1e-2


def test_the_usual_indices_are_the_built_in_ones(pair):
    context, found = pair.context(), usual.indices(*pair.nets, LAYER, pair.images("test"))
    assert set(found) == {"cka", "r2_lr", "cca", "svcca", "pwcca"}
    for name, value in found.items():
        index: Index = subjects.REGISTRY.get("indices", name)
        assert context.similarity(index, pair.case(index, LAYER)).value == pytest.approx(value, rel=1e-5), name


def test_more_networks_are_other_networks():
    networks = subjects.Pair("tiny10", subjects.Noise(8, 8), (LAYER,), 3).networks
    assert len({network.weights for network in networks}) == 3


def measured(folder: Path) -> list[dict[str, str]]:
    """A target met in one place and missed in another, a number without a target, and a start-up time."""
    record.write("one", [figure(4.0, 2.0, low=3.5, high=5.0), figure(1.99999, 2.0), figure(9.0, None)], folder)
    record.write("two", [Figure("9", "simbench list", "whole", "", 0.2, "s", wanted=0.3, smaller=True)], folder)
    return report.rows(folder)


def test_the_table_shows_a_miss_as_a_miss(tmp_path):
    lines = report.table(measured(tmp_path)).splitlines()
    assert lines[2:] == [
        "| training step | here | the usual way | 4× [3.5, 5] | ≥ 2× | yes |",
        "| training step | here | the usual way | 2× | ≥ 2× | **no** |",
        "| training step | here | the usual way | 9× |  |  |",
        "| simbench list | whole |  | 0.2 s | ≤ 0.3 s | yes |",
    ]


def test_three_lines_show_ranges_and_how_many_targets_are_met(tmp_path):
    factors, starting, targets = report.summary(measured(tmp_path)).splitlines()
    assert factors.endswith("of stitching: a training step 2× to 9×.")
    assert starting == "- Start-up: `simbench list` 0.2 s."
    assert targets.startswith("- 2 of 3 targets are met: ")


def test_what_was_not_measured_is_said_so(tmp_path):
    assert report.table([]) == report.summary([]) == "Not measured yet."
    record.write("one", [Figure("7", "memory", "", "flat", 1.0, "", wanted=1.2, smaller=True)], tmp_path)
    assert report.summary(report.rows(tmp_path)).count("not measured") == 2


def test_the_table_stands_between_its_marks_only():
    start, end = report.MARKS
    text = f"before\n{start}old{end}\nafter\n"
    assert report.marked(text, "new") == f"before\n{start}new{end}\nafter\n"
    for bad in ("no marks", text + text, text.replace(start, ""), text.replace(end, "")):
        with pytest.raises(ValueError, match="once each"):
            report.marked(bad, "new")


def test_the_figure_is_drawn_again_only_when_its_ratios_change(tmp_path):
    from simbench.results import figures

    rows = measured(tmp_path)
    assert len(report.shown(rows)) == 2
    report.draw(rows, tmp_path)
    assert figures.current(tmp_path, "speed", report.stamp(rows))
    record.write("one", [figure(5.0, 2.0)], tmp_path)
    assert not figures.current(tmp_path, "speed", report.stamp(report.rows(tmp_path)))


@pytest.mark.long
def test_what_is_published_is_what_was_measured():
    """README.md, benchmarks/README.md and the figure say what results/speed holds."""
    done = subprocess.run(
        [sys.executable, "-W", "error", BENCHMARKS / "report.py", "--check"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_both_sides_of_every_published_ratio_gave_the_same_numbers():
    for row in report.rows(record.FOLDER):
        if row["tolerance"]:
            assert float(row["difference"]) <= float(row["tolerance"]), row
