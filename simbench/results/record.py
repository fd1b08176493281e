"""A record: the result of one case."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from simbench.contracts import Row
from simbench.system.provenance import digest


def weights_of(identity: Mapping[str, Any], side: str) -> str:
    """Hash of the weights of a side, "a" or "b", "" where the identity of a case names none."""
    of = identity.get(side)  # model, graph, weights, ..., layer
    return of[2] if isinstance(of, list) and len(of) > 3 and isinstance(of[2], str) else ""


@dataclass(frozen=True)
class Record:
    """The result of one case.

    key: sha256 of `identity`, the plain data that determines the numbers. labels: the columns that name the case.
    method: its row in methods.csv. rows: the measured numbers. seconds: of this case; forward passes that cases share
    are counted for the first case that needs them. run: name of the run that measured it. error: traceback of a failed
    case, else "". arrays: sha256 of the file of arrays beside the record, "" if there is none.
    """

    key: str
    identity: dict
    labels: dict
    method: dict
    rows: tuple[Row, ...]
    seconds: float
    run: str
    error: str = ""
    arrays: str = ""

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Record:
        """From the plain data of a sound record (`schema.fault`)."""
        labels = {"panel": ""} | data["labels"]  # records of before there were panels
        return cls(**data | {"labels": labels, "rows": tuple(Row(**row) for row in data["rows"])})

    @property
    def plain(self) -> dict[str, Any]:
        """Plain data, as it is stored."""
        return vars(self) | {"rows": [vars(row) for row in self.rows]}

    @property
    def checksum(self) -> str:
        """sha256 of all of it."""
        return digest(self.plain)

    @property
    def failed(self) -> bool:
        """Whether a row failed: the case is then measured again by the next run."""
        return any(row.status == "failed" for row in self.rows)
