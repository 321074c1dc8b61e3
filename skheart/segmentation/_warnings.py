"""Warnings about recordings without a heartbeat."""

from __future__ import annotations

import warnings

from ..audio import NoHeartbeatWarning, is_path

__all__ = ["warn_without_heartbeat"]


def warn_without_heartbeat(recordings, heartbeats, consequence):
    """Warn that no heartbeat was found in some recordings; `heartbeats` has a bool for each."""
    rows = [row for row, heartbeat in enumerate(heartbeats) if not heartbeat]
    if not rows:
        return
    names = [f"'{recordings[row]}'" if is_path(recordings[row]) else f"row {row}" for row in rows]
    more = f" and {len(rows) - 3} more" if len(rows) > 3 else ""
    warnings.warn(
        f"No heartbeat was found in {len(rows)} of {len(recordings)} recordings: "
        f"{', '.join(names[:3])}{more}. {consequence} Listen to them, or measure them with "
        "skheart.audio.quality.",
        NoHeartbeatWarning,
        stacklevel=3,
    )
