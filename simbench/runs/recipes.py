"""How the networks of a run were trained, for the description of the run."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from simbench.contracts.selection import Network, Setting
from simbench.networks.training import recipe_of
from simbench.runs.job import Job
from simbench.system.cache import cache_folder
from simbench.system.provenance import canonical
from simbench.system.surroundings import abroad


def recipes(job: Job) -> list[dict[str, Any]]:
    """Plain data: for each model and data set the `recipe` (fields of `simbench.Recipe`), and `weights`, the hashes of
    the networks that simbench trained by it, for this run or for a panel."""
    entries: dict[str, dict[str, Any]] = {}
    for part in job.parts:
        setting = part.selection.setting
        for network in (*part.selection.networks, *part.selection.controls):
            if not _ours(network):
                continue
            with suppress(Exception):  # of the plugin: nothing is known then
                entry = _entry(network, setting)
                entries.setdefault(canonical(entry), entry | {"weights": set()})["weights"].add(network.weights)
    return [each | {"weights": sorted(each["weights"])} for each in entries.values()]


def _ours(network: Network) -> bool:
    """Whether it was trained by simbench: not from a file of the user's, not published, not untrained."""
    cached = network.file.parent == cache_folder("weights")
    with suppress(Exception), abroad():
        return bool(network.panel or cached) and not network.initial and network.model.published() is None
    return False


def _entry(network: Network, setting: Setting) -> dict[str, Any]:
    home = network.home(setting)
    with abroad():
        return {"model": network.model.spec, "data": home.label, "recipe": recipe_of(network.model, home).identity}
