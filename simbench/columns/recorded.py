"""The fields of a record: what the file of one finished case holds, each with its type."""

from __future__ import annotations

from simbench.columns.column import table
from simbench.columns.measured import CASE, MEASUREMENTS, METHODS

#: Field -> what it is; `plain` is an object of plain data.
RECORD = table("""
key: text: sha256 of the identity
identity: plain: what determines the numbers
labels: plain: the columns of measurements.csv that name the case
method: plain: the row of methods.csv of its method; {} without one
rows: list: the numbers
seconds: number: seconds of this case
run: text: name of the run that measured it
error: text: traceback of a failed case
arrays: text: sha256 of the file of arrays beside the record
""")
#: Fields that records of before them lack.
LATER = ("error", "arrays")
LABELS = {name: MEASUREMENTS[name] for name in CASE}
#: Labels that records of before them lack.
LATER_LABELS = ("panel",)
ROW = {name: MEASUREMENTS[name] for name in ("quantity", "value", "step", "status", "note")}
#: Bounds of a range may be infinite, which JSON writes as text.
BOUNDS = ("low", "high")
METHOD = METHODS
#: What every described method says.
METHOD_SAYS = ("kind", "method", "params", "spec", "version", "package")
#: What the row of a method and the labels of its cases have in common.
NAMES = ("method", "params")
STATUSES = ("ok", "degenerate", "skipped", "failed")

#: A file of runs/, as far as runs.csv shows it.
RUN = table("""
command: text: command line
started: text: when it started
seconds: number: seconds it took; null if it was interrupted
measured: whole: number of cases that it measured
device: text: device
threads: whole: threads of torch
commit: text: commit of simbench
machine: plain: hardware class
versions: plain: versions of Python and of packages
trained: list: recipes of networks, each with the hashes of the weights trained by it; not in runs of before
cuts: list: rows of cuts.csv that the run saw; only where it saw one
""")
