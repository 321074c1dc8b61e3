"""Choose the fitted estimators that are explained, and the method that explains them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier, VotingClassifier
from sklearn.pipeline import Pipeline
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils.validation import check_is_fitted

from ..classifiers import AttentionClassifier, steps_and_classifier
from ..patients import PatientClassifier
from ..segmentation import HeartCycleTransformer

__all__ = [
    "METHODS",
    "CannotExplain",
    "best_estimator",
    "check_explainable",
    "select_part",
    "split_network",
    "weighted_votes",
]

NETWORK_METHODS = ("attention", "integrated_gradients", "occlusion")
METHODS = (*NETWORK_METHODS, "decision_path")
FORESTS = (ExtraTreesClassifier, RandomForestClassifier, DecisionTreeClassifier)
REMEDY = (
    "Pass a fitted AttentionCNNClassifier or AttentionRNNClassifier, a pipeline "
    "that ends in one, or a pipeline that ends in a HeartCycleTransformer followed by a "
    "scikit-learn forest or tree."
)


class CannotExplain(TypeError):
    """Raised if an estimator cannot be explained, or not by the given method.

    `parameter` ("estimator" or "method") is the argument that has to change, `value` what was
    given, and `reason` the rule and the remedy, to follow the name of the parameter.
    """

    def __init__(self, parameter, value, reason):
        shown = repr(value) if parameter == "method" else _class_name(value)
        super().__init__(f"{parameter}={shown} {reason}")
        self.parameter, self.value, self.reason = parameter, value, reason


class Part(NamedTuple):
    """The classifier or pipeline that is explained, and its vote if it is a member of one."""

    estimator: BaseEstimator
    method: str  # one of METHODS
    vote: VotingClassifier | None = None
    name: str | None = None  # in the vote


def check_explainable(estimator, method=None):
    """Check that a method can explain an estimator, before any recording is read.

    Parameters are those of `explain`. Returns a list of `Part`, one per member of a
    `PatientClassifier`. Raises `CannotExplain`, or a ValueError if the estimator cuts recordings
    into windows.
    """
    estimator = best_estimator(estimator)
    if not isinstance(estimator, PatientClassifier):
        return [select_part(estimator, method)]
    check_is_fitted(estimator, "estimators_")
    if estimator.window is not None:
        raise ValueError(
            f"The PatientClassifier cuts recordings into windows (window={estimator.window} s), "
            "and windows are explained one at a time. Cut the recordings, and pass "
            "estimator.estimators_[0]."
        )
    return [select_part(member, method) for member in estimator.estimators_]


def select_part(estimator, method):
    """Return the `Part` to explain: in a vote, the one of largest weight that `method` supports."""
    estimator = best_estimator(estimator)
    if not isinstance(estimator, VotingClassifier):
        exact = _exact_method(estimator)
        if exact is None:
            raise CannotExplain("estimator", estimator, f"is not supported. {REMEDY}")
        if not _supports(exact, method):
            choices = exact if exact == "decision_path" else ", ".join(NETWORK_METHODS)
            reason = f"cannot explain {_class_name(estimator)}. Leave it out, or use {choices}."
            raise CannotExplain("method", method, reason)
        return Part(estimator, method or exact)
    check_is_fitted(estimator)
    if estimator.voting != "soft":
        raise CannotExplain(
            "estimator",
            estimator,
            f"has voting={estimator.voting!r}, and only probabilities can be decomposed. Fit it "
            "with voting='soft', or pass one of its named_estimators_.",
        )
    votes = weighted_votes(estimator)
    supported = [
        (weight, Part(member, method or exact, estimator, name))
        for name, member, weight in votes
        if (exact := _exact_method(member)) and _supports(exact, method)
    ]
    if not supported:
        members = ", ".join(f"{name} ({_class_name(member)})" for name, member, _ in votes)
        if method is None:
            reason = f"has no member that can be explained ({members}). {REMEDY}"
            raise CannotExplain("estimator", estimator, reason)
        raise CannotExplain("method", method, f"cannot explain any of {members}. Leave it out.")
    return max(supported, key=lambda pair: pair[0])[1]


def split_network(estimator):
    """Split into the transformers, the fitted attention classifier, and its front end or None."""
    if isinstance(estimator, Pipeline):
        check_is_fitted(estimator)
    steps, clf = steps_and_classifier(estimator)
    check_is_fitted(clf, "net_")
    front_ends = [step for step in steps if hasattr(step, "mel_frequencies_")]
    return steps, clf, front_ends[0] if front_ends else None


def best_estimator(estimator):
    """Return the best estimator of a fitted search; other estimators are returned unchanged."""
    if hasattr(estimator, "param_distributions") or hasattr(estimator, "param_grid"):
        check_is_fitted(estimator)
    return getattr(estimator, "best_estimator_", estimator)


def weighted_votes(vote):
    """Return (name, fitted estimator, weight) of each member of a vote; the weights sum to 1."""
    members = [
        (name, best_estimator(member))
        for name, member in vote.named_estimators_.items()
        if not isinstance(member, str)
    ]
    weights = vote._weights_not_none
    weights = np.ones(len(members)) if weights is None else np.asarray(weights, float)
    weights = weights / weights.sum()
    return [(*member, weight) for member, weight in zip(members, weights, strict=True)]


def _exact_method(estimator):
    """The method whose contributions sum to the output, or None if there is none."""
    steps, clf = steps_and_classifier(estimator)
    if isinstance(clf, AttentionClassifier):
        return "attention"
    on_cycles = bool(steps) and isinstance(steps[-1], HeartCycleTransformer)
    return "decision_path" if on_cycles and isinstance(clf, FORESTS) else None


def _supports(exact, method):
    """Whether a method is for the same kind of estimator as the exact one."""
    return method is None or (method == "decision_path") == (exact == "decision_path")


def _class_name(estimator):
    clf = steps_and_classifier(estimator)[1]
    return type(clf).__name__ if isinstance(clf, BaseEstimator) else repr(clf)
