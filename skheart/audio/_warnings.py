"""Warnings about recordings."""

__all__ = ["RecordingWarning"]


class RecordingWarning(UserWarning):
    """Warns that a recording may not be what it seems, or is left out."""
