"""VotingClassifier: what it knows by name follows from what it has in order."""

from __future__ import annotations

import math
from numbers import Real

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.preprocessing import LabelEncoder
from sklearn.utils import Bunch

from ._checks import Refused

__all__ = ["NAMES", "pack", "unpack"]

NAMES = ()  # of fitted attributes: what is left out is made again


def pack(packer, voting, fitted, where):
    """Leave out the names, which are those of the parameter."""
    if "estimators_" not in fitted:
        return {}
    try:
        _check(voting, where)
    except Refused as error:
        raise ValueError(f"{error}, and cannot be kept. Fit it as it is now.") from error
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
    if any(name.endswith("_") for name in vars(voting)):
        _check(voting, where)
        voting.named_estimators_ = Bunch(**_named(voting))


def _is_dropped(part):
    return type(part) is str and part == "drop"


def _are_weights(weights, n):
    if weights is None:
        return True
    if isinstance(weights, np.ndarray):
        weights = weights.tolist()  # of one number that is no list
    if type(weights) not in (list, tuple) or len(weights) != n:
        return False
    try:
        return all(isinstance(w, Real) and math.isfinite(w) for w in weights)
    except OverflowError:  # an int beyond all floats
        return False


def _asked(voting):
    """The parts that were not dropped."""
    return [part for _, part in voting.estimators if not _is_dropped(part)]


def _named(voting):
    """What was fitted, by name; "drop" where nothing was."""
    voters = iter(voting.estimators_)
    return {name: part if _is_dropped(part) else next(voters) for name, part in voting.estimators}


def _check_parameter(voting, where):
    """The names and parts, as they are checked when it is fitted."""
    parts = voting.estimators
    if type(parts) is not list or not parts:
        raise Refused(f"{where} has no estimators")
    for i, part in enumerate(parts):
        pair = type(part) in (tuple, list) and len(part) == 2 and type(part[0]) is str
        if not pair or not (_is_dropped(part[1]) or isinstance(part[1], BaseEstimator)):
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
    if not _are_weights(voting.weights, len(voting.estimators)):
        raise Refused(f"{where}.weights are not a finite number for each of its estimators")
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
