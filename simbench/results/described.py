"""What records say of methods: the row of methods.csv of a method whose declarations cannot be read any more, and what
is wrong with such a row where it is read."""

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


def flaw(method: object) -> str:
    """What is wrong with what a record says of its method, "" if nothing is: the statistics rely on it."""
    if method == {}:
        return ""
    if not isinstance(method, dict) or method.get("kind") not in (columns.INDEX, columns.STITCHER):
        return "method is of no known kind"
    if type(method.get("version", 1)) is not int:
        return f"version {method.get('version')!r} of a method; a whole number is wanted"
    if method["kind"] == columns.INDEX:
        direction = method.get("direction", 1)
        if type(direction) is not int or direction not in (1, -1):
            return f"direction {direction!r} of an index; allowed: 1, -1"
        if not _is_range(method.get("low", 0), method.get("high", 0)):
            return f"range {method.get('low')!r} to {method.get('high')!r} of an index; two numbers are wanted"
    return ""


def _is_range(low: object, high: object) -> bool:
    """Infinite ends are on record as text."""
    try:
        return float(low) <= float(high)  # type: ignore[arg-type]  # what is no number raises; NaN compares false
    except (TypeError, ValueError, OverflowError):
        return False
