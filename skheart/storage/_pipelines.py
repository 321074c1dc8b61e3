"""The steps of pipelines, which are checked as a pipeline does when it is fitted."""

from __future__ import annotations

from sklearn.base import BaseEstimator

from ._checks import Refused

__all__ = ["NAMES", "pack", "unpack"]

NAMES = ()  # of fitted attributes: a pipeline has none of its own


def pack(packer, pipeline, fitted, where):
    """Nothing beyond the parameters."""
    return {}


def unpack(unpacker, pipeline, packed, where):
    """Refuse what no pipeline has as a step."""
    steps = pipeline.steps
    if type(steps) is not list or not steps:
        raise Refused(f"{where} has no steps")
    for i, step in enumerate(steps):
        pair = type(step) in (tuple, list) and len(step) == 2 and type(step[0]) is str
        if not pair or not (step[1] in (None, "passthrough") or isinstance(step[1], BaseEstimator)):
            raise Refused(f"{where}.steps[{i}] is no step: a name, and an estimator")
