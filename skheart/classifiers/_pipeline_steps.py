"""Classifiers inside fitted pipelines."""

from __future__ import annotations

from sklearn.pipeline import Pipeline

from ._base import AttentionClassifier

__all__ = ["attention_mass", "steps_and_classifier", "transformed"]


def steps_and_classifier(estimator):
    """Split a pipeline into (transformers, final estimator); others into ([], estimator)."""
    if not isinstance(estimator, Pipeline):
        return [], estimator
    steps = [step for _, step in estimator.steps[:-1] if step not in (None, "passthrough")]
    return steps, estimator.steps[-1][1]


def transformed(steps, X):
    """Transform X by the steps of a pipeline; samplers only act in fit."""
    for step in steps:
        if hasattr(step, "transform"):
            X = step.transform(X)
    return X


def attention_mass(estimator, X):
    """Sum the attention F of each class over the cells of each recording, (n, n_classes).

    The estimator is a fitted classifier with ``head="attention"``, or a pipeline that ends in one.
    """
    steps, clf = steps_and_classifier(estimator)
    if not isinstance(clf, AttentionClassifier) or clf.head != "attention":
        raise TypeError(
            "aggregate=\"attention\" needs a classifier of skheart with head='attention'. "
            f"Got {clf!r}. Choose another rule."
        )
    features = clf._check_X(transformed(steps, X), reset=False)
    return clf._infer_array(features, lambda maps: maps.mass, return_maps=True)
