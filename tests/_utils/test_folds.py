"""Folds by subject."""

import numpy as np
import pytest

from skheart._utils.splits import subject_folds


@pytest.mark.parametrize("seed", range(5))
def test_shuffled_folds_are_stratified_by_class(seed):
    groups = np.repeat(np.arange(30), 2)
    y = np.array(["a", "b", "c"])[groups % 3]
    folds = subject_folds(y, groups, 5, np.random.RandomState(seed))
    counts = [np.unique(y[test], return_counts=True)[1].tolist() for _, test in folds]
    assert counts == [[4, 4, 4]] * 5
    for train, test in folds:
        assert not {*groups[train]} & {*groups[test]}
