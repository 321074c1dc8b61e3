"""Recordings as a model gets them."""

from __future__ import annotations

import warnings

import numpy as np

from ._check import explained, listed
from ._panels import draw_panels

__all__ = ["LogMelDisplay"]


class LogMelDisplay:
    """Waveform and log-mel spectrogram of recordings, as the model gets them.

    Time is that of `Explanation.signal`: seconds from where the recording was cut. A dotted line
    shows where a short recording begins anew.

    Parameters
    ----------
    explanations : list of Explanation
        The recordings.
    segmentation : DataFrame or list of DataFrame, default=None
        Where S1 and S2 are: `start` and `end` (s, in the recording) and `state` ("S1", "systole",
        "S2", "diastole"), one table for each recording, or None where it is not known.
        Explanations of features do not know where the recording was cut: they are taken to begin
        at its start.

    Attributes
    ----------
    axes_ : ndarray of shape (n_recordings, 2)
        Axes of the waveform (None where there is no signal) and of the log-mel.
    ax_ : matplotlib Axes
        The first log-mel's.
    bounding_ax_ : matplotlib Axes
        The one that holds them all: the one given, without its frame.
    figure_ : matplotlib Figure
        Holds them all.
    ims_ : list of QuadMesh
        The log-mels.
    im_ : QuadMesh
        The first of them.
    marks_ : list of dict or None
        "S1" and "S2" of each recording: the LineCollection on its log-mel.
    titles_ : list of matplotlib Text
        The recordings' names.
    colorbar_ : matplotlib Colorbar or None
        The colour bar.

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
        cls, estimator, X, *, front_end=None, segmentation=None, ax=None, n_cols=2, cmap="magma",
        colorbar=True,
    ):  # fmt: skip
        """Draw what an estimator sees of recordings.

        Parameters
        ----------
        estimator : estimator
            A fitted classifier, pipeline or search, as :func:`skheart.explain.explain` takes it.
        X : array, list, Series or DataFrame
            Some recordings, as `estimator.predict` takes them; each gets a panel.
        front_end : LogMelTransformer or None, default=None
            As for :func:`skheart.explain.explain`.
        segmentation : DataFrame or list of DataFrame, default=None
            As for the class.
        ax : matplotlib Axes, default=None
            As for `plot`.
        n_cols : int, default=2
            As for `plot`.
        cmap : str or Colormap, default="magma"
            As for `plot`.
        colorbar : bool, default=True
            As for `plot`.

        Returns
        -------
        display : LogMelDisplay

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ImportError
            If matplotlib is missing.
        """
        with warnings.catch_warnings():
            # Of heads without attention, which is not drawn here.
            warnings.filterwarnings("ignore", message="head=")
            found = explained(cls, estimator, X, front_end=front_end)
        return cls(found, segmentation=segmentation).plot(
            ax, n_cols=n_cols, cmap=cmap, colorbar=colorbar
        )

    @classmethod
    def from_explanation(
        cls, explanation, *, segmentation=None, ax=None, n_cols=2, cmap="magma", colorbar=True
    ):
        """Draw the recordings of explanations.

        Parameters
        ----------
        explanation : Explanation or list of Explanation
            Of one recording or of several.
        segmentation : DataFrame or list of DataFrame, default=None
            As for the class.
        ax : matplotlib Axes, default=None
            As for `plot`.
        n_cols : int, default=2
            As for `plot`.
        cmap : str or Colormap, default="magma"
            As for `plot`.
        colorbar : bool, default=True
            As for `plot`.

        Returns
        -------
        display : LogMelDisplay

        Raises
        ------
        ImportError
            If matplotlib is missing.
        """
        return cls(listed(explanation), segmentation=segmentation).plot(
            ax, n_cols=n_cols, cmap=cmap, colorbar=colorbar
        )

    def plot(self, ax=None, *, n_cols=2, cmap="magma", colorbar=True):
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Its place is divided among the recordings, and its own frame is switched off; None
            makes a figure.
        n_cols : int, default=2
            Recordings beside each other.
        cmap : str or Colormap, default="magma"
            Of the log-mel.
        colorbar : bool, default=True
            Whether to draw the colour bar, one for all recordings.

        Returns
        -------
        display : LogMelDisplay
            Itself.

        Raises
        ------
        ImportError
            If matplotlib is missing.
        ValueError
            If `n_cols` is below 1, there is nothing to draw, or the tables of `segmentation` do
            not fit the recordings.
        TypeError
            If `ax` is no Axes, or one of `explanations` is no Explanation.
        """
        panels = draw_panels(self, ax, n_cols, colorbar)
        values = np.concatenate([item.features.ravel() for item in self.explanations])
        limits = np.percentile(values, (0.5, 99.5))
        for marks in filter(None, panels.marks):
            for lines in marks.values():
                lines.set(color="white", alpha=0.9)  # what is between the sounds is dark
        for number, mesh in enumerate(panels.meshes):
            mesh.set(cmap=cmap, clim=limits)
            self.titles_.append(panels.title(number, ""))
        self.ims_, self.im_ = panels.meshes, panels.meshes[0]
        self.colorbar_ = panels.colour_bar(self.im_, "log-mel", extend="both") if colorbar else None
        return self
