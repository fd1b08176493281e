"""The page of the published default run is small, soon written, and drawn for notebooks, too."""

from __future__ import annotations

import time
from html.parser import HTMLParser
from pathlib import Path

import pytest

import simbench
from simbench.cli.reporting import said
from simbench.report import boards
from simbench.report.page import write
from simbench.report.provenance import networks
from simbench.report.tables import Tables, of_folder
from simbench.runs.declared import board_columns

FOLDER = Path(__file__).parents[2] / "results" / "tiny10-digits"


@pytest.fixture(scope="module")
def published(registry: simbench.Registry) -> tuple[Tables, float]:
    """The tables of the run, and the seconds of the processor that reading them took."""
    began = time.process_time()
    tables = of_folder(FOLDER, board_columns(registry))
    return tables, time.process_time() - began


@pytest.mark.long
def test_the_page_of_the_default_run_takes_at_most_3_mb_and_5_s(published, registry, tmp_path):
    tables, reading = published
    began = time.process_time()
    path = write(tables, tmp_path / "report.html", said(registry, tables))
    seconds = reading + time.process_time() - began
    print(f"{path.stat().st_size / 1e6:.2f} MB in {seconds:.1f} s of the processor")
    assert 100_000 < path.stat().st_size <= 3e6 and seconds <= 5


def test_every_network_of_the_default_run_has_a_hash_and_a_recipe(published, registry):
    tables, _ = published
    found = networks(tables.measurements, tables.weights, tables.recipes, said(registry, tables).panels)
    assert len(found) == 24 and len({each["weights"] for each in found} - {""}) == 24
    assert all("learning rate 0.1" in each["trained"] for each in found)


class Shown(HTMLParser):
    """The text of each cell of a table, and tags that are open at the end."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.cells: list[str] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)
        if tag in ("td", "th"):
            self.cells.append("")

    def handle_startendtag(self, tag, attrs):
        pass

    def handle_endtag(self, tag):
        while self.open and self.open.pop() != tag:
            pass

    def handle_data(self, data):
        if self.open and {"td", "th"} & set(self.open):
            self.cells[-1] += data


def test_a_notebook_shows_the_answer_and_every_index_in_order(published):
    tables, _ = published
    html = boards.notebook(tables)
    shown = Shown(html)
    cells = [cell.strip() for cell in shown.cells]
    ranked = [cells.index(name) for name in ("r2_lr", "cka", "cca", "pwcca", "svcca")]
    assert ranked == sorted(ranked) and shown.open == []
    assert "All 5 indices" in html and "<script" not in html and html.count("<svg") >= 5
