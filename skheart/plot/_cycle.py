"""Display of the average heart cycle and the contributions of its parts."""

from __future__ import annotations

import numpy as np

from ._checks import as_list, check_explanations, explain_for, prepare_ax
from ._maps import cell_edges, colour_limit, fade_middle, frequency_ticks, grey_limits

__all__ = ["HeartCycleDisplay"]


class HeartCycleDisplay:
    """Parts of the heart cycle that speak for a class (red) and against it (blue).

    For recordings explained by trees on average heart cycles: the log-mel of the cycle in grey,
    and over it the contribution of each cell and mel bin to the probability of the class. Of
    several recordings, such as all with a murmur, the mean is drawn.

    Parameters
    ----------
    explanations : list of Explanation
        Explanations by "decision_path".
    label : object, default=None
        Class whose contribution is drawn. None means the predicted class, if it is the same for
        all recordings.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes with the cycle.
    figure_ : matplotlib Figure
        Figure of `ax_`.
    log_mel_ : QuadMesh
        The log-mel.
    im_ : QuadMesh
        The contributions.
    colorbar_ : matplotlib Colorbar or None
        Colour bar of the contributions.
    contribution_ : dict of str to float
        Sum of the contributions drawn in each phase.

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
            Fitted trees on average heart cycles, or a vote or a `PatientClassifier` of such, that
            :func:`skheart.explain.explain` accepts.
        X : array, list, Series or DataFrame
            Recordings that `estimator.predict` accepts.
        label : object, default=None
            As for the class.
        ax, cmap, limit, colorbar : optional
            As for `plot`.

        Returns
        -------
        display : HeartCycleDisplay

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        """
        found = explain_for(cls, estimator, X, method="decision_path")
        return cls(found, label=label).plot(ax, cmap=cmap, limit=limit, colorbar=colorbar)

    @classmethod
    def from_explanation(
        cls, explanation, *, label=None, ax=None, cmap="RdBu_r", limit=None, colorbar=True
    ):
        """Draw the mean cycle of explanations.

        Parameters
        ----------
        explanation : Explanation or list of Explanation
            One or several.
        label : object, default=None
            As for the class.
        ax, cmap, limit, colorbar : optional
            As for `plot`.

        Returns
        -------
        display : HeartCycleDisplay
        """
        display = cls(as_list(explanation), label=label)
        return display.plot(ax, cmap=cmap, limit=limit, colorbar=colorbar)

    def plot(self, ax=None, *, cmap="RdBu_r", limit=None, colorbar=True):
        """Draw the mean cycle.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw on. None creates a figure.
        cmap : str or Colormap, default="RdBu_r"
            Diverging colours of the contribution; the middle is 0.
        limit : float, default=None
            Contribution (a probability) with the strongest colour. None means a limit that 99.5%
            of all cells keep.
        colorbar : bool, default=True
            Whether to draw a colour bar.

        Returns
        -------
        self : HeartCycleDisplay

        Raises
        ------
        TypeError, ValueError
            If `ax` or `limit` is invalid, the model has no class `label`, `label` is None and
            several classes are predicted, or the explanations have no cycle or differ in cells.
        """
        items = check_explanations(self.explanations)
        label = _check_label(items, self.label)
        cycles = _check_cycles(items)
        contributions = [
            cycle.contribution[item.class_index(label)]
            for item, cycle in zip(items, cycles, strict=True)
        ]
        contribution = np.mean(contributions, axis=0)
        log_mel = np.mean([cycle.features for cycle in cycles], axis=0)
        times = np.mean([cycle.edges for cycle in cycles], axis=0)
        bins = cell_edges(None, contribution.shape[1])
        limit, extend = colour_limit(limit, [contribution])

        ax = prepare_ax(self, ax, figsize=(6.4, 3.6))
        low, high = grey_limits(log_mel)
        self.log_mel_ = ax.pcolormesh(times, bins, log_mel.T, cmap="Greys", vmin=low, vmax=high)
        style = {"cmap": fade_middle(cmap), "vmin": -limit, "vmax": limit}
        self.im_ = ax.pcolormesh(times, bins, contribution.T, **style)
        self.contribution_ = {}
        for phase in dict.fromkeys(cycles[0].phases):
            own = np.flatnonzero(cycles[0].phases == phase)
            self.contribution_[str(phase)] = float(contribution[own].sum())
            start, end = times[own[0]], times[own[-1] + 1]
            ax.axvline(end, color="black", linewidth=0.7)
            style = {"ha": "center", "va": "bottom", "fontsize": "small"}
            ax.text((start + end) / 2, 1.01, phase, transform=ax.get_xaxis_transform(), **style)
        # Mel bins of one height: on a scale of Hz a murmur would be a stripe at the bottom.
        frequencies = cycles[0].frequencies
        ticks = frequency_ticks(*frequencies[[0, -1]])
        places = np.interp(ticks, frequencies, np.arange(len(frequencies)))
        ax.set_yticks(places, [f"{tick:g}" for tick in ticks])
        ax.set(xlabel="Time in the average heart cycle (s)", ylabel="Frequency (Hz)")
        ax.set_xlim(times[0], times[-1])
        mean = "" if len(items) == 1 else f", mean of {len(items)} recordings"
        ax.set_title(f"{label}{mean}", loc="left", fontsize="medium", pad=18)
        self.colorbar_ = None
        if colorbar:
            self.colorbar_ = ax.figure.colorbar(self.im_, ax=ax, extend=extend)
            self.colorbar_.set_label("contribution (probability)")
        return self


def _check_label(items, label):
    """Return `label`, or the predicted class of all items."""
    predicted = sorted({str(item.label) for item in items})
    if label is None and len(predicted) > 1:
        raise ValueError(
            f"The recordings are predicted as {', '.join(predicted)}: pass the label whose "
            "contribution is drawn."
        )
    return items[0].label if label is None else label


def _check_cycles(items):
    """Return the cycles of explanations, which must have the same cells."""
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
