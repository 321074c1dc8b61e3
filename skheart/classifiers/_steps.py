"""Inside a fitted estimator: the steps before the classifier, and what its head saw."""

from __future__ import annotations

import numpy as np
from sklearn.pipeline import Pipeline

from ._base import AttentionClassifier

__all__ = ["attention_mass", "steps_and_classifier", "transformed"]


def steps_and_classifier(estimator):
    """The steps of a pipeline before its last, and the last; of all else no steps, and itself."""
    if not isinstance(estimator, Pipeline):
        return [], estimator
    steps = [step for _, step in estimator.steps[:-1] if step not in (None, "passthrough")]
    return steps, estimator.steps[-1][1]


def transformed(steps, X):
    """X after the steps of a pipeline; samplers work in fit alone."""
    for step in steps:
        if hasattr(step, "transform"):
            X = step.transform(X)
    return X


def attention_mass(estimator, X):
    """What the attention head found in each recording: the sum of F over its cells.

    Parameters
    ----------
    estimator : AttentionClassifier, or a pipeline that ends in one
        Fitted, with ``head="attention"``.
    X : array, list
        What it takes.

    Returns
    -------
    mass : ndarray of shape (n_recordings, n_classes)
    """
    steps, clf = steps_and_classifier(estimator)
    if not isinstance(clf, AttentionClassifier) or clf.head != "attention":
        raise TypeError(
            'aggregate="attention" takes the attention of a classifier of skheart with '
            f"head='attention', and the estimator is {clf!r}. Choose another rule."
        )
    features = clf._check_X(transformed(steps, X), reset=False)
    mass = np.empty((len(features), len(clf.classes_)))

    def collect(start, output):
        chunk = output.mass.float().cpu().numpy()
        mass[start : start + len(chunk)] = chunk[: len(features) - start]

    clf._infer(features, collect, return_maps=True)
    return mass
