"""Display of the loss and UAR during a training."""

from __future__ import annotations

import numpy as np
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from ._checks import check_matplotlib, prepare_ax, size_in_points

__all__ = ["HistoryDisplay"]

# Okabe and Ito's colours; line styles tell the curves apart without colour.
_STYLES = {
    "train_loss": ("training loss", "#0072B2", "-", "o"),
    "valid_loss": ("validation loss", "#D55E00", "--", "s"),
    "valid_uar": ("validation UAR", "#009E73", "-.", "^"),
}


class HistoryDisplay:
    """Loss and UAR after each epoch of a training.

    Parameters
    ----------
    train_loss : array-like of shape (n_epochs,)
        Loss on the training recordings (cross-entropy, nats).
    valid_loss : array-like of shape (n_epochs,), default=None
        Loss on the recordings held out for early stopping.
    valid_uar : array-like of shape (n_epochs,), default=None
        UAR on the same recordings, from 0 to 1.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes with the losses.
    uar_ax_ : matplotlib Axes or None
        Twin Axes with the UAR; None without `valid_uar`.
    figure_ : matplotlib Figure
        Figure of `ax_`.
    lines_ : dict of str to matplotlib Line2D
        Curves by name: "train_loss", "valid_loss", "valid_uar".

    Examples
    --------
    >>> import numpy as np
    >>> from skheart import AttentionRNNClassifier
    >>> from skheart.plot import HistoryDisplay
    >>> X = np.random.default_rng(0).normal(size=(12, 32, 16)).astype("float32")
    >>> clf = AttentionRNNClassifier(units=(8,), max_epochs=3, random_state=0)
    >>> display = HistoryDisplay.from_estimator(clf.fit(X, np.arange(12) % 3))
    >>> display.lines_["train_loss"].get_xdata().tolist()
    [1, 2, 3]
    """

    def __init__(self, train_loss, *, valid_loss=None, valid_uar=None):
        self.train_loss = train_loss
        self.valid_loss = valid_loss
        self.valid_uar = valid_uar

    @classmethod
    def from_estimator(cls, estimator, *, ax=None):
        """Draw the training of a fitted estimator.

        Parameters
        ----------
        estimator : estimator
            A fitted `AttentionCNNClassifier` or `AttentionRNNClassifier`, a pipeline that ends in
            one, or a search over either.
        ax : matplotlib Axes, default=None
            Axes to draw on. None creates a figure.

        Returns
        -------
        display : HistoryDisplay

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        TypeError
            If the estimator has no `history_`.
        """
        check_matplotlib(cls.__name__)
        history = _find_trained(estimator).history_
        curves = {
            name: np.array([epoch.get(name, np.nan) for epoch in history], float)
            for name in _STYLES
        }
        known = {name: None if np.isnan(curve).all() else curve for name, curve in curves.items()}
        return cls(known.pop("train_loss"), **known).plot(ax)

    def plot(self, ax=None):
        """Draw the curves.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw on. None creates a figure.

        Returns
        -------
        self : HistoryDisplay
        """
        ax = prepare_ax(self, ax)
        from matplotlib.ticker import MaxNLocator

        self.lines_ = {}
        self.uar_ax_ = None if self.valid_uar is None else ax.twinx()
        for name, (text, colour, dashes, marker) in _STYLES.items():
            curve = getattr(self, name)
            if curve is None:
                continue
            on = self.uar_ax_ if name == "valid_uar" else ax
            # Markers for few epochs: a single one has no line.
            style = {"color": colour, "linestyle": dashes, "label": text, "markersize": 4}
            style["marker"] = marker if len(curve) <= 30 else None
            (self.lines_[name],) = on.plot(np.arange(1, len(curve) + 1), curve, **style)
        ax.set(xlabel="Epoch", ylabel="Loss")
        ax.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        if self.uar_ax_ is not None:
            self.uar_ax_.set(ylabel="UAR", ylim=(0, 1))
        # Outside, where it covers no curve.
        ax.legend(
            handles=list(self.lines_.values()),
            loc="lower left",
            bbox_to_anchor=(0, 1),
            ncols=min(3, max(1, int(size_in_points(ax)[0] / 120))),
            fontsize="small",
            frameon=False,
            borderaxespad=0.2,
            columnspacing=1.2,
        )
        return self


def _find_trained(estimator):
    """Return the classifier with a history inside pipelines and searches."""
    check_is_fitted(estimator)
    if isinstance(estimator, Pipeline):
        return _find_trained(estimator.steps[-1][1])
    if hasattr(estimator, "best_estimator_"):
        return _find_trained(estimator.best_estimator_)
    if not hasattr(estimator, "history_"):
        raise TypeError(
            "estimator must be a fitted AttentionCNNClassifier or AttentionRNNClassifier, a "
            "pipeline that ends in one, or a search (with refit=True) over either. Got "
            f"{type(estimator).__name__}, which has no history_."
        )
    return estimator
