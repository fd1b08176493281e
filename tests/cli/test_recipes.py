"""How the networks of a run were trained is on record, and stands on the page."""

from __future__ import annotations

import json
import re
import shutil

import pytest

from simbench import load
from simbench.publishing.card import card
from simbench.report.page import page
from simbench.report.provenance import in_words
from simbench.report.tables import Words, of_folder, recipes
from simbench.results.store import Store
from simbench.system.seals import sealed, unsealed

pytestmark = pytest.mark.usefixtures("undrawn")


@pytest.fixture
def folder(finished):
    return finished.folder / "simbench-results"


def test_every_network_of_a_run_has_its_recipe_under_the_hash_of_its_weights(folder):
    tables = of_folder(folder)
    assert tables.weights and set(tables.weights.values()) == set(tables.recipes)
    model, data = load().get("models", "tiny10"), load().get("datasets", "digits")
    assert all(recipe == model.recipe(data).identity for recipe in tables.recipes.values())


def test_the_page_says_once_how_networks_of_one_recipe_were_trained(folder):
    tables = of_folder(folder)
    section = re.search(r'<section id="networks".*?</section>', page(tables, Words()), re.DOTALL)[0]
    said = in_words(next(iter(tables.recipes.values())))
    assert len(set(map(in_words, tables.recipes.values()))) == 1 < len(tables.weights)
    assert "epochs 8" in said and section.count(said) == 1


def test_a_publication_names_the_recipes_without_the_runs(folder, tmp_path):
    described = card(Store(folder).read(), folder, {}, "", (), "", ())
    (tmp_path / "card.json").write_text(json.dumps(described))
    assert recipes([tmp_path]) == recipes([folder]) != {}


@pytest.mark.parametrize("trained", [[3], [{"recipe": {}}], [{"weights": 3, "recipe": {}}], [{"weights": ["w"], "recipe": 3}], 3])  # fmt: skip # noqa: E501
def test_what_a_later_release_says_of_training_is_left_out(folder, tmp_path, trained):
    shutil.copytree(folder / "runs", tmp_path / "runs")
    for path in (tmp_path / "runs").iterdir():
        path.write_text(sealed(unsealed(path) | {"trained": trained}))
    assert recipes([tmp_path]) == {}
