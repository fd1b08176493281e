"""A run beside plugins that spoil whatever they are handed gives for the others the bytes of a run without them."""

from __future__ import annotations

import pandas as pd
import pytest
import torch
from small_plugins import SmallPlugins
from spoilers import Spoilers, Spoiling

import simbench
from simbench.results import folder as publish
from simbench.results import text as report
from simbench.results.store import Store
from simbench.runs.driver import run
from simbench.runs.job import prepare
from simbench.runs.progress import Silent
from simbench.runs.request import Request
from simbench.system import surroundings

pytestmark = pytest.mark.long  # tests/isolation and tests/measuring hold each way of spoiling to its answer

HONEST = {"indices": "cca,cka,cka[estimator=debiased],r2_lr,svcca", "stitchers": "identity,least_squares,task_loss"}
EXPERIMENTS = "matching,trajectory[pairs=1,every=8,stitcher=task_loss[epochs=1]]"
NAMES = {plugin.name for plugin in (*Spoilers.INDICES, *Spoilers.STITCHERS)} | {"aaa_spoiling"}


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> tuple[list[str], list[str], pd.DataFrame, list[str]]:
    """Lines of measurements.csv without the spoilers and with them, the table with them, and what had changed of the
    surroundings in the end."""
    folder = tmp_path_factory.mktemp("spoilers")

    def lines(name: str, registry: simbench.Registry, **more: str) -> tuple[list[str], pd.DataFrame]:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("SIMBENCH_CACHE", str(folder / f"{name}-cache"))
            asked = {
                key: (value,)
                for key, value in ({"experiments": EXPERIMENTS, "datasets": "blobs"} | HONEST | more).items()
            }
            request = Request(models=("net",), seeds="2", view=("spatial", "flat"), results=folder / name, **asked)
            run(prepare(request, registry), registry, Silent())
            contents = Store(request.results).read()
            publish.publish(contents, request.results)
            publish.draw(contents, request.results, [Spoiling()])
            report.summary(Spoiling(), publish.read(request.results, "measurements.csv"))
        return (folder / name / "measurements.csv").read_text().splitlines(), publish.read(
            folder / name, "measurements.csv"
        )

    plain, _ = lines("honest", simbench.load([SmallPlugins()]))
    before = surroundings.Surroundings()
    beside, table = lines(
        "spoilt",
        simbench.load([SmallPlugins(), Spoilers()]),
        indices=",".join([HONEST["indices"], *(index.name for index in Spoilers.INDICES)]),
        stitchers=",".join([HONEST["stitchers"], *(each.name for each in Spoilers.STITCHERS)]),
        experiments=f"aaa_spoiling,{EXPERIMENTS}",
    )
    return plain, beside, table, before.restore()


def test_the_rows_of_honest_plugins_are_byte_for_byte_those_of_a_run_without_spoilers(runs):
    plain, beside, _, _ = runs
    honest = [line for line in beside[1:] if not NAMES & set(line.split(","))]
    assert len(plain) > 100 and honest == plain[1:]


def test_every_honest_row_is_a_number_and_every_spoiler_has_failed_with_its_reason(runs):
    table = runs[2]
    honest = table[~table["method"].isin(NAMES) & (table["experiment"] != "aaa_spoiling")]
    assert not (honest["status"] == "failed").any() and len(honest) > 150
    matching = table[(table["experiment"] == "matching") & (table["view"] == "spatial")]
    for name, part in matching[matching["method"].isin(NAMES)].groupby("method"):
        harmless = name in ("aae_settings", "zze_late")  # nobody sees what they do
        said = (
            "returned 7, which is outside its claimed range [0, 1]"
            if name == "zzf_outside"
            else f"{name} changed what it was handed ("
        )
        assert set(part["status"]) == {"ok" if harmless else "failed"}
        assert harmless or part["note"].str.contains(said, regex=False).all()
    own = table[table["experiment"] == "aaa_spoiling"].drop_duplicates("kind").set_index("kind")
    assert set(own.loc[["case", "arrays"], "status"]) == {"ok"}  # nobody sees what it does to them
    assert own.drop(["case", "arrays"])["note"].str.startswith("Spoilt: experiment aaa_spoiling changed").all()


def test_what_is_drawn_from_global_generators_depends_on_the_key_alone(runs):
    """Generators are seeded once a case, from its key: no two numbers are alike."""
    table = runs[2]
    drawn = table[(table["method"] == "aae_settings") & (table["status"] == "ok") & (table["experiment"] == "matching")]
    assert drawn["value"].nunique() == len(drawn) == 4


def test_the_surroundings_are_as_they_were(runs):
    assert runs[3] == []
    assert torch.get_default_dtype() == torch.float32
