"""Checks of names, with suggestions for misspelled ones."""

from __future__ import annotations

import difflib

__all__ = ["check_choice", "closest"]


def closest(name, names):
    """The remedy for a name that does not exist: the closest one that does, if any is close."""
    matches = difflib.get_close_matches(name, names, n=1)
    return f" Did you mean {matches[0]!r}?" if matches else ""


def check_choice(name, value, choices):
    """Raise unless the value of a parameter is one of the choices."""
    if value not in choices:
        raise ValueError(f"{name} must be one of {choices}. Got {value!r} instead.")
