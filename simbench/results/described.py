"""The row of methods.csv of a method whose declarations cannot be read any more."""

from __future__ import annotations

from simbench import columns
from simbench.contracts import Index
from simbench.contracts.case import Case

#: What is assumed of an index and a stitcher of which nothing but failed rows is on record.
INDEX = {
    "direction": 1,
    "symmetric": False,
    "needs": "samples",
    "low": "-inf",
    "high": "inf",
    "invariances_a": "",
    "invariances_b": "",
    "differentiable": False,
}
STITCHER = {"needs": "moments", "family": "", "objective": ""}


def undescribed(case: Case, package: str, package_version: str) -> dict:
    """The row of methods.csv of a method that cannot be asked: from what the case had read of it before."""
    name, params = case.labels["method"], case.labels["params"]
    is_index = isinstance(case.method, Index)
    return {
        "kind": columns.INDEX if is_index else columns.STITCHER,
        "method": name,
        "params": params,
        "spec": f"{name}[{params}]" if params else name,
        "source": "",
        "version": case.identity["method"]["version"],
        "package": package,
        "package_version": package_version,
        "control": False,
        **(INDEX if is_index else STITCHER),
    }
