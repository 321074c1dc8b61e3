"""What speaks for a class, over the log-mel."""

from __future__ import annotations

from numbers import Real

import numpy as np

from ._check import checked, explained, listed
from ._panels import draw_panels, symmetric_limit

__all__ = ["AttentionDisplay", "see_through"]


class AttentionDisplay:
    """Which moments and frequencies speak for a class (red) and against it (blue).

    The waveform is above; below are the log-mel in grey and over it the contribution of each frame
    and mel bin to the logit of the class (of trees, to its probability). The larger it is, the
    less transparent its colour. Time is that of `Explanation.signal`: seconds from where the
    recording was cut. A dotted line shows where a short recording begins anew.

    Parameters
    ----------
    explanations : list of Explanation
        The recordings, explained by any method.
    label : object, default=None
        Whose contribution to draw; None is the class predicted for each recording.
    relative : bool, default=False
        Whether to draw it less the mean over the classes, see `Explanation.of_class`.
    segmentation : DataFrame or list of DataFrame, default=None
        Where S1 and S2 are: `start` and `end` (s, in the recording) and `state` ("S1", "systole",
        "S2", "diastole"), one table for each recording, or None where it is not known.
        Explanations of features do not know where the recording was cut: they are taken to begin
        at its start.

    Attributes
    ----------
    axes_ : ndarray of shape (n_recordings, 2)
        Axes of the waveform (None where there is no signal) and of the maps.
    ax_ : matplotlib Axes
        The first map's.
    bounding_ax_ : matplotlib Axes
        The one that holds them all: the one given, without its frame.
    figure_ : matplotlib Figure
        Holds them all.
    ims_ : list of QuadMesh
        The contributions.
    im_ : QuadMesh
        The first of them.
    log_mels_ : list of QuadMesh
        The log-mels below them.
    marks_ : list of dict or None
        "S1" and "S2" of each recording: the LineCollection on its map.
    titles_ : list of matplotlib Text
        Each recording's name, its class and the probability of that.
    colorbar_ : matplotlib Colorbar or None
        The colour bar, for all recordings.

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
        cls, estimator, X, *, method=None, front_end=None, label=None, relative=False,
        segmentation=None, ax=None, n_cols=2, cmap="RdBu_r", limit=None, colorbar=True,
    ):  # fmt: skip
        """Explain the predictions for recordings, and draw that.

        Parameters
        ----------
        estimator : estimator
            A fitted classifier, pipeline or search, as :func:`skheart.explain.explain` takes it.
        X : array, list, Series or DataFrame
            Some recordings, as `estimator.predict` takes them; each gets a panel.
        method : {"attention", "integrated_gradients", "occlusion", "decision_path"}, default=None
            As for :func:`skheart.explain.explain`.
        front_end : LogMelTransformer or None, default=None
            As for :func:`skheart.explain.explain`.
        label : object, default=None
            As for the class.
        relative : bool, default=False
            As for the class.
        segmentation : DataFrame or list of DataFrame, default=None
            As for the class.
        ax : matplotlib Axes, default=None
            As for `plot`.
        n_cols : int, default=2
            As for `plot`.
        cmap : str or Colormap, default="RdBu_r"
            As for `plot`.
        limit : float, default=None
            As for `plot`.
        colorbar : bool, default=True
            As for `plot`.

        Returns
        -------
        display : AttentionDisplay

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ImportError
            If matplotlib is missing.
        """
        found = explained(cls, estimator, X, method=method, front_end=front_end)
        display = cls(found, label=label, relative=relative, segmentation=segmentation)
        return display.plot(ax, n_cols=n_cols, cmap=cmap, limit=limit, colorbar=colorbar)

    @classmethod
    def from_explanation(
        cls, explanation, *, label=None, relative=False, segmentation=None, ax=None, n_cols=2,
        cmap="RdBu_r", limit=None, colorbar=True,
    ):  # fmt: skip
        """Draw explanations.

        Parameters
        ----------
        explanation : Explanation or list of Explanation
            Of one recording or of several.
        label : object, default=None
            As for the class.
        relative : bool, default=False
            As for the class.
        segmentation : DataFrame or list of DataFrame, default=None
            As for the class.
        ax : matplotlib Axes, default=None
            As for `plot`.
        n_cols : int, default=2
            As for `plot`.
        cmap : str or Colormap, default="RdBu_r"
            As for `plot`.
        limit : float, default=None
            As for `plot`.
        colorbar : bool, default=True
            As for `plot`.

        Returns
        -------
        display : AttentionDisplay

        Raises
        ------
        ImportError
            If matplotlib is missing.
        """
        items = listed(explanation)
        display = cls(items, label=label, relative=relative, segmentation=segmentation)
        return display.plot(ax, n_cols=n_cols, cmap=cmap, limit=limit, colorbar=colorbar)

    def plot(self, ax=None, *, n_cols=2, cmap="RdBu_r", limit=None, colorbar=True):
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Its place is divided among the recordings, and its own frame is switched off; None
            makes a figure.
        n_cols : int, default=2
            Recordings beside each other.
        cmap : str or Colormap, default="RdBu_r"
            Of the contribution: a diverging one, its middle is 0. The default can be told apart by
            the colour-blind.
        limit : float, default=None
            The contribution that has the strongest colour, the same for all recordings;
            None is what 99.5 % of all cells drawn keep.
        colorbar : bool, default=True
            Whether to draw the colour bar, one for all recordings.

        Returns
        -------
        display : AttentionDisplay
            Itself.

        Raises
        ------
        ImportError
            If matplotlib is missing.
        ValueError
            If `n_cols` is below 1, `limit` is not positive, the model has no class `label`, there
            is nothing to draw, or the tables of `segmentation` do not fit the recordings.
        TypeError
            If `ax` is no Axes, or one of `explanations` is no Explanation.
        """
        if limit is not None and not (isinstance(limit, Real) and 0 < limit < np.inf):
            raise ValueError(
                f"limit={limit!r} must be a contribution above 0, or None for one that fits."
            )
        items = checked(self.explanations)
        numbers = [item.class_index(self.label) for item in items]
        maps = [
            _map(item.contribution, k, self.relative)
            for item, k in zip(items, numbers, strict=True)
        ]
        panels = draw_panels(self, ax, n_cols, colorbar)
        limit = symmetric_limit(maps) if limit is None else limit
        self.log_mels_, self.ims_ = panels.meshes, []
        colours = see_through(cmap)
        for number, (item, k) in enumerate(zip(items, numbers, strict=True)):
            low, high = np.percentile(item.features, (2, 99.5))
            # No darker than a middle grey, on which both colours can be seen.
            panels.meshes[number].set_clim(low, high + 0.7 * max(high - low, 1e-6))
            style = {"cmap": colours, "vmin": -limit, "vmax": limit}
            self.ims_.append(panels.mesh(number, maps[number], **style))
            self.titles_.append(panels.title(number, _verdict(item, k)))
        self.im_ = self.ims_[0]
        beyond = any(np.abs(values).max() > limit for values in maps)
        extend = "both" if beyond else "neither"
        label = f"{'relative ' if self.relative else ''}contribution ({items[0].scale})"
        self.colorbar_ = panels.colour_bar(self.im_, label, extend=extend) if colorbar else None
        return self


def _map(contribution, number, relative):
    chosen = contribution[number]
    return chosen - contribution.mean(axis=0) if relative else chosen


def see_through(cmap):
    """A colour map that is the more transparent the nearer to its middle."""
    import matplotlib as mpl
    from matplotlib.colors import ListedColormap

    share = np.linspace(-1, 1, 256)
    # Not from the pale middle, which over grey would look like nothing at all.
    strong = np.sign(share) * (0.4 + 0.6 * np.abs(share))
    colours = mpl.colormaps.get_cmap(cmap)((strong + 1) / 2)
    colours[:, 3] = 0.8 * np.abs(share) ** 0.9
    return ListedColormap(colours)


def _verdict(item, number):
    label, predicted = item.classes[number], item.label
    text = f": {label} ({item.probabilities[number]:.0%})"
    return text if label == predicted else f"{text}, predicted {predicted}"
