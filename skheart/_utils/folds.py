"""Folds that keep subjects apart, and the checks that they do."""

from __future__ import annotations

from numbers import Integral

import numpy as np
from sklearn.model_selection import StratifiedGroupKFold

__all__ = ["check_subjects_per_class", "subject_folds"]


def check_subjects_per_class(y, groups, needed, why):
    """Refuse a class of fewer subjects than needed."""
    for label in np.unique(y):
        n_subjects = len(np.unique(groups[y == label]))
        if n_subjects < needed:
            raise ValueError(
                f"Class {label} has {n_subjects} subject{'s' * (n_subjects != 1)}, fewer than "
                f"{needed}: {why}. Use fewer folds, merge classes, or add subjects."
            )


def subject_folds(y, groups, cv, random_state):
    """Train and test rows of each fold, with every class trained on and every row tested once."""
    if isinstance(cv, Integral):
        if cv < 2:
            raise ValueError(f"cv must be at least 2 folds, got {cv}. Try cv=5.")
        check_subjects_per_class(y, groups, cv, f"every one of the {cv} folds needs one")
        seed = random_state.randint(2**31 - 1)
        cv = StratifiedGroupKFold(n_splits=cv, shuffle=True, random_state=seed)
    folds = list(cv.split(np.zeros(len(y)), y, groups))
    tested = np.concatenate([test for _, test in folds])
    if not np.array_equal(np.sort(tested), np.arange(len(y))):
        raise ValueError(
            f"{cv!r} does not test every recording exactly once. Use StratifiedGroupKFold, "
            "GroupKFold or LeaveOneGroupOut."
        )
    for number, (train, test) in enumerate(folds):
        shared = np.intersect1d(groups[train], groups[test])
        if len(shared):
            raise ValueError(
                f"{cv!r} puts subject {shared[0]} (and {len(shared) - 1} more) on both sides of "
                f"fold {number}. Use StratifiedGroupKFold or GroupKFold."
            )
        absent = np.setdiff1d(y, y[train])
        if len(absent):
            raise ValueError(
                f"Fold {number} has no subject of class {absent[0]} left to train on. "
                "Use more folds, another random_state, or merge classes."
            )
    return folds
