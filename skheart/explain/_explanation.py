"""The explanation of one recording: maps over time and frequency that sum to the output."""

from __future__ import annotations

from dataclasses import dataclass, field
from numbers import Real
from typing import NamedTuple

import numpy as np

from .._utils.files import open_atomic
from ..audio import is_path

__all__ = ["CycleMaps", "Explanation", "Maps", "describe_recording"]


class Maps(NamedTuple):
    """Maps of one recording on one grid, each of shape (n_classes, n_times, n_frequencies).

    Attributes
    ----------
    attention : ndarray or None
        F*, the attention weight of a cell (no unit); it sums to 1 over the cells of a class.
    class_map : ndarray or None
        C, the evidence of a cell for the class (a logit, no unit).
    contribution : ndarray
        What a cell adds to the logit (no unit): C * F* for an attention head.
    times : ndarray of shape (n_times,) or None
        Centre of each cell in seconds; None if the times of the frames are unknown.
    frequencies : ndarray of shape (n_frequencies,) or None
        Centre of each cell in Hz: the mean over its mel bins.
    """

    attention: np.ndarray | None
    class_map: np.ndarray | None
    contribution: np.ndarray
    times: np.ndarray | None
    frequencies: np.ndarray | None


class CycleMaps(NamedTuple):
    """Maps of the average heart cycle of one recording.

    Attributes
    ----------
    contribution : ndarray of shape (n_classes, n_cells, n_mels)
        What a cell of the cycle adds to the probability of a class.
    features : ndarray of shape (n_cells, n_mels)
        Mean log-mel spectrogram over the beats.
    phases : ndarray of str of shape (n_cells,)
        "S1", "systole", "S2" or "diastole".
    edges : ndarray of shape (n_cells + 1,)
        Start and end of the cells in the average cycle, in seconds.
    frequencies : ndarray of shape (n_mels,)
        Centre of each mel bin in Hz.
    shares : ndarray of shape (n_cells, n_frames) or None, default=None
        Weight of each frame of the recording in the mean of a cell; each row sums to 1. The
        contribution of a cell is distributed over the frames by these weights. None if the members
        of an ensemble found different beats.
    """

    contribution: np.ndarray
    features: np.ndarray
    phases: np.ndarray
    edges: np.ndarray
    frequencies: np.ndarray
    shares: np.ndarray | None = None


@dataclass(frozen=True, eq=False)
class Explanation:
    """The explanation of one prediction, as returned by `explain`.

    The maps exist on two grids: in `head` on the grid on which the model decides, and as attributes
    of the explanation on the frames and mel bins of the input. There, the attention and the
    contribution of a cell are divided evenly among the frames and bins that were pooled into it,
    which preserves all sums, and its class evidence is repeated. Trailing frames and bins that
    pooling drops have 0.

    Parameters
    ----------
    method : str
        "attention", "integrated_gradients", "occlusion" or "decision_path".
    recording : str
        The path, or "recording 3" for row 3.
    classes : ndarray of shape (n_classes,)
        Class labels, sorted.
    label : object
        The predicted label.
    logits, probabilities : ndarray of shape (n_classes,)
        Output of the model. Trees have no logits: `logits` are their probabilities.
    base : ndarray of shape (n_classes,)
        The part of the output that is not in the maps: ``contribution.sum((1, 2)) + base`` is
        `logits`. 0 with attention. With integrated gradients, the logits of the baseline (the
        training mean everywhere), and the sum is as close to `logits` as `n_steps` allows. With
        occlusion, the remainder, because the drops need not add up. With decision paths, the sum
        of `terms`.
    head : Maps
        The maps on the model's own grid.
    features : ndarray of shape (n_frames, n_mels)
        The log-mel spectrogram that was explained.
    cell : (int, int)
        Frames and mel bins of a cell of `head`.
    times : ndarray of shape (n_frames,) or None, default=None
        Centre of each frame in seconds, from the start of `signal`.
    frequencies : ndarray of shape (n_mels,) or None, default=None
        Centre of each mel bin in Hz.
    signal : ndarray of shape (n_times,) or None, default=None
        The samples that the model received: cut or padded to one length, at the rate `sr`. None if
        features were explained.
    sr : int or None, default=None
        Sampling rate of `signal` in Hz.
    start : float, default=0.0
        Start of `signal` in the recording, in seconds.
    duration : float or None, default=None
        Length of the recording in seconds; a shorter one is repeated or padded in `signal`.
    scale : {"logit", "probability"}, default="logit"
        The output that the contributions sum to.
    terms : dict of str to ndarray of shape (n_classes,), or None, default=None
        Components of `base`, where they are known. With decision paths: "prior", the class
        proportions at the roots of the trees; "rhythm", the contribution of the lengths of the
        phases and of the certainty of the segmentation; "vote of NAME", the vote of another member;
        "members", the effect of averaging log-probabilities over members.
    part : str or None, default=None
        Name of the explained member of a vote.
    cycle : CycleMaps or None, default=None
        The maps of the average heart cycle, if the model uses it.
    notes : tuple of str, default=()
        Further remarks, as sentences.

    Attributes
    ----------
    attention, class_map : ndarray of shape (n_classes, n_frames, n_mels) or None
        As in `Maps`, on the frames and mel bins of the input.
    contribution : ndarray of shape (n_classes, n_frames, n_mels)
        As in `Maps`, on the frames and mel bins of the input.

    Examples
    --------
    >>> from skheart import make_heart_pipeline
    >>> from skheart.datasets import make_heart_sounds
    >>> from skheart.explain import explain
    >>> sounds = make_heart_sounds(n_subjects=9, duration=3, random_state=0)
    >>> pipeline = make_heart_pipeline("cnn", random_state=0)
    >>> pipeline = pipeline.set_params(
    ...     logmel__duration=3, clf__channels=(4, 8), clf__max_epochs=1, clf__pool_size="fine")
    >>> explanation = explain(pipeline.fit(sounds.data, sounds.target), sounds.data[:1])[0]
    >>> explanation.contribution.shape, explanation.head.contribution.shape
    ((3, 92, 64), (3, 46, 16))
    >>> bool(abs(explanation.contribution.sum((1, 2)) - explanation.logits).max() < 1e-4)
    True
    """

    method: str
    recording: str
    classes: np.ndarray
    label: object
    logits: np.ndarray
    probabilities: np.ndarray
    base: np.ndarray
    head: Maps = field(repr=False)
    features: np.ndarray = field(repr=False)
    cell: tuple[int, int]
    times: np.ndarray | None = field(default=None, repr=False)
    frequencies: np.ndarray | None = field(default=None, repr=False)
    signal: np.ndarray | None = field(default=None, repr=False)
    sr: int | None = None
    start: float = 0.0
    duration: float | None = None
    scale: str = "logit"
    terms: dict | None = field(default=None, repr=False)
    part: str | None = None
    cycle: CycleMaps | None = field(default=None, repr=False)
    notes: tuple[str, ...] = ()

    @property
    def attention(self):
        """F* on the frames and mel bins of the input, (n_classes, n_frames, n_mels), or None."""
        return None if self.head.attention is None else self._divide(self.head.attention)

    @property
    def class_map(self):
        """C on the frames and mel bins of the input, (n_classes, n_frames, n_mels), or None."""
        maps = self.head.class_map
        return None if maps is None else self._divide(maps) * (self.cell[0] * self.cell[1])

    @property
    def contribution(self):
        """Contributions on the frames and mel bins of the input, (n_classes, n_frames, n_mels).

        Their sum plus `base` is the logit.
        """
        return self._divide(self.head.contribution)

    def class_index(self, label=None):
        """Return the index of a class in `classes`.

        Parameters
        ----------
        label : object, default=None
            One of `classes`, or its text; None is the predicted class.

        Returns
        -------
        int

        Raises
        ------
        ValueError
            If the model has no such class.
        """
        label = self.label if label is None else label
        names = [str(known) for known in self.classes]
        if str(label) not in names:
            raise ValueError(f"label={label!r} is no class of the model: {', '.join(names)}.")
        return names.index(str(label))

    def of_class(self, label=None, *, relative=False):
        """Return the contributions to the logit of one class on the model's own grid.

        Parameters
        ----------
        label : object, default=None
            The class; None is the predicted one.
        relative : bool, default=False
            Subtract the mean over the classes. A softmax ignores what is added to all classes, so
            training leaves that part arbitrary. The rest determines the probabilities and sums to
            the logit minus the mean logit. For contributions to probabilities the mean is 0.

        Returns
        -------
        ndarray of shape (n_times, n_frequencies)
        """
        contribution = self.head.contribution
        chosen = contribution[self.class_index(label)]
        return chosen - contribution.mean(axis=0) if relative else chosen

    def curve(self, label=None, *, relative=False):
        """Return the contribution of each frame to the logit of a class, over all frequencies.

        Parameters
        ----------
        label : object, default=None
            The class; None is the predicted one.
        relative : bool, default=False
            As for `of_class`.

        Returns
        -------
        ndarray of shape (n_frames,)
        """
        of_cells = self.of_class(label, relative=relative).sum(axis=1)
        shape, cell = (len(self.features), 1), (self.cell[0], 1)
        return _divide_cells(of_cells[None, :, None], shape, cell)[0, :, 0]

    def moments(self, label=None, share=0.5):
        """Return the time intervals that contribute most to a class.

        Time cells are taken in the order of their contribution over all frequencies until they
        hold `share` of the positive contribution. Adjacent cells form one interval.

        Parameters
        ----------
        label : object, default=None
            The class; None is the predicted one.
        share : float, default=0.5
            Fraction of the positive contribution to cover, in (0, 1].

        Returns
        -------
        DataFrame
            `start` and `end` in seconds within `signal`, and `contribution` (see `scale`), in
            temporal order. Empty if no contribution is positive.

        Raises
        ------
        ValueError
            If `share` is outside (0, 1], or the times of the frames are unknown.
        """
        import pandas as pd

        if not isinstance(share, Real) or not 0 < share <= 1:
            raise ValueError(f"share={share!r} must be a number above 0 and up to 1.")
        self._check_times("moments")
        curve = self.head.contribution[self.class_index(label)].sum(axis=1, dtype=np.float64)
        order = np.argsort(-curve, kind="stable")
        held = np.maximum(curve[order], 0).cumsum()
        reached = held >= share * held[-1] * (1 - 1e-9)
        kept = np.zeros(len(curve) + 2, bool)
        kept[1 + order[: reached.argmax() + 1]] = held[-1] > 0
        edges = np.flatnonzero(kept[1:] != kept[:-1]).reshape(-1, 2)
        hop = self._hop()
        begin, width = self.times[0] - hop / 2, self.cell[0] * hop
        rows = [
            (max(0.0, begin + a * width), begin + b * width, curve[a:b].sum()) for a, b in edges
        ]
        return pd.DataFrame(rows, columns=["start", "end", "contribution"], dtype=float)

    def to_frame(self, label=None):
        """Return the maps of a class as a table, one row per cell of the model's own grid.

        Parameters
        ----------
        label : object, default=None
            The class; None is the predicted one.

        Returns
        -------
        DataFrame
            `time` (s) and `frequency` (Hz) of the cell's centre (its index if unknown), and
            `contribution`, `attention` and `class_map` as far as the method computes them.
        """
        import pandas as pd

        number, maps = self.class_index(label), self.head
        n_times, n_frequencies = maps.contribution.shape[1:]
        times = np.arange(n_times) if maps.times is None else maps.times
        frequencies = np.arange(n_frequencies) if maps.frequencies is None else maps.frequencies
        columns = {
            "time": np.repeat(times, n_frequencies),
            "frequency": np.tile(frequencies, n_times),
        }
        for name in ("contribution", "attention", "class_map"):
            if (values := getattr(maps, name)) is not None:
                columns[name] = values[number].ravel()
        return pd.DataFrame(columns)

    def to_audacity(self, path, label=None, share=0.5):
        """Write the time intervals of `moments` as a label track for Audacity.

        The times are those of the recording, also if `signal` is cut from its middle. Intervals of
        a short recording continue past its end, because it is repeated.

        Parameters
        ----------
        path : str or path-like
            The text file to write.
        label : object, default=None
            The class; None is the predicted one.
        share : float, default=0.5
            As for `moments`.
        """
        label = self.classes[self.class_index(label)]
        rows = self.moments(label, share)
        rows[["start", "end"]] += self.start
        lines = [
            f"{row.start:.6f}\t{row.end:.6f}\t{label} {self._format(row.contribution)}\n"
            for row in rows.itertuples()
        ]
        with open_atomic(path, "w") as file:
            file.writelines(lines)

    def _format(self, contribution):
        digits = 3 if self.scale == "logit" else 4  # probabilities are smaller numbers
        return f"{contribution:+.{digits}f}"

    def _hop(self):
        """Seconds from one frame to the next."""
        times = self.times
        return float(times[1] - times[0] if len(times) > 1 else 2 * times[0])

    def _check_times(self, name):
        if self.times is None:
            raise ValueError(
                f"{name} needs the times of the frames: explain recordings with the whole "
                "pipeline, or pass front_end=the fitted LogMelTransformer."
            )

    def _divide(self, maps):
        return _divide_cells(maps, self.features.shape, self.cell)


def describe_recording(recording, row):
    """Name a recording in an explanation: its path, or its row."""
    return str(recording) if is_path(recording) else f"recording {row}"


def _divide_cells(maps, shape, cell):
    """Divide the values of cells evenly among the points of a finer grid, (n_classes, *shape)."""
    fine = np.zeros((len(maps), *shape), np.float32)
    shares = (maps / (cell[0] * cell[1])).astype(np.float32)
    shares = shares.repeat(cell[0], axis=1).repeat(cell[1], axis=2)
    fine[:, : shares.shape[1], : shares.shape[2]] = shares
    return fine
