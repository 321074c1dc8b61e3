"""The average heart cycle, and what its parts add to a class."""

from __future__ import annotations

from numbers import Real

import numpy as np

from ._attention import see_through
from ._check import check_ax, check_matplotlib, checked, explained, listed
from ._panels import HERTZ, symmetric_limit

__all__ = ["HeartCycleDisplay"]


class HeartCycleDisplay:
    """Which part of the heart cycle, at which frequencies, speaks for a class (red) or against it.

    Of recordings explained by trees on average heart cycles: the log-mel of the cycle in grey, over
    it the contribution of each cell and mel bin to the probability of the class. Of several
    recordings the mean is drawn, as of all that have a murmur.

    Parameters
    ----------
    explanations : list of Explanation
        By "decision_path".
    label : object, default=None
        Whose contribution to draw; None is the predicted class, if it is the same for all.

    Attributes
    ----------
    ax_ : matplotlib Axes
        With the cycle.
    figure_ : matplotlib Figure
        Holds `ax_`.
    log_mel_ : QuadMesh
        The log-mel.
    im_ : QuadMesh
        The contributions.
    colorbar_ : matplotlib Colorbar or None
        Of the contributions.
    contribution_ : dict of str to float
        By phase, the sum of the contributions drawn.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.ensemble import ExtraTreesClassifier
    >>> from sklearn.frozen import FrozenEstimator
    >>> from sklearn.pipeline import make_pipeline
    >>> from skheart.segmentation import HeartCycleTransformer
    >>> from skheart.datasets import make_heart_sounds
    >>> from skheart.plot import HeartCycleDisplay
    >>> from skheart.segmentation import HeartPhaseSegmenter
    >>> sounds = make_heart_sounds(n_subjects=12, duration=6, random_state=0)
    >>> segmenter = HeartPhaseSegmenter(width=8, max_epochs=2, random_state=0)
    >>> segmenter = segmenter.fit(sounds.data, sounds.segmentation)
    >>> cycle = HeartCycleTransformer(FrozenEstimator(segmenter))
    >>> model = make_pipeline(cycle, ExtraTreesClassifier(random_state=0))
    >>> model = model.fit(sounds.data, sounds.target)
    >>> severe = [sounds.data[row] for row in np.flatnonzero(sounds.target == "severe")]
    >>> display = HeartCycleDisplay.from_estimator(model, severe, label="severe")
    >>> sorted(display.contribution_)
    ['S1', 'S2', 'diastole', 'systole']
    """

    def __init__(self, explanations, *, label=None):
        self.explanations = explanations
        self.label = label

    @classmethod
    def from_estimator(
        cls, estimator, X, *, label=None, ax=None, cmap="RdBu_r", limit=None, colorbar=True
    ):
        """Explain the predictions for recordings, and draw their mean cycle.

        Parameters
        ----------
        estimator : estimator
            Fitted trees on average heart cycles, as :func:`skheart.explain.explain` takes them,
            or a vote or a `PatientClassifier` of such.
        X : array, list, Series or DataFrame
            Some recordings, as `estimator.predict` takes them.
        label : object, default=None
            As for the class.
        ax : matplotlib Axes, default=None
            As for `plot`.
        cmap : str or Colormap, default="RdBu_r"
            As for `plot`.
        limit : float, default=None
            As for `plot`.
        colorbar : bool, default=True
            As for `plot`.

        Returns
        -------
        display : HeartCycleDisplay

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ImportError
            If matplotlib is missing.
        """
        found = explained(cls, estimator, X, method="decision_path")
        return cls(found, label=label).plot(ax, cmap=cmap, limit=limit, colorbar=colorbar)

    @classmethod
    def from_explanation(
        cls, explanation, *, label=None, ax=None, cmap="RdBu_r", limit=None, colorbar=True
    ):
        """Draw the mean cycle of explanations.

        Parameters
        ----------
        explanation : Explanation or list of Explanation
            Of one recording or of several.
        label : object, default=None
            As for the class.
        ax : matplotlib Axes, default=None
            As for `plot`.
        cmap : str or Colormap, default="RdBu_r"
            As for `plot`.
        limit : float, default=None
            As for `plot`.
        colorbar : bool, default=True
            As for `plot`.

        Returns
        -------
        display : HeartCycleDisplay

        Raises
        ------
        ImportError
            If matplotlib is missing.
        """
        display = cls(listed(explanation), label=label)
        return display.plot(ax, cmap=cmap, limit=limit, colorbar=colorbar)

    def plot(self, ax=None, *, cmap="RdBu_r", limit=None, colorbar=True):
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.
        cmap : str or Colormap, default="RdBu_r"
            Of the contribution: a diverging one, its middle is 0.
        limit : float, default=None
            The contribution (a probability) that has the strongest colour; None is what 99.5 % of
            all cells drawn keep.
        colorbar : bool, default=True
            Whether to draw the colour bar.

        Returns
        -------
        display : HeartCycleDisplay
            Itself.

        Raises
        ------
        ImportError
            If matplotlib is missing.
        ValueError
            If `limit` is not positive, the model has no class `label`, there is nothing to draw, an
            explanation has no cycle or cells of its own, or no label is given where several are
            predicted.
        TypeError
            If `ax` is no Axes, or one of `explanations` is no Explanation.
        """
        check_matplotlib(type(self).__name__)
        import matplotlib.pyplot as plt

        if limit is not None and not (isinstance(limit, Real) and 0 < limit < np.inf):
            raise ValueError(
                f"limit={limit!r} must be a contribution above 0, or None for one that fits."
            )
        items = checked(self.explanations)
        label = _label(items, self.label)
        cycles = _cycles(items)
        if ax is None:
            _, ax = plt.subplots(figsize=(6.4, 3.6), layout="constrained")
        check_ax(ax)
        self.ax_, self.figure_ = ax, ax.figure
        times = np.mean([cycle.edges for cycle in cycles], axis=0)
        log_mel = np.mean([cycle.features for cycle in cycles], axis=0)
        maps = np.mean(
            [
                cycle.contribution[item.class_index(label)]
                for item, cycle in zip(items, cycles, strict=True)
            ],
            axis=0,
        )
        phases, bins = cycles[0].phases, np.arange(maps.shape[1] + 1) - 0.5
        low, high = np.percentile(log_mel, (2, 99.5))
        self.log_mel_ = ax.pcolormesh(
            times, bins, log_mel.T, cmap="Greys", vmin=low,
            vmax=high + 0.7 * max(high - low, 1e-6),
        )  # fmt: skip
        limit = symmetric_limit([maps]) if limit is None else limit
        self.im_ = ax.pcolormesh(
            times, bins, maps.T, cmap=see_through(cmap), vmin=-limit, vmax=limit
        )
        self.contribution_ = {
            str(phase): float(maps[phases == phase].sum()) for phase in dict.fromkeys(phases)
        }
        self._label_axes(cycles[0], times, label, len(items))
        self.colorbar_ = None
        if colorbar:
            beyond = "both" if np.abs(maps).max() > limit else "neither"
            self.colorbar_ = ax.figure.colorbar(self.im_, ax=ax, extend=beyond)
            self.colorbar_.set_label("contribution (probability)")
        return self

    def _label_axes(self, cycle, times, label, n):
        ax, phases = self.ax_, cycle.phases
        low, high = cycle.frequencies[[0, -1]]
        # Mel bins of one height: on a scale of Hz a murmur would be a stripe at the bottom.
        hertz = [tick for tick in HERTZ if low <= tick <= high]
        bins = np.interp(hertz, cycle.frequencies, np.arange(len(cycle.frequencies)))
        ax.set_yticks(bins, [f"{tick:g}" for tick in hertz])
        for phase in dict.fromkeys(phases):
            own = np.flatnonzero(phases == phase)
            start, end = times[own[0]], times[own[-1] + 1]
            ax.axvline(end, color="black", linewidth=0.7)
            ax.text(
                (start + end) / 2, 1.01, phase, transform=ax.get_xaxis_transform(), ha="center",
                va="bottom", fontsize="small",
            )  # fmt: skip
        ax.set(xlabel="Time in the average heart cycle (s)", ylabel="Frequency (Hz)")
        ax.set_xlim(times[0], times[-1])
        many = "" if n == 1 else f", mean of {n} recordings"
        ax.set_title(f"{label}{many}", loc="left", fontsize="medium", pad=18)


def _label(items, label):
    if label is not None:
        return label
    predicted = {str(item.label) for item in items}
    if len(predicted) > 1:
        raise ValueError(
            f"The recordings are predicted as {', '.join(sorted(predicted))}: give the label whose "
            "contribution is to be drawn."
        )
    return items[0].label


def _cycles(items):
    """The cycles of explanations, which must have cells alike."""
    for item in items:
        if item.cycle is None:
            raise ValueError(
                f"The explanation of {item.recording} is by {item.method}, which has no heart "
                "cycle: explain trees on a HeartCycleTransformer."
            )
        if item.cycle.phases.tolist() != items[0].cycle.phases.tolist() or (
            item.cycle.features.shape != items[0].cycle.features.shape
        ):
            raise ValueError(
                f"The explanation of {item.recording} has other cells than that of "
                f"{items[0].recording}: draw them one by one."
            )
    return [item.cycle for item in items]
