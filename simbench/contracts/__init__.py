"""Contracts: the base classes of plugins, and the values that are passed to plugins.

There are eight kinds of plugin. An index maps two representations to a number, and a stitcher maps them to an affine
map. Everything asymmetric runs a -> b: b is explained, approximated or replaced. Importing the contracts does not
import torch.
"""

from simbench.contracts.bench import Bench
from simbench.contracts.case import Case
from simbench.contracts.dataset import Dataset
from simbench.contracts.design import Design
from simbench.contracts.executor import Executor, Need, Workers
from simbench.contracts.experiment import BoardColumn, Experiment, Preset
from simbench.contracts.fields import nested, number, numbers
from simbench.contracts.index import INVARIANCES, Claims, Index, KnownAnswer, State, invariant
from simbench.contracts.model import Model, Preprocess, Recipe
from simbench.contracts.null import Null
from simbench.contracts.objective import Objective
from simbench.contracts.panel import Panel
from simbench.contracts.plugin import Plugin
from simbench.contracts.result import Kept, Result, Row
from simbench.contracts.selection import Network, Pair, Selection, Setting
from simbench.contracts.source import Source
from simbench.contracts.splits import Split
from simbench.contracts.stitcher import Stitcher
from simbench.contracts.task import Batch, Rows, Task

__all__ = [
    "INVARIANCES",
    "Batch",
    "Bench",
    "BoardColumn",
    "Case",
    "Claims",
    "Dataset",
    "Design",
    "Executor",
    "Experiment",
    "Index",
    "Kept",
    "KnownAnswer",
    "Model",
    "Need",
    "Network",
    "Null",
    "Objective",
    "Pair",
    "Panel",
    "Plugin",
    "Preprocess",
    "Preset",
    "Recipe",
    "Result",
    "Row",
    "Rows",
    "Selection",
    "Setting",
    "Source",
    "Split",
    "State",
    "Stitcher",
    "Task",
    "Workers",
    "invariant",
    "nested",
    "number",
    "numbers",
]
