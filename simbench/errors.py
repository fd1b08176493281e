"""What can go wrong, as values a caller can tell apart.

Every message is one line: what was given, what is allowed, what to do next.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class InputError(ValueError):
    """Something the user gave cannot be used. The command line exits with 2."""


class Unplanned(InputError):
    """An experiment's own code fails while it plans its cases. experiment: its spec."""

    def __init__(self, experiment: str, reason: str) -> None:
        super().__init__(f"experiment {experiment} cannot be planned: {reason}; leave it out of --experiments")
        self.experiment, self.reason = experiment, reason


class Inapplicable(Exception):
    """A method does not apply to this case (its row says `skipped`, with the reason)."""


class Undefined(ArithmeticError):
    """A formula divides rounding errors here, so that it gives no number (its row says `degenerate`, without a value,
    with the reason)."""


class Spoilt(Exception):
    """A plugin changed what it was handed, so that its result is not taken (its row says `failed`)."""


class WorkerLost(Exception):
    """A worker died before the end of its task, or was cut off. worker: its name, "" if unknown."""

    def __init__(self, worker: str, reason: str) -> None:
        super().__init__(worker, reason)
        self.worker, self.reason = worker, reason

    def __str__(self) -> str:
        return f"{self.worker}: {self.reason}" if self.worker else self.reason


class EngineGone(ConnectionError):
    """The engine that hands tasks to workers is gone, and with it what it had not passed back."""


class DegenerateWarning(UserWarning):
    """A value was computed, but by its own formula it carries no information here."""


def unknown(noun: str, given: object, allowed: Iterable[str], hint: str = "") -> InputError:
    """An InputError that names the near matches of `given` among `allowed`, whatever their capitals.

    >>> print(unknown("index", "CKAA", ["cka", "cca", "r2_lr"]))
    index 'CKAA' is unknown; did you mean 'cka' or 'cca'?
    """
    allowed = sorted(allowed)
    small = {name.casefold(): name for name in reversed(allowed)}
    near = [small[name] for name in difflib.get_close_matches(str(given).casefold(), small, n=3, cutoff=0.5)]
    advice = f"did you mean {' or '.join(map(repr, near))}?" if near else f"allowed: {', '.join(allowed)}"
    return InputError(f"{noun} {given!r} is unknown; {advice}" + (f" ({hint})" if hint else ""))
