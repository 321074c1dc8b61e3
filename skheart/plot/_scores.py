"""Display of scores with their confidence intervals."""

from __future__ import annotations

import numpy as np

from ..evaluation import ScoreReport
from ._checks import check_matplotlib, prepare_ax

__all__ = ["ScoreDisplay"]

_COLOUR = "#0072B2"  # of Okabe and Ito


class ScoreDisplay:
    """Scores as dots with confidence intervals, one line per subgroup or class.

    Parameters
    ----------
    names : sequence of str of length n_scores
        Labels of the dots, from top to bottom.
    score : array-like of shape (n_scores,)
        The dots; NaN if there is no score.
    low, high : array-like of shape (n_scores,)
        Ends of the intervals; NaN if there is none.
    n_subjects : sequence of int of length n_scores, default=None
        Shown after the names.
    notes : sequence of str of length n_scores, default=None
        Shown instead of a dot that is NaN.
    reference : float, default=None
        Position of a dashed line, such as the score of all recordings.
    score_name : str, default="Score"
        Label of the horizontal axis.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes with the dots.
    figure_ : matplotlib Figure
        Figure of `ax_`.
    dots_ : matplotlib Line2D
        The dots, from top to bottom.
    intervals_ : matplotlib LineCollection
        The intervals that are known.

    Examples
    --------
    >>> import numpy as np
    >>> from skheart.evaluation import report
    >>> from skheart.plot import ScoreDisplay
    >>> y_true = np.repeat(["Absent", "Present"], 20)
    >>> y_pred = np.where(np.arange(40) % 7 == 0, "Present", y_true)
    >>> by = {"site": np.tile(["AV", "MV"], 20)}
    >>> display = ScoreDisplay.from_report(report(y_true, y_pred, by=by, random_state=0))
    >>> display.names
    ['all', 'site: AV', 'site: MV']
    """

    def __init__(
        self,
        names,
        score,
        low,
        high,
        *,
        n_subjects=None,
        notes=None,
        reference=None,
        score_name="Score",
    ):
        self.names = names
        self.score = score
        self.low = low
        self.high = high
        self.n_subjects = n_subjects
        self.notes = notes
        self.reference = reference
        self.score_name = score_name

    @classmethod
    def from_report(cls, report, *, metric=None, ax=None):
        """Draw one metric of a report.

        Parameters
        ----------
        report : ScoreReport
            Result of :func:`skheart.evaluation.report`.
        metric : str, default=None
            A metric of the report, or "recall" or "precision" of the classes. None means the
            first metric.
        ax : matplotlib Axes, default=None
            Axes to draw on. None creates a figure.

        Returns
        -------
        display : ScoreDisplay

        Raises
        ------
        TypeError
            If `report` is not a ScoreReport.
        ValueError
            If the report has no such metric.
        """
        check_matplotlib(cls.__name__)
        if not isinstance(report, ScoreReport):
            raise TypeError(
                "report must be a result of skheart.evaluation.report. Got "
                f"{type(report).__name__}."
            )
        known = report.frame["metric"].unique().tolist()
        metric = known[0] if metric is None else metric
        if metric not in known:
            raise ValueError(f"metric must be one of {known}. Got {metric!r}.")
        rows = report.frame[report.frame["metric"] == metric]
        names = [
            value if by == "all" else f"{by}: {value}"
            for by, value in zip(rows["by"], rows["value"], strict=True)
        ]
        overall = rows.loc[rows["by"] == "all", "score"].tolist()
        display = cls(
            names,
            rows["score"].to_numpy(),
            rows["low"].to_numpy(),
            rows["high"].to_numpy(),
            n_subjects=rows["n_subjects"].tolist(),
            notes=rows["note"].tolist(),
            reference=overall[0] if overall else None,
            score_name=f"{metric} ({100 * report.confidence:g}% interval)",
        )
        return display.plot(ax)

    def plot(self, ax=None):
        """Draw the scores.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw on. None creates a figure.

        Returns
        -------
        self : ScoreDisplay
        """
        n = len(self.names)
        ax = prepare_ax(self, ax, figsize=(6.4, 1.2 + 0.28 * n))
        score, low, high = (np.asarray(x, float) for x in (self.score, self.low, self.high))
        lines = np.arange(n)
        if self.reference is not None:
            ax.axvline(self.reference, color="0.5", linestyle="--", linewidth=1, zorder=0)
        drawn = np.isfinite(low) & np.isfinite(high)
        self.intervals_ = ax.hlines(lines[drawn], low[drawn], high[drawn], color=_COLOUR)
        (self.dots_,) = ax.plot(score, lines, "o", color=_COLOUR, markersize=5)
        texts = list(self.names)
        if self.n_subjects is not None:
            pairs = zip(texts, self.n_subjects, strict=True)
            texts = [f"{name} ({k} subject{'s' * (k != 1)})" for name, k in pairs]
        ax.set_yticks(lines, texts)
        ax.set(ylim=(n - 0.5, -0.5), xlabel=self.score_name)
        for line in np.flatnonzero(np.isnan(score)):
            text = "no score" if self.notes is None else self.notes[line]
            style = {"va": "center", "fontsize": "small", "color": "0.4"}
            ax.text(0.02, line, text, transform=ax.get_yaxis_transform(), **style)
        return self
