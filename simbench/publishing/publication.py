"""A run that others can cite: validated, with its tables, figures and card in one folder."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from simbench import columns
from simbench.contracts import BoardColumn
from simbench.errors import InputError
from simbench.publishing.card import CARD, card
from simbench.publishing.figures import draw
from simbench.publishing.sources import ARCHIVE, archived
from simbench.publishing.validity import methods, nonconformities, reasons
from simbench.registry import Registry
from simbench.results import folder as tables
from simbench.results.store import Store

_SCRATCH = ".derived"


class Refused(InputError):
    """A run that is not fit to be published. reasons: one line each."""

    def __init__(self, reasons: Sequence[str]) -> None:
        self.reasons = tuple(reasons)
        count = f"{len(reasons)} reasons" if len(reasons) > 1 else "one reason"
        super().__init__(f"nothing is published, for {count}: {reasons[0]}" + (" ..." if len(reasons) > 1 else ""))


def _derived_in(store: Store, work: Path) -> Path:
    """Where tables and figures are derived: in the results folder, or within `work` where that may only be read."""
    try:
        store.check_writable()
        return store.folder
    except InputError:
        scratch = work / _SCRATCH
        if (store.folder / "figures").is_dir():  # those that are current are not drawn again
            shutil.copytree(store.folder / "figures", scratch / "figures", copy_function=shutil.copyfile)
        scratch.mkdir(exist_ok=True)
        return scratch


def publish(
    results: Path,
    to: Path,
    registry: Registry,
    *,
    title: str = "",
    authors: Sequence[str] = (),
    licence: str = "",
    failed: Sequence[str] = (),
    records: bool = False,
    declared: Mapping[str, BoardColumn] = columns.NONE,
    show: Callable[[str], None] = lambda line: None,
) -> dict[str, Any]:
    """Validate the run in a results folder and write its tables, figures and `card.json` to the new folder `to`.

    failed: specs of methods whose failed rows may be published. records: True adds all records, in one archive, so
    that others can merge the run with theirs. declared: as for `tables.publish`. show: is called with a line before
    each method is checked.

    Every index and stitcher has to pass the conformance kit at the version that was measured, no row may have failed,
    and records and provenance have to be complete. Returns the card. Raises Refused, with all reasons, and InputError
    for a folder without records and for a `to` that exists. `to` is complete or not there. Of a results folder that
    may only be read nothing is written there.
    """
    if os.path.lexists(to):
        raise InputError(f"{str(to)!r} exists already; give a new folder with --to")
    store = Store(results)
    contents = store.read()
    if not contents.records and not contents.corrupt:
        raise InputError(
            f"results folder {str(results)!r} holds no records; run `simbench run`, or name another folder"
        )
    found, checked = list(reasons(contents, failed)), {}
    for (kind, spec), row in methods(contents).items():
        problems, checked[kind, spec] = nonconformities(kind, spec, row, registry, show)
        found += problems
    if found:
        raise Refused(found)
    to.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=".tmp-", dir=to.parent))
    try:
        derived = _derived_in(store, work)
        tables.publish(contents, derived, anew=True, declared=declared, store=store)
        for spec, reason in draw(contents, derived, registry, store=store).items():
            show(f"figure of {spec} could not be drawn: {reason}")
        for name in (*tables.FILES, tables.CUTS):
            if name in tables.FILES or (derived / name).is_file():
                shutil.copyfile(derived / name, work / name)
        if (derived / "figures").is_dir():
            shutil.copytree(derived / "figures", work / "figures", ignore=shutil.ignore_patterns(".*"))
        shutil.rmtree(work / _SCRATCH, ignore_errors=True)
        if records:
            archived(store, contents.records, work / ARCHIVE)
        described = card(contents, work, checked, title, authors, licence, failed)
        (work / CARD).write_text(json.dumps(described, indent=1, ensure_ascii=False) + "\n")
        os.chmod(work, 0o755)
        os.replace(work, to)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return described
