"""A published table has the digits of each value that hold; records keep every digit."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from small_records import LABELS, record
from small_tables import PUSHED

from simbench.columns import METHODS
from simbench.contracts import Row
from simbench.results import tables
from simbench.results.published import published as rounded_to_publish

RESULTS = Path(__file__).parents[2] / "results"


def published(value, kind="index", quantity="similarity", told: dict | None = None) -> str:
    """What the table has of a value, as it is written."""
    method = dict.fromkeys(METHODS, "") | {"method": "some"} | told if told else {}
    rows = tables.measurements(
        [
            replace(
                record(Row(quantity, value), kind=kind), method=method, labels=LABELS | {"kind": kind, "method": "some"}
            )
        ],
        declared=PUSHED,
    )
    return rows["value"].to_csv(index=False, header=False).strip()


INDEX, UNBOUNDED = ({"kind": "index", "low": low, "high": high} for low, high in ((0.0, 1.0), (0.0, "inf")))
DIRECT, TASK = ({"kind": "stitcher", "needs": needs} for needs in ("moments", "task"))
LONG = 0.000123456789123


@pytest.mark.parametrize(
    "kind, quantity, told, text",
    [
        ("index", "similarity", INDEX, "0.000123457"),
        ("index", "similarity", INDEX | {"low": -1000.0}, "0.000123"),
        ("index", "similarity", UNBOUNDED, "0.000123456789"),
        ("index", "similarity", UNBOUNDED | {"low": "-inf", "high": 1.0}, "0.000123457"),
        ("stitcher", "residual", DIRECT, "0.000123457"),
        ("stitcher", "cross_entropy", DIRECT, "0.000123456789"),
        ("stitcher", "residual", TASK, "0.0001235"),
        ("foreign", "cross_entropy", TASK, "0.0001235"),
        ("foreign", "residual", DIRECT, "0.000123457"),
        ("penalty", "similarity", INDEX, "0.0001235"),
        ("penalty", "pushed_to", UNBOUNDED, "0.0001235"),
        ("training", "residual", TASK, "0.0001235"),
    ],
)
def test_a_value_is_published_to_the_digits_that_hold(kind, quantity, told, text):
    assert published(LONG, kind, quantity, told) == text
    assert published(LONG * (1 + 1e-12), kind, quantity, told) == text


@pytest.mark.parametrize(
    "value, text", [(123.456789, "123.5"), (0.0123456789, "0.01235"), (1.23456789e-5, "1.23e-05"), (-4e-8, "0.0")]
)
def test_what_rests_on_a_trained_stitch_has_four_digits_and_at_most_seven_decimals(value, text):
    assert published(value, "stitcher", "residual", TASK) == text


@pytest.mark.parametrize(
    "kind, quantity, told",
    [
        ("network", "accuracy", None),
        ("stitcher", "relative_accuracy", TASK),
        ("stitcher", "relative_accuracy/odd", TASK),
        ("penalty", "agreement", INDEX),
    ],
)
def test_shares_of_images_are_counted_and_published_whole(kind, quantity, told):
    assert float(published(2 / 3, kind, quantity, told)) == 2 / 3


def test_records_keep_every_digit_and_tables_made_of_tables_stay():
    told = dict.fromkeys(METHODS, "") | INDEX | {"method": "cka"}
    one = record(Row("similarity", 1 / 3), Row("residual", -1e-17), Row("accuracy", None, status="failed"), method=told)
    table = tables.measurements([one])
    assert one.rows[0].value == 1 / 3 and table["value"].tolist()[1:] == [0.0, 0.333333333]
    assert str(table["value"][1]) == "0.0" and np.isnan(table["value"][0])
    assert rounded_to_publish(table, tables.methods([one])).equals(table)


def published_runs() -> list:
    """Folders; of tables larger than a megabyte the test is long."""
    return [
        pytest.param(path.parent, id=path.parent.name, marks=[pytest.mark.long] * (path.stat().st_size > 1_000_000))
        for path in sorted(RESULTS.glob("*/measurements.csv"))
    ]


@pytest.mark.parametrize("folder", published_runs())
def test_published_runs_have_the_digits_that_hold(folder):
    table = tables.read(folder / "measurements.csv")
    assert rounded_to_publish(table, tables.read(folder / "methods.csv"), PUSHED).equals(table)
