"""Storage of VotingClassifier: `named_estimators_` follows from `estimators`."""

from __future__ import annotations

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.preprocessing import LabelEncoder
from sklearn.utils import Bunch

from ._checks import InvalidModel

__all__ = ["NAMES", "pack", "unpack"]

NAMES = ()


def pack(packer, voting, fitted, where):
    """Remove `named_estimators_` from the fitted attributes."""
    if "estimators_" not in fitted:
        return {}
    try:
        _check(voting, where)
    except InvalidModel as error:
        raise ValueError(f"{error}, so that it cannot be stored. Fit it again.") from error
    named = fitted.pop("named_estimators_", None)
    if type(named) is not Bunch or {**named} != _named(voting):
        raise ValueError(
            f"{where}.estimators has other names than in fit. Set those again, or fit again."
        )
    return {}


def unpack(unpacker, voting, packed, where):
    """Check the parts, which `predict` does not check, and restore `named_estimators_`."""
    _check_parameter(voting, where)
    if any(name.endswith("_") for name in vars(voting)):
        _check(voting, where)
        voting.named_estimators_ = Bunch(**_named(voting))


def _is_dropped(part):
    return type(part) is str and part == "drop"


def _are_weights(weights, n):
    if weights is None:
        return True
    try:
        weights = np.asarray(weights)
    except ValueError:  # lists of different lengths
        return False
    return weights.shape == (n,) and weights.dtype.kind in "biuf" and np.isfinite(weights).all()


def _used_parts(voting):
    """Return the parts that are not dropped."""
    return [part for _, part in voting.estimators if not _is_dropped(part)]


def _named(voting):
    """Return fitted parts by name; "drop" for dropped ones."""
    voters = iter(voting.estimators_)
    return {name: part if _is_dropped(part) else next(voters) for name, part in voting.estimators}


def _check_parameter(voting, where):
    """Check names and parts as `fit` does."""
    parts = voting.estimators
    if type(parts) is not list or not parts:
        raise InvalidModel(f"{where} has no estimators")
    for i, part in enumerate(parts):
        pair = type(part) in (tuple, list) and len(part) == 2 and type(part[0]) is str
        if not pair or not (_is_dropped(part[1]) or isinstance(part[1], BaseEstimator)):
            raise InvalidModel(f"{where}.estimators[{i}] must be a name and an estimator")
    try:
        voting._validate_names([name for name, _ in parts])
    except ValueError as error:
        raise InvalidModel(f"{where}.estimators: {error}") from error


def _check(voting, where):
    """Check that parts, weights and classes belong together."""
    _check_parameter(voting, where)
    voters, encoder = getattr(voting, "estimators_", None), getattr(voting, "le_", None)
    if type(voters) is not list or len(voters) != len(_used_parts(voting)) or not voters:
        raise InvalidModel(f"{where}.estimators_ must be as many as its estimators")
    if not _are_weights(voting.weights, len(voting.estimators)):
        raise InvalidModel(f"{where}.weights must be one finite number per estimator")
    classes = getattr(voting, "classes_", None)
    if type(encoder) is not LabelEncoder or not _same_values(
        getattr(encoder, "classes_", None), classes
    ):
        raise InvalidModel(f"{where}.le_ must have the same classes")
    for part, voter in zip(_used_parts(voting), voters, strict=True):
        codes = getattr(voter, "classes_", None)
        if type(voter) is not type(part) or not _same_values(codes, np.arange(len(classes))):
            raise InvalidModel(f"{where}.estimators_ must be fitted on the same classes")


def _same_values(one, other):
    arrays = isinstance(one, np.ndarray) and isinstance(other, np.ndarray)
    return arrays and one.ndim == 1 and np.array_equal(one, other)
