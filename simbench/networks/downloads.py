"""Panels at an address, downloaded into the cache folder once."""

from __future__ import annotations

import re
from pathlib import Path

from simbench.errors import InputError
from simbench.system.cache import cache_folder
from simbench.system.surroundings import abroad

FORM = "the form is https://host/panel.safetensors#sha256=64 hexadecimal digits"


def addressed(text: str) -> tuple[str, str]:
    """Address and sha256 of a text such as `https://host/file#sha256=...`. Raises InputError for others."""
    address, _, digits = text.partition("#sha256=")
    if not re.fullmatch("[0-9a-f]{64}", digits):
        raise InputError(f"panel {text!r} has no sha256; {FORM}")
    return address, digits


def downloaded(address: str, sha256: str) -> Path:
    """The file at an address, from the cache folder if it is there. Raises InputError when it cannot be had, or has
    another sha256."""
    import pooch

    pooch.get_logger().setLevel("WARNING")
    try:
        with abroad():
            return Path(pooch.retrieve(address, f"sha256:{sha256}", f"{sha256}.safetensors", cache_folder("panels")))
    except Exception as error:  # of the file, of the connection, of the address
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise InputError(f"panel at {address} cannot be had: {reason}") from None
