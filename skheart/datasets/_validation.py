"""Validate numeric parameters of the fetchers and the generator."""

from __future__ import annotations

from numbers import Integral


def check_number(name, value, kind, low, high=float("inf")):
    """Raise unless `value` is a finite `kind` (Integral or Real) from `low` to `high`."""
    valid = isinstance(value, kind) and not isinstance(value, bool)
    if not valid or not low <= value <= high or not value < float("inf"):
        noun = "an integer" if kind is Integral else "a finite number"
        upper = "" if high == float("inf") else f" and at most {high}"
        raise ValueError(f"{name} must be {noun} of at least {low}{upper}. Got {value!r} instead.")
