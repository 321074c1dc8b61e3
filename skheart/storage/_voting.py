"""VotingClassifier: what it knows by name follows from what it has in order."""

from __future__ import annotations

from numbers import Real

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.preprocessing import LabelEncoder
from sklearn.utils import Bunch

from ._values import Refused

__all__ = ["NAMES", "pack", "unpack"]

NAMES = ()  # of fitted attributes: what is left out is made again


def pack(packer, voting, fitted, where):
    """Leave out the names, which are those of the parameter."""
    if "estimators_" not in fitted:
        return {}
    try:
        _check(voting, where)
    except Refused as error:
        raise ValueError(f"{error}, and cannot be kept. Fit it again.") from error
    named = fitted.pop("named_estimators_", None)
    if type(named) is not Bunch or {**named} != _named(voting):
        raise ValueError(
            f"{where}.estimators has other names than those it was fitted with. Set them again, or "
            "fit again."
        )
    return {}


def unpack(unpacker, voting, packed, where):
    """Check what is not checked before it predicts."""
    _check_parameter(voting, where)
    if hasattr(voting, "estimators_") or hasattr(voting, "le_"):
        _check(voting, where)
        voting.named_estimators_ = Bunch(**_named(voting))


def _asked(voting):
    """The parts that were not dropped."""
    return [part for _, part in voting.estimators if part != "drop"]


def _named(voting):
    """What was fitted, by name; "drop" where nothing was."""
    voters = iter(voting.estimators_)
    return {name: part if part == "drop" else next(voters) for name, part in voting.estimators}


def _check_parameter(voting, where):
    """The names and parts, as they are checked when it is fitted."""
    parts = voting.estimators
    if type(parts) is not list or not parts:
        raise Refused(f"{where} has no estimators")
    for i, part in enumerate(parts):
        pair = type(part) in (tuple, list) and len(part) == 2 and type(part[0]) is str
        if not pair or not (part[1] == "drop" or isinstance(part[1], BaseEstimator)):
            raise Refused(f"{where}.estimators[{i}] is no part: a name, and an estimator")
    try:
        voting._validate_names([name for name, _ in parts])
    except ValueError as error:
        raise Refused(f"{where}.estimators: {error}") from error


def _check(voting, where):
    """Parts, weights and classes that belong together."""
    _check_parameter(voting, where)
    voters, encoder = getattr(voting, "estimators_", None), getattr(voting, "le_", None)
    if type(voters) is not list or len(voters) != len(_asked(voting)) or not voters:
        raise Refused(f"{where}.estimators_ are not as many as its estimators")
    weights = voting.weights
    if weights is not None:
        numbers = all(isinstance(w, Real) and np.isfinite(w) and w >= 0 for w in weights)
        if len(weights) != len(voting.estimators) or not numbers or not sum(weights) > 0:
            raise Refused(f"{where}.weights are no weights of its estimators")
    classes = getattr(voting, "classes_", None)
    if type(encoder) is not LabelEncoder or not _same(getattr(encoder, "classes_", None), classes):
        raise Refused(f"{where}.le_ does not know its classes")
    for asked, voter in zip(_asked(voting), voters, strict=True):
        codes = getattr(voter, "classes_", None)
        if type(voter) is not type(asked) or not _same(codes, np.arange(len(classes))):
            raise Refused(f"{where}.estimators_ are not fitted on its classes")


def _same(one, other):
    arrays = isinstance(one, np.ndarray) and isinstance(other, np.ndarray)
    return arrays and one.ndim == 1 and np.array_equal(one, other)
