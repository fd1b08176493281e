"""A run that is fit to be cited is published whole; one that is not says why, a line for each reason."""

from __future__ import annotations

import json
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from simbench import Claims, Index, InputError
from simbench.columns import SCHEMA
from simbench.publishing.merging import merge
from simbench.publishing.publication import Refused, publish
from simbench.results import folder as tables
from simbench.results.store import Store
from simbench.runs.declared import board_columns
from simbench.system.provenance import digest


class Wrong(Index):
    """Claims to be symmetric, and is not."""

    name, source = "cka", "made for tests"

    @property
    def claims(self):
        return Claims(symmetric=True)

    def from_moments(self, m):
        return m.aa.trace() / (m.aa.trace() + 2 * m.bb.trace())


class Newer(Wrong):
    version = 7


def registry_with(registry, plugin):
    """The installed plugins with another `cka`."""
    entry = replace(registry.entries["indices"]["cka"], plugin=plugin)
    indices = {**registry.entries["indices"], "cka": entry}
    return replace(registry, entries={**registry.entries, "indices": indices})


@pytest.fixture
def unchecked(monkeypatch):
    """Indices and stitchers are not checked: the card and the test of a broken claim show that they are."""
    monkeypatch.setattr("simbench.publishing.validity.checks", lambda plugin: [])


@pytest.fixture(scope="module")
def published(finished, registry, tmp_path_factory) -> tuple[Path, dict]:
    to = tmp_path_factory.mktemp("published") / "mine"
    words = {"title": "Small", "authors": ["A. Author"], "licence": "CC-BY-4.0"}
    card = publish(finished, to, registry, records=True, declared=board_columns(registry), **words)
    return to, card


def test_tables_figures_and_card_are_there(published, finished):
    to, card = published
    assert {path.name for path in to.iterdir()} == {*tables.FILES, "figures", "card.json", "records.zip"}
    assert list((to / "figures").glob("*.png"))
    for name in tables.FILES:
        assert (to / name).read_text() == (finished / name).read_text()
    assert json.loads((to / "card.json").read_text()) == card


def test_figures_are_drawn_where_they_are_missing(finished, registry, tmp_path, unchecked):
    merge([finished], tmp_path / "merged")
    assert not (tmp_path / "merged" / "figures").exists()
    card = publish(tmp_path / "merged", tmp_path / "to", registry)
    assert {"figures/matching.png", "figures/matching.svg"} <= card["files"].keys()


def test_the_card_says_who_may_cite_what(published, finished):
    to, card = published
    assert (card["title"], card["authors"], card["licence"]) == ("Small", ["A. Author"], "CC-BY-4.0")
    assert card["commands"] == ["simbench run --seeds 2"] and card["schema"] == SCHEMA
    assert card["panels"] == ["tiny10-digits-1"] and card["datasets"][0]["name"] == "digits"
    assert len(card["datasets"][0]["sha256"]) == 64 and len(card["networks"]) == 2
    assert all(len(network["weights"]) == 64 for network in card["networks"])
    methods = {method["spec"]: method for method in card["methods"]}
    assert set(methods) == {"cka", "r2_lr", "identity", "least_squares"}
    assert methods["cka"]["package"] == "simbench" and methods["cka"]["checks"].endswith("skipped")
    assert card["rows"]["ok"] > 10 and "failed" not in card["rows"]
    assert card["hardware"][0].keys() >= {"processor", "cores", "memory"}


def test_the_card_holds_the_hash_of_every_other_file(published):
    to, card = published
    files = {path.relative_to(to).as_posix() for path in to.rglob("*") if path.is_file()} - {"card.json"}
    assert card["files"] == {name: digest((to / name).read_bytes()) for name in files}


def test_a_publication_with_records_can_be_merged(published, finished, tmp_path):
    to, _ = published
    merge([to], tmp_path / "again")
    assert Store(tmp_path / "again").read().records == Store(finished).read().records


def test_an_archive_of_strangers_writes_nothing_outside(published, finished, tmp_path):
    to, _ = published
    folder = tmp_path / "strange"
    folder.mkdir()
    with zipfile.ZipFile(to / "records.zip") as given, zipfile.ZipFile(folder / "records.zip", "w") as changed:
        for entry in given.infolist():
            changed.writestr(entry, given.read(entry))
        for name in ("../../escaped.json", "/tmp/escaped.json", "records/../../escaped.json", "elsewhere/x.json"):
            changed.writestr(name, "{}")
    merge([folder], tmp_path / "joined")
    assert not list(tmp_path.rglob("*escaped*")) and not Path("/tmp/escaped.json").exists()


def refusals(*given, **options) -> tuple[str, ...]:
    with pytest.raises(Refused) as caught:
        publish(*given, **options)
    assert all("\n" not in line for line in caught.value.reasons)
    return caught.value.reasons


def test_an_index_that_breaks_its_claims_is_refused(finished, registry, tmp_path):
    lines = refusals(finished, tmp_path / "to", registry_with(registry, Wrong()))
    assert any(line.startswith("index cka fails its check symmetry: ") for line in lines)
    assert not list(tmp_path.iterdir())


def test_another_version_than_the_measured_one_is_refused(finished, registry, tmp_path, unchecked):
    (line,) = refusals(finished, tmp_path / "to", registry_with(registry, Newer()))
    assert line == "index cka: version 1 was measured and version 7 is installed; run again"


def test_a_failed_row_is_refused_unless_its_method_is_listed(copy, registry, tmp_path, unchecked):

    def fail(record):
        rows = tuple(replace(row, value=None, status="failed", note="no memory") for row in record.rows)
        return replace(record, rows=rows) if record.labels["method"] == "cka" else record

    folder = copy("a", fail)
    (line,) = refusals(folder, tmp_path / "to", registry)
    assert line == "cka has 2 failed rows (no memory); mend it, or list it with --failed cka"
    card = publish(folder, tmp_path / "to", registry, failed=["cka"])
    assert card["failed"] == ["cka"] and card["rows"]["failed"] == 2


def test_damage_and_missing_provenance_are_refused(copy, registry, tmp_path, unchecked):
    folder = copy("a")
    path = next(iter(sorted((folder / "records").rglob("*.json"))))
    path.write_text("{}")
    (run,) = (folder / "runs").iterdir()
    run.unlink()
    lines = refusals(folder, tmp_path / "to", registry)
    assert any(line.startswith(f"{path} is ") for line in lines)
    assert any(line.startswith(f"run {run.stem} is not described") for line in lines)


def test_a_run_that_says_nothing_of_its_machine_is_refused(copy, registry, tmp_path, unchecked):
    folder = copy("a")
    store = Store(folder)
    (name, description), *_ = store.read().runs.items()
    store.put_run(name, description | {"machine": {}, "versions": {}})
    (line,) = refusals(folder, tmp_path / "to", registry)
    assert line.startswith(f"run {name} says nothing of machine, versions")


def test_a_place_that_is_taken_and_a_folder_without_records_are_refused(finished, registry, tmp_path):
    with pytest.raises(InputError, match="exists already; give a new folder with --to"):
        publish(finished, tmp_path, registry)
    with pytest.raises(InputError, match="holds no records"):
        publish(tmp_path, tmp_path / "to", registry)


def test_the_published_board_of_all_indices_is_what_its_card_says():
    folder = Path(__file__).parents[2] / "results" / "tiny10-digits-zoo"
    card = json.loads((folder / "card.json").read_text())
    files = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()} - {"card.json"}
    assert card["files"] == {name: digest((folder / name).read_bytes()) for name in files}
    assert len(card["methods"]) == 45 and card["rows"].keys() == {"ok", "skipped"}
    assert card["panels"] == ["tiny10-digits-1"] and len(card["networks"]) == 24
