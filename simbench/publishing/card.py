"""The card of a publication: who may cite what, and what everything depends on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from simbench.columns import SCHEMA
from simbench.publishing.validity import methods
from simbench.results.record import weights_of
from simbench.results.store import Contents
from simbench.system.provenance import digest, versions

#: File of the card.
CARD = "card.json"


def card(
    contents: Contents,
    folder: Path,
    checked: Mapping[tuple[str, str], str],
    title: str,
    authors: Sequence[str],
    licence: str,
    failed: Sequence[str],
) -> dict[str, Any]:
    """Plain data: title, authors, licence; what was measured (commands, data sets, networks with hashes of their
    weights, how they were trained, panels), by what (methods with versions, packages and outcomes of their checks),
    where (hardware class, versions), how many rows of each status, and the sha256 of every file in `folder`.

    checked: (kind, spec) -> how many checks were passed. failed: methods whose failed rows are published.
    """
    runs, counts = list(contents.runs.values()), Counter[str]()
    datasets, networks, panels = {}, {}, set()
    for record in contents.records.values():
        labels, identity = record.labels, record.identity
        counts.update(row.status for row in record.rows)
        panels.add(labels["panel"])
        data = {"name": labels["dataset"], "sha256": identity.get("data", "")}
        datasets[tuple(data.values())] = data
        for side in "ab":
            network = {
                "model": labels[f"model_{side}"],
                "name": labels[f"seed_{side}"],
                "weights": weights_of(identity, side),
            }
            networks[tuple(network.values())] = network
    return {
        "schema": SCHEMA,
        "title": title,
        "authors": list(authors),
        "licence": licence,
        "published": datetime.now(UTC).strftime("%Y-%m-%d"),
        "simbench": versions()["simbench"],
        "commands": _each(run["command"] for run in runs),
        "measured": _each(run["started"][:10] for run in runs),
        "hardware": _each(run["machine"] for run in runs),
        "devices": _each(run["device"] for run in runs),
        "versions": _each(run["versions"] for run in runs),
        "commits": _each(run["commit"] for run in runs if run.get("commit")),
        "datasets": _each(datasets.values()),
        "panels": _each(panels - {""}),
        "networks": _each(networks.values()),
        "trained": _each(entry for run in runs for entry in run.get("trained", ())),
        "methods": [
            {name: row[name] for name in ("kind", "spec", "version", "package", "package_version", "source")}
            | {"checks": checked.get(key, "")}
            for key, row in methods(contents).items()
        ],
        "rows": dict(sorted(counts.items())),
        "failed": list(failed),
        "files": {
            path.relative_to(folder).as_posix(): digest(path.read_bytes())
            for path in sorted(folder.rglob("*"))
            if path.is_file() and path.name != CARD
        },
    }


def _each(values) -> list:
    """Different values in order."""
    by_hash = {digest(value): value for value in values}
    return sorted(by_hash.values(), key=str)
