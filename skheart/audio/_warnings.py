"""Warnings about recordings."""

from __future__ import annotations

import warnings

__all__ = ["ON_ERROR", "NoHeartbeatWarning", "RecordingWarning", "warn_about_skipped"]

ON_ERROR = ("raise", "warn", "skip")


class RecordingWarning(UserWarning):
    """Warns that a recording may not be what it seems, or is left out."""


class NoHeartbeatWarning(RecordingWarning):
    """Warns that no heartbeat was found in a recording."""


def warn_about_skipped(reasons, *, stacklevel):
    """Give one warning for all recordings that are left out; `reasons` name them."""
    if not reasons:
        return
    shown = " ".join(reasons[:5]) + (" ..." if len(reasons) > 5 else "")
    warnings.warn(
        f"{len(reasons)} recording(s) are left out: {shown}",
        RecordingWarning,
        stacklevel=stacklevel + 1,
    )
