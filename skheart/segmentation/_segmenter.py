"""The segmenter of heart sounds."""

from __future__ import annotations

from numbers import Integral, Real
from typing import NamedTuple

import numpy as np
import torch
from sklearn.base import BaseEstimator, _fit_context
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import check_is_fitted

from .._utils.parallel import progress
from .._utils.random import own_generator
from ..audio import list_recordings, load_samples, name_of
from ..features import LogMelTransformer
from ..nets import resolve_device, torch_settings
from ._decode import decode
from ._labels import PHASES, checked_tables, phases_at, table_of
from ._phase_net import N_PHASES, PhaseNet, train

__all__ = ["HeartPhaseSegmenter"]

LONGEST = 900.0  # s of a recording, or of all of a patient's as one: what memory is taken for


class Look(NamedTuple):
    """What a segmenter sees in a recording.

    Attributes
    ----------
    log_mel : ndarray of shape (n_frames, n_mels)
        Standardised.
    probabilities : ndarray of shape (4, n_frames)
        Of the phases, in the order of `PHASES`.
    clarity : ndarray of shape (n_frames,)
        Probability that an annotator would have given the frame a phase.
    duration : float
        In s.
    """

    log_mel: np.ndarray
    probabilities: np.ndarray
    clarity: np.ndarray
    duration: float


class HeartPhaseSegmenter(BaseEstimator):
    """Find S1, systole, S2 and diastole in heart sound recordings.

    A residual net of dilated convolutions looks at about 2 s of log-mel frames around each one, and
    gives the probability of each phase; the course of phases is then the likeliest in which they
    follow each other, each for a while (Viterbi's algorithm).

    Parameters
    ----------
    sr : int, default=4000
        Rate in Hz. Files of another rate are resampled to it; arrays are taken to have it.
    win_length : int, default=128
        Length in samples of the window of a log-mel frame, see `LogMelTransformer`.
    hop_length : int, default=64
        Samples from one frame to the next.
    n_mels : int, default=32
        Mel bins of a frame.
    width : int, default=48
        Channels of each layer.
    n_layers : int, default=5
        Layers; each looks twice as far as the one before.
    crop : float, default=6.0
        Length in s of what is looked at in training, drawn anew in each epoch.
    lr : float, default=3e-3
        Largest rate of AdamW, in one cycle.
    max_epochs : int, default=10
        How often each recording is trained on.
    batch_size : int, default=32
        Recordings in a batch.
    device : str, default="auto"
        Where the net is trained: "auto", "cpu" or "cuda". It predicts on the CPU.
    random_state : int, RandomState instance or None, default=None
        Draws the weights that training begins with, the order and the crops.
    verbose : int, default=0
        1 shows progress on standard error.

    Attributes
    ----------
    front_end_ : LogMelTransformer
        Fitted to the training recordings.
    module_ : torch.nn.Module
        The fitted net.
    n_recordings_ : int
        Annotated recordings that it was trained on.

    See Also
    --------
    skheart.segmentation.HeartCycleTransformer : Features of the average heart cycle.
    skheart.explain.phase_enrichment : Where in the heart cycle a model looks.

    Notes
    -----
    Net, rates and durations are ours, chosen on CirCor. The front end is that of
    ``make_heart_pipeline(recipe="attention")``.

    References
    ----------
    The task and the cyclic model of durations: Springer, Tarassenko, Clifford, "Logistic
    regression-HSMM-based heart sound segmentation", IEEE Trans. Biomed. Eng. 63 (2016) 822-832.
    That a net may take the place of the features: Renna, Oliveira, Coimbra, "Deep convolutional
    neural networks for heart sound segmentation", IEEE J. Biomed. Health Inform. 23 (2019).

    Examples
    --------
    >>> from skheart.datasets import make_heart_sounds
    >>> from skheart.segmentation import HeartPhaseSegmenter
    >>> sounds = make_heart_sounds(n_subjects=12, duration=6, random_state=0)
    >>> segmenter = HeartPhaseSegmenter(width=8, max_epochs=2, random_state=0)
    >>> tables = segmenter.fit(sounds.data, sounds.segmentation).predict(sounds.data[:2])
    >>> tables[0].columns.tolist()
    ['start', 'end', 'state']
    """

    _parameter_constraints = {
        "sr": [Interval(Integral, 1, None, closed="left")],
        "win_length": [Interval(Integral, 2, None, closed="left")],
        "hop_length": [Interval(Integral, 1, None, closed="left")],
        "n_mels": [Interval(Integral, 1, None, closed="left")],
        "width": [Interval(Integral, 1, None, closed="left")],
        "n_layers": [Interval(Integral, 1, 12, closed="both")],
        "crop": [Interval(Real, 0, None, closed="neither")],
        "lr": [Interval(Real, 0, None, closed="neither")],
        "max_epochs": [Interval(Integral, 1, None, closed="left")],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "device": [str],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        *,
        sr=4000,
        win_length=128,
        hop_length=64,
        n_mels=32,
        width=48,
        n_layers=5,
        crop=6.0,
        lr=3e-3,
        max_epochs=10,
        batch_size=32,
        device="auto",
        random_state=None,
        verbose=0,
    ):
        self.sr = sr
        self.win_length = win_length
        self.hop_length = hop_length
        self.n_mels = n_mels
        self.width = width
        self.n_layers = n_layers
        self.crop = crop
        self.lr = lr
        self.max_epochs = max_epochs
        self.batch_size = batch_size
        self.device = device
        self.random_state = random_state
        self.verbose = verbose

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y):
        """Learn phases from annotated recordings.

        Parameters
        ----------
        X : list, array, Series or DataFrame
            Recordings or paths, as `LogMelTransformer` takes them.
        y : list of (DataFrame or None)
            Of each recording `start` and `end` (s) and `state` ("S1", "systole", "S2", "diastole";
            anything else counts as unknown), as `load_circor` and `make_heart_sounds` give them
            in `segmentation`. Recordings with None or without a known phase are left out.

        Returns
        -------
        self : HeartPhaseSegmenter
            The fitted segmenter.

        Raises
        ------
        ValueError
            If X and y differ in length, or a phase is annotated nowhere.
        """
        recordings = _as_list(X)
        tables = checked_tables(recordings, y)
        device = resolve_device(self.device)
        n_frames = round(self.crop * self.sr / self.hop_length)
        if n_frames < 2:
            raise ValueError(
                f"crop={self.crop} is {n_frames} frames of {self.hop_length / self.sr:g} s; it "
                "must be 2 frames or longer."
            )
        front_end, features, phases = self._frames_and_phases(recordings, tables)
        rng = own_generator(self.random_state)
        with (
            torch_settings(device, 1, seed=rng.randint(2**31)),
            progress(self.max_epochs * len(features), "phases", self.verbose) as advance,
        ):
            net = PhaseNet(self.n_mels, self.width, self.n_layers).to(device, torch.float32)
            train(
                net,
                features,
                phases,
                lr=self.lr,
                max_epochs=self.max_epochs,
                batch_size=self.batch_size,
                n_frames=n_frames,
                rng=rng,
                advance=advance,
            )
        self.front_end_, self.module_ = front_end, net.to("cpu")
        self.n_recordings_ = len(features)
        return self

    def predict(self, X):
        """Find the phases of recordings.

        Parameters
        ----------
        X : list, array, Series or DataFrame
            As for `fit`.

        Returns
        -------
        tables : list of DataFrame
            Of each recording `start`, `end` (s) and `state`, without gaps from its start to its
            end. They follow each other as in the heart: S1, systole, S2, diastole.
        """
        tables = []
        for row, recording in enumerate(self._checked(X)):
            seen = self.look(recording, row)
            times = self.front_end_.frame_times_[: len(seen.log_mel)]
            tables.append(table_of(self.course(seen.probabilities), times, seen.duration))
        return tables

    def predict_proba(self, X):
        """Probability of each phase in each frame.

        Parameters
        ----------
        X : list, array, Series or DataFrame
            As for `fit`.

        Returns
        -------
        probabilities : list of ndarray of shape (n_frames, 4)
            Of each recording, in the order of `PHASES`; the frames are
            ``front_end_.frame_times_``.
        """
        recordings = self._checked(X)
        return [self.look(each, row).probabilities.T for row, each in enumerate(recordings)]

    def score(self, X, y):
        """Share of the annotated frames whose phase is found, the mean over recordings.

        Parameters
        ----------
        X : list, array, Series or DataFrame
            As for `fit`.
        y : list of (DataFrame or None)
            As for `fit`.

        Returns
        -------
        share : float
        """
        recordings = self._checked(X)
        tables = checked_tables(recordings, y)
        shares = []
        for row, (recording, table) in enumerate(zip(recordings, tables, strict=True)):
            if table is not None:
                seen = self.look(recording, row)
                true = phases_at(table, self.front_end_.frame_times_[: len(seen.log_mel)])
                known = true >= 0
                if known.any():
                    shares.append((self.course(seen.probabilities) == true)[known].mean())
        if not shares:
            raise ValueError("y has a known phase for no recording: there is nothing to score.")
        return float(np.mean(shares))

    @torch.no_grad()
    def look(self, recording, row=0):
        """Frames of one recording and what the net says of them.

        Parameters
        ----------
        recording : path or array of shape (n_times,)
            One recording.
        row : int, default=0
            Its place in the user's X, for the message of an error.

        Returns
        -------
        seen : Look
        """
        check_is_fitted(self, "module_")
        samples = self._samples(recording, row)
        try:
            log_mel = self._frames(self.front_end_, samples)
        except ValueError as error:  # of one recording, which it calls that of row 0
            text = str(error).replace("The recording at row 0", name_of(recording, row))
            raise ValueError(text) from error
        with torch_settings(torch.device("cpu"), 1):
            logits = self.module_(torch.from_numpy(log_mel)[None])[0]
            probabilities = logits[:N_PHASES].softmax(0).numpy()
            clarity = logits[N_PHASES].sigmoid().numpy()
        return Look(log_mel, probabilities, clarity, len(samples) / self.sr)

    def course(self, probabilities):
        """The likeliest phase of each frame, as its number in `PHASES`.

        Parameters
        ----------
        probabilities : ndarray of shape (4, n_frames)
            What `look` gives.

        Returns
        -------
        ndarray of int of shape (n_frames,)
        """
        return decode(probabilities, self.hop_length / self.sr)

    def _frames_and_phases(self, recordings, tables):
        """A front end, and of each annotated recording frames and their phases."""
        kept = [row for row, table in enumerate(tables) if table is not None]
        kept = [row for row in kept if tables[row]["state"].isin(PHASES).any()]
        if not kept:
            raise ValueError("y has a known phase for no recording: there is nothing to learn.")
        front_end = self._new_front_end()
        samples = [self._samples(recordings[row], row) for row in kept]
        front_end.fit(samples)
        features = [self._frames(front_end, each) for each in samples]
        phases = [
            phases_at(tables[row], front_end.frame_times_[: len(log_mel)])
            for row, log_mel in zip(kept, features, strict=True)
        ]
        for number, name in enumerate(PHASES):
            if not any((phase == number).any() for phase in phases):
                raise ValueError(
                    f"y annotates no {name} in any recording: give recordings that show all of "
                    f"{', '.join(PHASES)}."
                )
        return front_end, features, phases

    def _new_front_end(self):
        return LogMelTransformer(
            sr=self.sr,
            duration=LONGEST,
            n_fft=max(256, self.win_length),
            win_length=self.win_length,
            hop_length=self.hop_length,
            n_mels=self.n_mels,
            pad="mask",
        )

    def _checked(self, X):
        check_is_fitted(self, "module_")
        return _as_list(X)

    def _samples(self, recording, row):
        """The samples of a recording, checked."""
        samples = load_samples(recording, row, self.sr)
        shortest, duration = max(256, self.win_length) / self.sr, len(samples) / self.sr
        if not shortest <= duration <= LONGEST:
            raise ValueError(
                f"{name_of(recording, row)} lasts {duration:.4g} s; phases are looked for in "
                f"recordings from {shortest:.4g} s to {LONGEST:g} s. Cut it, or leave it out."
            )
        return samples

    @staticmethod
    def _frames(front_end, samples):
        """The frames of a recording that are there."""
        log_mel = front_end.transform([samples])[0]
        n_frames = int(np.isfinite(log_mel[:, 0]).sum())
        return log_mel[:n_frames].copy()


def _as_list(X):
    recordings = list_recordings(X)
    return list(np.asarray(X)) if recordings is None else recordings
