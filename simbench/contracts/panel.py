"""The contract of a panel: a frozen, versioned set of trained networks."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from simbench.contracts.plugin import Plugin


class Panel(Plugin):
    """A frozen set of trained networks, with data, layers and pairs, in one file that `simbench panel make` wrote.

    name: of the panel with its version, as in the file: `tiny10-digits-1`. source: citation. sha256: of the file, by
    which the panel is known. file: where it lies, in the package; or address: where to download it from.

    The networks of a panel with a file are found by every run that would train the same (`--train` trains them anyway);
    one with an address is downloaded when it is named by `--panel`.
    """

    kind = "panels"
    sha256: ClassVar[str]
    file: ClassVar[Path | None] = None
    address: ClassVar[str] = ""
