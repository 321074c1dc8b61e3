"""Features of several subjects that several files of this folder use."""

import numpy as np
import pytest


@pytest.fixture(scope="module")
def data():
    """Three classes, 45 subjects with one to five rows each."""
    rng = np.random.default_rng(0)
    groups = rng.permutation(np.repeat(np.arange(45), rng.integers(1, 6, 45)))
    y = np.array(["absent", "present", "unknown"])[groups % 3]
    X = rng.normal(size=(len(y), 4)) + (groups % 3)[:, np.newaxis]
    return X, y, groups
