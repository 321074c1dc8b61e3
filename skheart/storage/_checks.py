"""Checks of the content of a model file."""

from __future__ import annotations

__all__ = ["USE_JOBLIB", "InvalidModel", "check_weights", "is_count"]

USE_JOBLIB = "Other models can be saved with joblib.dump; loading that runs code from the file."


class InvalidModel(ValueError):
    """Raised if a file is not a valid model; the message does not name the file."""


def is_count(value):
    """Return whether a value is a plausible non-negative int."""
    return type(value) is int and 0 <= value < 2**40


def check_weights(weights, expected, where):
    """Raise unless weights have the names, shapes and types of an expected state_dict."""
    if expected.keys() != weights.keys():
        odd = min(expected.keys() ^ weights.keys())
        verb = "is missing" if odd in expected else "belongs to no layer"
        raise InvalidModel(f"{where}: the weight {odd[:80]!r} {verb}")
    for name, weight in weights.items():
        wanted = expected[name]
        if weight.shape != wanted.shape or weight.dtype != wanted.dtype:
            raise InvalidModel(
                f"{where}: the weight {name!r} is {weight.dtype} of the shape "
                f"{tuple(weight.shape)}, not {wanted.dtype} of {tuple(wanted.shape)}"
            )
