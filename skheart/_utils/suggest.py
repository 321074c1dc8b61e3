"""Suggestions for misspelt names."""

from __future__ import annotations

import difflib

__all__ = ["closest"]


def closest(name, names):
    """The remedy for a name that does not exist: the closest one that does, if any is close."""
    matches = difflib.get_close_matches(name, names, n=1)
    return f" Did you mean {matches[0]!r}?" if matches else ""
