"""Display of recordings as a model receives them."""

from __future__ import annotations

import warnings

import numpy as np

from ._checks import as_list, explain_for
from ._recordings import RecordingDisplay

__all__ = ["LogMelDisplay"]


class LogMelDisplay(RecordingDisplay):
    """Waveform and log-mel spectrogram of recordings, as a model receives them.

    Time is that of `Explanation.signal`: seconds from where the recording was cut. A dotted line
    shows where a short recording is repeated.

    Parameters
    ----------
    explanations : list of Explanation
        The recordings.
    segmentation : DataFrame or list of DataFrame, default=None
        Times of S1 and S2: `start` and `end` (s, in the recording) and `state` ("S1", "systole",
        "S2", "diastole"), one table per recording, or None where they are not known.
        Explanations of features are taken to begin at the start of the recording.

    Attributes
    ----------
    axes_ : ndarray of shape (n_recordings, 2)
        Axes of the waveform (None without a signal) and of the log-mel.
    ax_ : matplotlib Axes
        Axes of the first log-mel.
    figure_, bounding_ax_ : matplotlib Figure, Axes
        The figure, and the Axes that is divided among the panels.
    ims_, im_ : list of QuadMesh, QuadMesh
        The log-mels, and the first of them.
    marks_ : list of dict or None
        "S1" and "S2" of each recording: the LineCollection on its log-mel.
    titles_ : list of matplotlib Text
        Names of the recordings.
    colorbar_ : matplotlib Colorbar or None
        Colour bar of all recordings.

    Examples
    --------
    >>> from skheart import make_heart_pipeline
    >>> from skheart.datasets import make_heart_sounds
    >>> from skheart.plot import LogMelDisplay
    >>> sounds = make_heart_sounds(n_subjects=9, duration=3, random_state=0)
    >>> pipeline = make_heart_pipeline("gru", random_state=0).set_params(
    ...     logmel__duration=3, clf__units=(8,), clf__max_epochs=1)
    >>> display = LogMelDisplay.from_estimator(
    ...     pipeline.fit(sounds.data, sounds.target), sounds.data[:1],
    ...     segmentation=sounds.segmentation[:1])
    >>> display.ax_.get_xlabel(), display.ax_.get_ylabel()
    ('Time (s)', 'Frequency (Hz)')
    """

    def __init__(self, explanations, *, segmentation=None):
        self.explanations = explanations
        self.segmentation = segmentation

    @classmethod
    def from_estimator(
        cls,
        estimator,
        X,
        *,
        front_end=None,
        segmentation=None,
        ax=None,
        n_cols=2,
        cmap="magma",
        colorbar=True,
    ):
        """Draw recordings as an estimator receives them.

        Parameters
        ----------
        estimator : estimator
            A fitted classifier, pipeline or search that :func:`skheart.explain.explain` accepts.
        X : array, list, Series or DataFrame
            Recordings that `estimator.predict` accepts, one panel for each.
        front_end : LogMelTransformer or None, default=None
            As for :func:`skheart.explain.explain`.
        segmentation : DataFrame or list of DataFrame, default=None
            As for the class.
        ax, n_cols, cmap, colorbar : optional
            As for `plot`.

        Returns
        -------
        display : LogMelDisplay

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        """
        with warnings.catch_warnings():
            # A head without attention does not matter here.
            warnings.filterwarnings("ignore", message="head=")
            found = explain_for(cls, estimator, X, front_end=front_end)
        display = cls(found, segmentation=segmentation)
        return display.plot(ax, n_cols=n_cols, cmap=cmap, colorbar=colorbar)

    @classmethod
    def from_explanation(
        cls, explanation, *, segmentation=None, ax=None, n_cols=2, cmap="magma", colorbar=True
    ):
        """Draw the recordings of explanations.

        Parameters
        ----------
        explanation : Explanation or list of Explanation
            One or several.
        segmentation : DataFrame or list of DataFrame, default=None
            As for the class.
        ax, n_cols, cmap, colorbar : optional
            As for `plot`.

        Returns
        -------
        display : LogMelDisplay
        """
        display = cls(as_list(explanation), segmentation=segmentation)
        return display.plot(ax, n_cols=n_cols, cmap=cmap, colorbar=colorbar)

    def plot(self, ax=None, *, n_cols=2, cmap="magma", colorbar=True):
        """Draw the recordings.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Divided among the recordings, without its own frame. None creates a figure.
        n_cols : int, default=2
            Recordings per row.
        cmap : str or Colormap, default="magma"
            Colours of the log-mel.
        colorbar : bool, default=True
            Whether to draw a colour bar for all recordings.

        Returns
        -------
        self : LogMelDisplay

        Raises
        ------
        TypeError, ValueError
            If `ax` or `n_cols` is invalid, there are no explanations, or the tables of
            `segmentation` do not fit them.
        """
        self.ims_ = self._draw_recordings(ax, n_cols, colorbar)
        values = np.concatenate([item.features.ravel() for item in self.explanations])
        limits = np.percentile(values, (0.5, 99.5))
        for marks in filter(None, self.marks_):
            for lines in marks.values():
                lines.set(color="white", alpha=0.9)  # it is dark between the heart sounds
        for number, mesh in enumerate(self.ims_):
            mesh.set(cmap=cmap, clim=limits)
            self._write_title(number)
        self.im_ = self.ims_[0]
        self.colorbar_ = self._draw_colour_bar("log-mel", "both") if colorbar else None
        return self
