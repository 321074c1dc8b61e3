"""Figures of recordings, explanations, trainings and scores, like scikit-learn's displays.

Comes in: estimators, explanations, reports and audits. Goes out: displays, which keep the arrays
that they draw. ``plot(ax=None)`` draws and returns the display, with `ax_` and `figure_`. They
need matplotlib (the extra "plot"), which is imported only inside methods.

Files in reading order: `_checks`, `_maps`, `_marks`, `_recordings` (what displays share), then one
file per display. Floor 8: may import every other room except `cli`.
"""

from ._attention import AttentionDisplay
from ._cycle import HeartCycleDisplay
from ._history import HistoryDisplay
from ._logmel import LogMelDisplay
from ._scores import ScoreDisplay
from ._sites import SiteAuditDisplay

__all__ = [
    "AttentionDisplay",
    "HeartCycleDisplay",
    "HistoryDisplay",
    "LogMelDisplay",
    "ScoreDisplay",
    "SiteAuditDisplay",
]
