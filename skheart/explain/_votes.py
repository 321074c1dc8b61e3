"""The part of a vote that is explained, and what the other parts have to do with the answer."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.ensemble import VotingClassifier
from sklearn.utils.validation import check_is_fitted

from ..classifiers import AttentionClassifier, steps_and_classifier
from ._trees import by_trees

__all__ = ["METHODS", "Part", "found", "in_vote", "part_of"]

OF_NETS = ("attention", "integrated_gradients", "occlusion")
METHODS = (*OF_NETS, "decision_path")


class Part(NamedTuple):
    """What of an estimator is explained.

    Attributes
    ----------
    estimator : estimator
        A net, or a pipeline.
    method : str
        One of `METHODS`.
    vote : VotingClassifier or None
        What it is a part of.
    name : str or None
        Its name there.
    """

    estimator: BaseEstimator
    method: str
    vote: VotingClassifier | None = None
    name: str | None = None


def part_of(estimator, method):
    """The part that a method explains: of a vote the one with the greatest weight that it can.

    Parameters
    ----------
    estimator : estimator
        Fitted; a net or trees on heart cycles, a pipeline of one, or a vote of such pipelines.
    method : {"attention", "integrated_gradients", "occlusion", "decision_path"} or None
        None is what explains the estimator exactly: "decision_path" of trees, else "attention".

    Returns
    -------
    part : Part

    Raises
    ------
    TypeError
        If the method explains no part.
    """
    estimator = found(estimator)
    if not isinstance(estimator, VotingClassifier):
        own = _exact_method(estimator)
        if own is None:
            raise TypeError(
                "explain takes a fitted AttentionCNNClassifier or AttentionRNNClassifier, a "
                "pipeline that ends in one, or one that ends in a HeartCycleTransformer and, right "
                f"after it, a forest or tree of scikit-learn. Got {_kind(estimator)}."
            )
        if not _fits(method, own):
            can = own if own == "decision_path" else ", ".join(OF_NETS)
            raise TypeError(
                f"method={method!r} cannot explain {_kind(estimator)}: leave it out, or take {can}."
            )
        return Part(estimator, method or own)
    check_is_fitted(estimator)
    if estimator.voting != "soft":
        raise TypeError(
            f"The VotingClassifier has voting={estimator.voting!r}, which counts labels, and a "
            "label has no parts: fit it with voting='soft', or pass one of its "
            "named_estimators_."
        )
    able = []
    for (name, each), weight in zip(_named(estimator), _weights(estimator), strict=True):
        own = _exact_method(each)
        if own and _fits(method, own):
            able.append((weight, Part(each, method or own, estimator, name)))
    if not able:
        what = "" if method is None else f"that method={method!r} explains "
        parts = ", ".join(f"{name} ({_kind(each)})" for name, each in _named(estimator))
        raise TypeError(f"The VotingClassifier has no part {what or 'to explain '}among {parts}.")
    return max(able, key=lambda pair: pair[0])[1]


def in_vote(explanations, part, X):
    """Explanations of a part of a vote as those of the vote.

    Parameters
    ----------
    explanations : list of Explanation
        Of the part. Those of trees add up to the probabilities of the vote afterwards. Those of a
        net are of its own logits, to which a vote does not add.
    part : Part
        The part.
    X : list, array, Series or DataFrame
        What was explained.

    Returns
    -------
    list of Explanation
    """
    vote = part.vote
    if vote is None:
        return explanations
    if part.method != "decision_path":
        return [
            replace(one, classes=vote.classes_, label=_label(vote, one.logits), part=part.name)
            for one in explanations
        ]
    weights = dict(zip((name for name, _ in _named(vote)), _weights(vote), strict=True))
    said = {
        f"vote of {name}": weights[name] * each.predict_proba(X)
        for name, each in _named(vote)
        if name != part.name
    }
    weight = weights[part.name]
    return [
        _weighed(one, part, weight, {name: votes[row] for name, votes in said.items()})
        for row, one in enumerate(explanations)
    ]


def _weighed(one, part, weight, said):
    """One explanation by trees, with what the others say in its base."""
    others = sum(said.values(), np.zeros(len(one.classes)))
    total = weight * one.logits + others
    return replace(
        one,
        classes=part.vote.classes_,
        label=_label(part.vote, total),
        logits=total,
        probabilities=total,
        base=weight * one.base + others,
        head=one.head._replace(contribution=np.float32(weight) * one.head.contribution),
        cycle=one.cycle._replace(contribution=np.float32(weight) * one.cycle.contribution),
        terms={name: weight * values for name, values in one.terms.items()} | said,
        part=part.name,
    )


def _exact_method(estimator):
    """The method whose contributions add up, or None where nothing can be explained."""
    if by_trees(estimator):
        return "decision_path"
    is_net = isinstance(steps_and_classifier(estimator)[1], AttentionClassifier)
    return "attention" if is_net else None


def _fits(method, own):
    """Whether a method, or None for any, is of the same kind as the exact one."""
    return method is None or (method == "decision_path") == (own == "decision_path")


def found(estimator):
    """What a search has found; all else as it is."""
    if hasattr(estimator, "param_distributions") or hasattr(estimator, "param_grid"):
        check_is_fitted(estimator)
    return getattr(estimator, "best_estimator_", estimator)


def _named(vote):
    """Name and fitted estimator of each part."""
    parts = vote.named_estimators_.items()
    return [(name, found(each)) for name, each in parts if not isinstance(each, str)]


def _weights(vote):
    """The share of each part in the vote."""
    weights = vote._weights_not_none
    weights = np.ones(len(vote.estimators_)) if weights is None else np.asarray(weights, float)
    return weights / weights.sum()


def _label(vote, values):
    return vote.classes_[values.argmax()]


def _kind(estimator):
    clf = steps_and_classifier(estimator)[1]
    return type(clf).__name__ if isinstance(clf, BaseEstimator) else repr(clf)
