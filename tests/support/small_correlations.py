"""One row of a table of correlations."""

import numpy as np
import pandas as pd


def one(frame: pd.DataFrame, scope: str = "pooled", statistic: str = "spearman", **keys: str) -> pd.Series:
    keys |= {"scope": scope, "statistic": statistic}
    found = frame[np.logical_and.reduce([frame[column] == value for column, value in keys.items()])]
    assert len(found) == 1
    return found.iloc[0]
