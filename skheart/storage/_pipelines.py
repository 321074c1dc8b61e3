"""Storage of pipelines: their steps are checked as `fit` checks them."""

from __future__ import annotations

from sklearn.base import BaseEstimator

from ._checks import InvalidModel

__all__ = ["NAMES", "pack", "unpack"]

NAMES = ()


def pack(packer, pipeline, fitted, where):
    """Add nothing to the parameters."""
    return {}


def unpack(unpacker, pipeline, packed, where):
    """Check the steps."""
    steps = pipeline.steps
    if type(steps) is not list or not steps:
        raise InvalidModel(f"{where} has no steps")
    for i, step in enumerate(steps):
        pair = type(step) in (tuple, list) and len(step) == 2 and type(step[0]) is str
        if not pair or not (step[1] in (None, "passthrough") or isinstance(step[1], BaseEstimator)):
            raise InvalidModel(f"{where}.steps[{i}] must be a name and an estimator")
