"""What an explanation holds: maps over time and frequency that add up to the logits."""

from __future__ import annotations

from dataclasses import dataclass, field
from numbers import Real
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..audio import is_path

__all__ = ["CycleMaps", "Explanation", "Maps", "recording_name"]


class Maps(NamedTuple):
    """Maps of one recording on one grid, each of shape (n_classes, n_times, n_frequencies).

    Attributes
    ----------
    attention : ndarray or None
        F*, the weight of a cell (no unit); over the cells of a class it sums to 1.
    class_map : ndarray or None
        C, what a cell says for the class (a logit, no unit).
    contribution : ndarray
        The share of a cell in the logit (a logit, no unit): C * F* where there is attention.
    times : ndarray of shape (n_times,) or None
        Centre of each cell in seconds; None where nobody said the times of the frames.
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
        The share of a cell of the cycle in the probability of a class.
    features : ndarray of shape (n_cells, n_mels)
        The mean log-mel over the beats.
    phases : ndarray of str of shape (n_cells,)
        "S1", "systole", "S2" or "diastole".
    edges : ndarray of shape (n_cells + 1,)
        Where cells begin and end in the mean cycle, in seconds.
    frequencies : ndarray of shape (n_mels,)
        Centre of each mel bin in Hz.
    shares : ndarray of shape (n_cells, n_frames) or None, default=None
        What of a cell each frame of the recording is; a row sums to 1. By them the contribution of
        a cell is shared out. None where members of an ensemble found other beats.
    """

    contribution: np.ndarray
    features: np.ndarray
    phases: np.ndarray
    edges: np.ndarray
    frequencies: np.ndarray
    shares: np.ndarray | None = None


@dataclass(frozen=True, eq=False)
class Explanation:
    """Why a classifier answered as it did, for one recording.

    The maps are given twice: in `head` on the grid on which the model decides, and as attributes
    of their own on the frames and mel bins of the input. There the attention and the contribution
    of a cell are shared out evenly among what the cell was pooled from, so that all sums are kept,
    and its class evidence is repeated. Frames at the end that pooling leaves over have 0.
    `explain` makes it; what it was made of are its attributes.

    Parameters
    ----------
    method : str
        "attention", "integrated_gradients", "occlusion" or "decision_path".
    recording : str
        The path, or "recording 3" for row 3.
    classes : ndarray of shape (n_classes,)
        The labels, sorted.
    label : object
        The predicted one of `classes`.
    logits, probabilities : ndarray of shape (n_classes,)
        What the model says of the recording. Trees know no logits: `logits` are their
        probabilities.
    base : ndarray of shape (n_classes,)
        What the contributions leave unexplained: ``contribution.sum((1, 2)) + base`` is `logits`.
        0 with attention. With integrated gradients the logits of a recording that is the training
        mean everywhere, and the sum is as near to `logits` as `n_steps` makes it; with occlusion
        what is missing, since its falls need not add up. With decision paths what has no place in
        the sound, see `terms`.
    head : Maps
        The maps on the model's own grid.
    features : ndarray of shape (n_frames, n_mels)
        The log-mel spectrogram that was explained.
    cell : (int, int)
        Frames and mel bins that a cell of `head` was pooled from.
    times : ndarray of shape (n_frames,) or None, default=None
        Centre of each frame in seconds, from the start of the recording as cut.
    frequencies : ndarray of shape (n_mels,) or None, default=None
        Centre of each mel bin in Hz.
    signal : ndarray of shape (n_times,) or None, default=None
        The sound as the model got it: cut or filled to one length, at the rate `sr`. None where
        features were explained.
    sr : int or None, default=None
        Rate of `signal` in Hz.
    start : float, default=0.0
        Where in the recording `signal` begins, in seconds.
    duration : float or None, default=None
        Length of the recording in seconds; a shorter one is repeated in `signal`, or filled up.
    scale : {"logit", "probability"}, default="logit"
        What the contributions add up to.
    terms : dict of str to ndarray of shape (n_classes,), or None, default=None
        What `base` is made of, where it is known. With decision paths "prior", what the trees say
        before any question; "rhythm", what comes of the lengths of the phases and of how sure they
        are; "vote of NAME", what another part of a vote says of the recording; "members", what it
        changes that the logarithms of several members are averaged.
    part : str or None, default=None
        Which part of a vote is explained.
    cycle : CycleMaps or None, default=None
        The same on the average heart cycle, where the model decides by that.
    notes : tuple of str, default=()
        What else is to be said of it, in sentences.

    Attributes
    ----------
    attention, class_map : ndarray of shape (n_classes, n_frames, n_mels) or None
        As in `Maps`, on the input's frames and mel bins.
    contribution : ndarray of shape (n_classes, n_frames, n_mels)
        As in `Maps`, on the input's frames and mel bins.

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
        """F* on the input's frames and mel bins, (n_classes, n_frames, n_mels), or None."""
        return self._on_input(self.head.attention, shared=True)

    @property
    def class_map(self):
        """C on the input's frames and mel bins, (n_classes, n_frames, n_mels), or None."""
        return self._on_input(self.head.class_map, shared=False)

    @property
    def contribution(self):
        """Shares in the logits on the input's frames and mel bins, (n_classes, n_frames, n_mels).

        Their sum, with `base`, is the logit.
        """
        return self._on_input(self.head.contribution, shared=True)

    def class_index(self, label=None):
        """Number of a class in `classes`; None is the predicted one.

        Parameters
        ----------
        label : object, default=None
            One of `classes`, or its text.

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
        """Contributions to the logit of one class on the model's own grid.

        Parameters
        ----------
        label : object, default=None
            The class; None is the predicted one.
        relative : bool, default=False
            Less the mean over the classes. A softmax does not see what is added to all classes
            alike, so that training leaves it to chance; what is left without it decides the
            probabilities, and adds up to the logit less the mean logit. Where probabilities add up
            the mean is 0.

        Returns
        -------
        ndarray of shape (n_times, n_frequencies)
        """
        contribution = self.head.contribution
        chosen = contribution[self.class_index(label)]
        return chosen - contribution.mean(axis=0) if relative else chosen

    def curve(self, label=None, *, relative=False):
        """Contribution of each frame to the logit of a class, over all frequencies.

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
        # Of the head's map: the same sum, on fewer cells.
        of_cells = self.of_class(label, relative=relative).sum(axis=1)
        return _spread(of_cells[None, :, None], (len(self.features), 1), (self.cell[0], 1))[0, :, 0]

    def moments(self, label=None, share=0.5):
        """The moments that speak most for a class.

        Cells in order of their contribution over all frequencies, until they hold `share` of all
        that is positive; neighbours are joined.

        Parameters
        ----------
        label : object, default=None
            The class; None is the predicted one.
        share : float, default=0.5
            Share of the positive contribution that the moments hold together, in (0, 1].

        Returns
        -------
        DataFrame
            `start` and `end` in seconds, within `signal`, and `contribution` (see `scale`), in the
            order of time. Empty where nothing speaks for the class.

        Raises
        ------
        ValueError
            If `share` is outside (0, 1], or the times of the frames are not known.
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
        """The maps of a class as a table, one row for each cell of the model's own grid.

        Parameters
        ----------
        label : object, default=None
            The class; None is the predicted one.

        Returns
        -------
        DataFrame
            `time` (s) and `frequency` (Hz) of the cell's centre (its number where that is not
            known), and `contribution`, `attention` and `class_map` where the method has them.
        """
        import pandas as pd

        number = self.class_index(label)
        maps = self.head
        n_times, n_frequencies = maps.contribution.shape[1:]
        times = np.arange(n_times) if maps.times is None else maps.times
        frequencies = np.arange(n_frequencies) if maps.frequencies is None else maps.frequencies
        columns = {
            "time": np.repeat(times, n_frequencies),
            "frequency": np.tile(frequencies, n_times),
        }
        for name in ("contribution", "attention", "class_map"):
            values = getattr(maps, name)
            if values is not None:
                columns[name] = values[number].ravel()
        return pd.DataFrame(columns)

    def to_audacity(self, path, label=None, share=0.5):
        """Write the moments that speak most for a class as a label track of Audacity.

        The times are those of the recording itself, so that the track fits it where `signal` is cut
        from its middle. Those of a short recording go on beyond its end, as it is repeated.

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
            f"{row.start:.6f}\t{row.end:.6f}\t{label} {self._written(row.contribution)}\n"
            for row in rows.itertuples()
        ]
        Path(path).write_text("".join(lines), encoding="utf-8")

    def _written(self, contribution):
        """A contribution as text; probabilities are the smaller numbers."""
        return f"{contribution:+.{3 if self.scale == 'logit' else 4}f}"

    def _hop(self):
        """Seconds from one frame to the next."""
        if len(self.times) > 1:
            return float(self.times[1] - self.times[0])
        return float(2 * self.times[0])

    def _check_times(self, name):
        if self.times is None:
            raise ValueError(
                f"{name} needs the times of the frames: explain recordings with the whole "
                "pipeline, or give front_end=the fitted LogMelTransformer."
            )

    def _on_input(self, maps, *, shared):
        if maps is None:
            return None
        spread = _spread(maps, self.features.shape, self.cell)
        return spread if shared else spread * (self.cell[0] * self.cell[1])


def recording_name(recording, row):
    """What an explanation calls a recording: its path, or its row."""
    return str(recording) if is_path(recording) else f"recording {row}"


def _spread(maps, shape, cell):
    """Maps (n_classes, times, frequencies) on a finer grid, every cell shared out evenly."""
    fine = np.zeros((len(maps), *shape), np.float32)
    shares = (maps / (cell[0] * cell[1])).astype(np.float32)
    shares = shares.repeat(cell[0], axis=1).repeat(cell[1], axis=2)
    fine[:, : shares.shape[1], : shares.shape[2]] = shares
    return fine
