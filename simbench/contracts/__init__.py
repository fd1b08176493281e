"""What a plugin is: five contracts, two of which mirror each other.

An index turns two representations into a number; a stitcher turns them into an affine map. Everything
asymmetric runs a -> b: b is what is explained, reached or replaced. Nothing here computes anything.
"""

from simbench.contracts.dataset import Dataset, Split
from simbench.contracts.experiment import Experiment, Kept, Preset, Result, Row
from simbench.contracts.index import INVARIANCES, Claims, Index, KnownAnswer, invariant
from simbench.contracts.model import Model, Recipe
from simbench.contracts.plugin import Plugin, nested
from simbench.contracts.stitcher import Stitcher

__all__ = ["INVARIANCES", "Claims", "Dataset", "Experiment", "Index", "Kept", "KnownAnswer", "Model", "Plugin", "Preset",
           "Recipe", "Result", "Row", "Split", "Stitcher", "invariant", "nested"]
