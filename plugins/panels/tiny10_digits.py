"""The panel of the default run: 24 Tiny-10s, trained on the digits. README.md says how it was made."""

from __future__ import annotations

from pathlib import Path

from simbench import Panel, hookimpl


class Tiny10Digits(Panel):
    """24 networks of `tiny10`, seeds 0 to 23, on `digits`; layers bn1 to bn8, four fronts per end."""

    name = "tiny10-digits-1"
    source = "made with simbench (plugins/panels/README.md)"
    file = Path(__file__).with_name("tiny10-digits-1.safetensors")
    sha256 = "28eb6d76a6a46b13aa1a04ac170b045472eebc2efa57b01be111dcba3d0cd9fc"


@hookimpl
def simbench_panels():
    return [Tiny10Digits()]
