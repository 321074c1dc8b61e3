"""Pictures of recordings, explanations and trainings, after scikit-learn's displays.

Each display keeps what it draws; ``plot(ax=None)`` draws it and returns the display, with the
Axes and the Figure as attributes. They need matplotlib, the extra "plot".
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
