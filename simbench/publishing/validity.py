"""Why a run cannot be published: one line for each reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Container, Iterator, Mapping

from simbench.check import checks
from simbench.columns import INDEX
from simbench.contracts import Plugin
from simbench.errors import InputError
from simbench.registry import Registry
from simbench.results import frames
from simbench.results.store import Contents

#: Kind of a method in tables -> kind of the plugin.
KINDS = {INDEX: "indices", "stitcher": "stitchers"}
#: What a description of a run holds.
PROVENANCE = ("command", "started", "device", "threads", "machine", "versions")


def reasons(contents: Contents, failed: Container[str] = ()) -> Iterator[str]:
    """Of the records alone: damaged files, failed rows of methods that `failed` does not list, missing provenance.

    failed: specs of methods whose failed rows may be published; "" stands for cases without a method.
    """
    for path, fault in contents.faults.items():
        yield f"{path} is {fault}; `simbench run` measures its case again"
    counts, notes = _failures(contents, failed)
    for spec, count in sorted(counts.items()):
        what = f"{spec} has {count} failed rows" if spec else f"{count} rows of no method failed"
        yield f"{what} ({notes[spec]}); mend it, or list it with --failed {spec or 'none'}"
    for name in sorted(set(frames.of(contents.records).coded("run")[1]) - contents.runs.keys()):
        yield f"run {name} is not described: runs/{name}.json is missing; measure its cases again with --force"
    for name, description in sorted(contents.runs.items()):
        missing = [field for field in PROVENANCE if not description.get(field)]
        if missing:
            yield f"run {name} says nothing of {', '.join(missing)}; measure its cases again with --force"


def _failures(contents: Contents, failed: Container[str]) -> tuple[Counter[str], dict[str, str]]:
    """Spec of the method -> number of failed rows, and the first of their notes."""
    counts: Counter[str] = Counter()
    notes: dict[str, str] = {}
    for record in contents.failed():
        spec = str(record.method.get("spec", ""))
        bad = [row for row in record.rows if row.status == "failed"]
        if bad and spec not in failed and not (spec == "" and "none" in failed):
            counts[spec] += len(bad)
            notes.setdefault(spec, bad[0].note)
    return counts, notes


def methods(contents: Contents) -> dict[tuple[str, str], dict]:
    """(kind, spec) -> the row of methods.csv of every index and stitcher, of its latest record."""
    rows = frames.of(contents.records).methods(("kind", "spec"))
    return dict(sorted(((row["kind"], row["spec"]), row) for row in rows))


def nonconformities(
    kind: str, spec: str, row: Mapping, registry: Registry, show: Callable[[str], None] = lambda line: None
) -> tuple[list[str], str]:
    """Why a method is not what its contract says, at the version that was measured, and how many checks it passed."""
    noun = f"{kind} {spec}"
    try:
        plugin: Plugin = registry.get(KINDS[kind], spec)
    except InputError as error:
        return [f"{noun} cannot be checked: {error}"], ""
    if plugin.version != row["version"]:
        versions = f"{row['version']} was measured and version {plugin.version} is installed"
        return [f"{noun}: version {versions}; run again"], ""
    show(f"checking {noun}")
    outcomes = {check.name: check.run() for check in checks(plugin)}
    counts = Counter(outcome.status for outcome in outcomes.values())
    failures = [
        f"{noun} fails its check {name}: {outcome.reason}"
        for name, outcome in outcomes.items()
        if outcome.status == "failed"
    ]
    return failures, f"{counts['passed']} passed, {counts['skipped']} skipped"
