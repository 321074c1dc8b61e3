"""Display of contributions to a class over the log-mel."""

from __future__ import annotations

from ._checks import as_list, check_explanations, explain_for
from ._maps import colour_limit, fade_middle, grey_limits
from ._recordings import RecordingDisplay

__all__ = ["AttentionDisplay"]


class AttentionDisplay(RecordingDisplay):
    """Time frames and frequencies that speak for a class (red) and against it (blue).

    The waveform is on top. Below it is the log-mel in grey, and over it the contribution of each
    frame and mel bin to the logit of the class (for trees, to its probability). Larger
    contributions have stronger, less transparent colours. Time is that of `Explanation.signal`:
    seconds from where the recording was cut. A dotted line shows where a short recording is
    repeated.

    Parameters
    ----------
    explanations : list of Explanation
        The recordings, explained by any method.
    label : object, default=None
        Class whose contribution is drawn. None means the predicted class of each recording.
    relative : bool, default=False
        Subtract the mean over the classes, see `Explanation.of_class`.
    segmentation : DataFrame or list of DataFrame, default=None
        Times of S1 and S2: `start` and `end` (s, in the recording) and `state` ("S1", "systole",
        "S2", "diastole"), one table per recording, or None where they are not known.
        Explanations of features are taken to begin at the start of the recording.

    Attributes
    ----------
    axes_ : ndarray of shape (n_recordings, 2)
        Axes of the waveform (None without a signal) and of the map.
    ax_ : matplotlib Axes
        Axes of the first map.
    figure_, bounding_ax_ : matplotlib Figure, Axes
        The figure, and the Axes that is divided among the panels.
    ims_, im_ : list of QuadMesh, QuadMesh
        The contributions, and the first of them.
    log_mels_ : list of QuadMesh
        The log-mels below them.
    marks_ : list of dict or None
        "S1" and "S2" of each recording: the LineCollection on its map.
    titles_ : list of matplotlib Text
        Name, class and probability of each recording.
    colorbar_ : matplotlib Colorbar or None
        Colour bar of all recordings.

    Notes
    -----
    An RNN has no frequencies of its own: its contributions are the same in all mel bins.

    Examples
    --------
    >>> from skheart import make_heart_pipeline
    >>> from skheart.datasets import make_heart_sounds
    >>> from skheart.plot import AttentionDisplay
    >>> sounds = make_heart_sounds(n_subjects=9, duration=3, random_state=0)
    >>> pipeline = make_heart_pipeline("cnn", random_state=0).set_params(
    ...     logmel__duration=3, clf__channels=(4, 8), clf__max_epochs=1, clf__pool_size="fine")
    >>> display = AttentionDisplay.from_estimator(
    ...     pipeline.fit(sounds.data, sounds.target), sounds.data[:2],
    ...     segmentation=sounds.segmentation[:2])
    >>> low, high = display.im_.get_clim()
    >>> low == -high, display.colorbar_.ax.get_ylabel()
    (True, 'contribution (logit)')
    """

    def __init__(self, explanations, *, label=None, relative=False, segmentation=None):
        self.explanations = explanations
        self.label = label
        self.relative = relative
        self.segmentation = segmentation

    @classmethod
    def from_estimator(
        cls,
        estimator,
        X,
        *,
        method=None,
        front_end=None,
        label=None,
        relative=False,
        segmentation=None,
        ax=None,
        n_cols=2,
        cmap="RdBu_r",
        limit=None,
        colorbar=True,
    ):
        """Explain the predictions for recordings, and draw the explanations.

        Parameters
        ----------
        estimator : estimator
            A fitted classifier, pipeline or search that :func:`skheart.explain.explain` accepts.
        X : array, list, Series or DataFrame
            Recordings that `estimator.predict` accepts, one panel for each.
        method : {"attention", "integrated_gradients", "occlusion", "decision_path"}, default=None
            As for :func:`skheart.explain.explain`.
        front_end : LogMelTransformer or None, default=None
            As for :func:`skheart.explain.explain`.
        label, relative, segmentation : optional
            As for the class.
        ax, n_cols, cmap, limit, colorbar : optional
            As for `plot`.

        Returns
        -------
        display : AttentionDisplay

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        """
        found = explain_for(cls, estimator, X, method=method, front_end=front_end)
        display = cls(found, label=label, relative=relative, segmentation=segmentation)
        return display.plot(ax, n_cols=n_cols, cmap=cmap, limit=limit, colorbar=colorbar)

    @classmethod
    def from_explanation(
        cls,
        explanation,
        *,
        label=None,
        relative=False,
        segmentation=None,
        ax=None,
        n_cols=2,
        cmap="RdBu_r",
        limit=None,
        colorbar=True,
    ):
        """Draw explanations.

        Parameters
        ----------
        explanation : Explanation or list of Explanation
            One or several.
        label, relative, segmentation : optional
            As for the class.
        ax, n_cols, cmap, limit, colorbar : optional
            As for `plot`.

        Returns
        -------
        display : AttentionDisplay
        """
        items = as_list(explanation)
        display = cls(items, label=label, relative=relative, segmentation=segmentation)
        return display.plot(ax, n_cols=n_cols, cmap=cmap, limit=limit, colorbar=colorbar)

    def plot(self, ax=None, *, n_cols=2, cmap="RdBu_r", limit=None, colorbar=True):
        """Draw the explanations.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Divided among the recordings, without its own frame. None creates a figure.
        n_cols : int, default=2
            Recordings per row.
        cmap : str or Colormap, default="RdBu_r"
            Diverging colours of the contribution; the middle is 0. The default is safe for colour
            blindness.
        limit : float, default=None
            Contribution with the strongest colour in all recordings. None means a limit that 99.5%
            of all cells keep.
        colorbar : bool, default=True
            Whether to draw a colour bar for all recordings.

        Returns
        -------
        self : AttentionDisplay

        Raises
        ------
        TypeError, ValueError
            If `ax`, `n_cols` or `limit` is invalid, the model has no class `label`, there are no
            explanations, or the tables of `segmentation` do not fit them.
        """
        items = check_explanations(self.explanations)
        maps, titles = [], []
        for item in items:
            k = item.class_index(self.label)
            contribution = item.contribution
            if self.relative:
                contribution = contribution - contribution.mean(axis=0)
            maps.append(contribution[k])
            titles.append(f": {item.classes[k]} ({item.probabilities[k]:.0%})")
            if item.classes[k] != item.label:
                titles[-1] += f", predicted {item.label}"
        limit, extend = colour_limit(limit, maps)
        self.log_mels_ = self._draw_recordings(ax, n_cols, colorbar)
        style = {"cmap": fade_middle(cmap), "vmin": -limit, "vmax": limit}
        self.ims_ = []
        for number, item in enumerate(items):
            self.log_mels_[number].set_clim(*grey_limits(item.features))
            self.ims_.append(self._draw_map(number, maps[number], **style))
            self._write_title(number, titles[number])
        self.im_ = self.ims_[0]
        label = f"{'relative ' if self.relative else ''}contribution ({items[0].scale})"
        self.colorbar_ = self._draw_colour_bar(label, extend) if colorbar else None
        return self
