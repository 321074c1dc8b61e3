"""Scores of subgroups with their intervals."""

from __future__ import annotations

import numpy as np

from ..evaluation import ScoreReport
from ._check import check_ax, check_matplotlib

__all__ = ["ScoreDisplay"]

COLOUR = "#0072B2"  # of Okabe and Ito


class ScoreDisplay:
    """Scores as dots with intervals, one line per subgroup or class.

    Parameters
    ----------
    names : sequence of str of length n_scores
        What stands beside each dot, from top to bottom.
    score : array-like of shape (n_scores,)
        The dots; nan where there is none.
    low, high : array-like of shape (n_scores,)
        Ends of the intervals; nan where there is none.
    n_subjects : sequence of int of length n_scores, default=None
        Shown after the names.
    notes : sequence of str of length n_scores, default=None
        Shown in the place of a dot that is nan.
    reference : float, default=None
        Where a dashed line stands: the score of all recordings.
    score_name : str, default="Score"
        Label of the horizontal axis.

    Attributes
    ----------
    ax_ : matplotlib Axes
        With the dots.
    figure_ : matplotlib Figure
        Holds `ax_`.
    dots_ : matplotlib Line2D
        The dots, from top to bottom.
    intervals_ : matplotlib LineCollection
        The intervals of those that have one.

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
            What :func:`skheart.evaluation.report` returns.
        metric : str, default=None
            A metric of the report, or "recall" or "precision" of the classes; None takes the
            first metric.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        display : ScoreDisplay

        Raises
        ------
        TypeError
            If it is no ScoreReport.
        ValueError
            If the report has no such metric.
        ImportError
            If matplotlib is missing.
        """
        check_matplotlib(cls.__name__)
        if not isinstance(report, ScoreReport):
            raise TypeError(
                "report must be what skheart.evaluation.report returns, got "
                f"{type(report).__name__}."
            )
        known = report.frame["metric"].unique().tolist()
        metric = known[0] if metric is None else metric
        if metric not in known:
            raise ValueError(f"metric={metric!r} is not in the report, which has {known}.")
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
            score_name=f"{metric} ({100 * report.confidence:g} % interval)",
        )
        return display.plot(ax)

    def plot(self, ax=None):
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        display : ScoreDisplay
            Itself.

        Raises
        ------
        ImportError
            If matplotlib is missing.
        """
        check_matplotlib(type(self).__name__)
        import matplotlib.pyplot as plt

        n = len(self.names)
        if ax is None:
            _, ax = plt.subplots(figsize=(6.4, 1.2 + 0.28 * n), layout="constrained")
        check_ax(ax)
        self.ax_, self.figure_ = ax, ax.figure
        score, low, high = (np.asarray(x, float) for x in (self.score, self.low, self.high))
        lines = np.arange(n)
        if self.reference is not None:
            ax.axvline(self.reference, color="0.5", linestyle="--", linewidth=1, zorder=0)
        drawn = np.isfinite(low) & np.isfinite(high)
        self.intervals_ = ax.hlines(lines[drawn], low[drawn], high[drawn], color=COLOUR)
        (self.dots_,) = ax.plot(score, lines, "o", color=COLOUR, markersize=5)
        texts = list(self.names)
        if self.n_subjects is not None:
            pairs = zip(texts, self.n_subjects, strict=True)
            texts = [f"{name} ({k} subject{'s' * (k != 1)})" for name, k in pairs]
        ax.set_yticks(lines, texts)
        ax.set(ylim=(n - 0.5, -0.5), xlabel=self.score_name)
        for line in np.flatnonzero(np.isnan(score)):
            text = "no score" if self.notes is None else self.notes[line]
            across = ax.get_yaxis_transform()  # x from 0 to 1 over the Axes
            ax.text(0.02, line, text, transform=across, va="center", fontsize="small", color="0.4")
        return self
