"""Checks of names, with suggestions for misspelled ones."""

from __future__ import annotations

import difflib

__all__ = ["check_choice", "closest"]


def closest(name, names, prefix=""):
    """Return the remedy for an unknown name: the closest known one, after `prefix`, or ""."""
    matches = difflib.get_close_matches(name, names, n=1)
    return f" Did you mean {prefix + matches[0]!r}?" if matches else ""


def check_choice(name, value, choices):
    """Raise unless the value of a parameter is one of the choices."""
    if value not in choices:
        raise ValueError(f"{name} must be one of {choices}. Got {value!r} instead.")
