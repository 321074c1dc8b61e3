"""HeartPhaseSegmenter: recordings in, tables of heart phases out."""

from __future__ import annotations

from numbers import Integral, Real
from typing import NamedTuple

import numpy as np
import torch
from sklearn.base import BaseEstimator, _fit_context
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import check_is_fitted

from .._utils.parallel import progress
from .._utils.random import new_random_state
from ..audio import as_recording_list, has_heartbeat, load_samples, recording_name
from ..features import LogMelTransformer
from ..nets import resolve_device, torch_settings
from ._phase_net import N_PHASES
from ._phases import PHASES, check_segmentations, decode_phases, make_table, phases_at
from ._training import RandomCrops, train_phase_net
from ._warnings import warn_without_heartbeat

__all__ = ["FrameScores", "HeartPhaseSegmenter"]

MAX_DURATION = 900.0  # s; memory for the times of so many frames is reserved


class FrameScores(NamedTuple):
    """Frames of a recording and what the network predicts for them.

    `log_mel` (n_frames, n_mels) is standardised, `probabilities` (4, n_frames) are those of
    `PHASES`, `quality` (n_frames,) is the probability that an annotator would have assigned a
    phase, `duration` is in s, and `heartbeat` tells whether a heartbeat is found in the samples.
    """

    log_mel: np.ndarray
    probabilities: np.ndarray
    quality: np.ndarray
    duration: float
    heartbeat: bool = True


class HeartPhaseSegmenter(BaseEstimator):
    """Find S1, systole, S2 and diastole in heart sound recordings.

    A network of dilated convolutions over about 2 s estimates the probability of each phase in each
    log-mel frame, and the Viterbi algorithm finds the most probable cyclic sequence of phases.

    Parameters
    ----------
    sr : int, default=4000
        Sampling rate in Hz. Files are resampled to it; arrays are assumed to have it.
    win_length : int, default=128
        Window length of a log-mel frame in samples, see `LogMelTransformer`.
    hop_length : int, default=64
        Samples between successive frames.
    n_mels : int, default=32
        Number of mel bins.
    width : int, default=48
        Channels of each layer.
    n_layers : int, default=5
        Number of layers; the dilation doubles from layer to layer.
    crop : float, default=6.0
        Length in s of the random crops that the network is trained on.
    lr : float, default=3e-3
        Largest learning rate of AdamW, in a one-cycle schedule.
    max_epochs : int, default=10
        Number of epochs, each with one crop of every recording.
    batch_size : int, default=32
        Recordings per batch.
    device : str, default="auto"
        Device to train on: "auto", "cpu" or "cuda". Predictions are made on the CPU.
    random_state : int, RandomState instance or None, default=None
        Seed of the initial weights, the order of the recordings and the crops.
    verbose : int, default=0
        1 shows a progress bar on standard error.

    Attributes
    ----------
    front_end_ : LogMelTransformer
        Front end, fitted to the training recordings.
    module_ : torch.nn.Module
        The fitted network.
    n_recordings_ : int
        Number of annotated recordings in the training set.

    See Also
    --------
    skheart.segmentation.HeartCycleTransformer : Features of the average heart cycle.
    skheart.explain.phase_enrichment : Contributions of a model by heart phase.

    Notes
    -----
    All settings were chosen on CirCor. The front end is that of
    ``make_heart_pipeline(recipe="attention")``. Crops have a random gain and tilt, and the loss is
    the phase cross-entropy plus 0.3 times the cross-entropy of whether a frame is annotated.

    References
    ----------
    The task and the cyclic model of durations: Springer, Tarassenko, Clifford, "Logistic
    regression-HSMM-based heart sound segmentation", IEEE Trans. Biomed. Eng. 63 (2016) 822-832.
    A network in place of hand-made features: Renna, Oliveira, Coimbra, "Deep convolutional
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
        """Train the network on annotated recordings.

        Parameters
        ----------
        X : list, array, Series or DataFrame
            Recordings or paths, as for `LogMelTransformer`.
        y : list of (DataFrame or None)
            Segmentation of each recording: a table with the columns `start` and `end` (s) and
            `state` ("S1", "systole", "S2", "diastole"; any other state is unknown), as the loaders
            return them. Recordings without a known phase are ignored.

        Returns
        -------
        self : HeartPhaseSegmenter
            The fitted segmenter.

        Raises
        ------
        TypeError
            If y is not a list of segmentations.
        ValueError
            If X and y differ in length, or a phase is not annotated in any recording.
        """
        recordings = _as_list(X)
        tables = check_segmentations(recordings, y)
        device = resolve_device(self.device)
        n_frames = round(self.crop * self.sr / self.hop_length)
        if n_frames < 2:
            raise ValueError(
                f"crop={self.crop} is {n_frames} frames of {self.hop_length / self.sr:g} s. Set it "
                "to at least 2 frames."
            )
        front_end, features, phases = self._prepare(recordings, tables)
        seed = new_random_state(self.random_state).randint(2**31)
        with (
            torch_settings(device, 1, seed=seed),
            progress(self.max_epochs * len(features), "phases", self.verbose) as advance,
        ):
            self.module_ = train_phase_net(
                RandomCrops(features, phases, n_frames),
                module__n_mels=self.n_mels,
                module__width=self.width,
                module__n_layers=self.n_layers,
                lr=self.lr,
                max_epochs=self.max_epochs,
                batch_size=self.batch_size,
                device=str(device),
                advance=advance,
            )
        self.front_end_, self.n_recordings_ = front_end, len(features)
        return self

    def predict(self, X):
        """Segment recordings into heart phases.

        Parameters
        ----------
        X : list, array, Series or DataFrame
            Recordings or paths, as for `fit`.

        Returns
        -------
        tables : list of DataFrame
            Table of each recording with the columns `start`, `end` (s) and `state`. The rows cover
            the recording without gaps, in cyclic order: S1, systole, S2, diastole. The table is
            empty if `skheart.audio.measure_quality` finds no heartbeat.

        Warns
        -----
        RecordingWarning
            If no heartbeat is found in a recording. `predict_proba` and `decode` give the most
            probable phases even so.
        """
        check_is_fitted(self, "module_")
        recordings, tables, heartbeats = _as_list(X), [], []
        for row, recording in enumerate(recordings):
            scores = self.score_frames(recording, row)
            times = self.front_end_.frame_times_[: len(scores.log_mel)]
            table = make_table(self.decode(scores.probabilities), times, scores.duration)
            tables.append(table if scores.heartbeat else table.iloc[:0])
            heartbeats.append(scores.heartbeat)
        warn_without_heartbeat(recordings, heartbeats, "Their tables are empty.")
        return tables

    def predict_proba(self, X):
        """Compute the probability of each phase in each frame.

        Parameters
        ----------
        X : list, array, Series or DataFrame
            Recordings or paths, as for `fit`.

        Returns
        -------
        probabilities : list of ndarray of shape (n_frames, 4)
            Probabilities of each recording, in the order of `PHASES`, at the times
            ``front_end_.frame_times_``.
        """
        check_is_fitted(self, "module_")
        return [
            self.score_frames(item, row).probabilities.T for row, item in enumerate(_as_list(X))
        ]

    def score(self, X, y):
        """Compute the fraction of annotated frames with the right phase, averaged over recordings.

        Recordings in which `predict` finds no heartbeat count, too.

        Parameters
        ----------
        X : list, array, Series or DataFrame
            Recordings or paths, as for `fit`.
        y : list of (DataFrame or None)
            Segmentations, as for `fit`.

        Returns
        -------
        score : float
            Mean accuracy of the recordings with a known phase.
        """
        check_is_fitted(self, "module_")
        recordings = _as_list(X)
        accuracies = []
        for row, table in enumerate(check_segmentations(recordings, y)):
            if table is not None:
                scores = self.score_frames(recordings[row], row)
                true = phases_at(table, self.front_end_.frame_times_[: len(scores.log_mel)])
                known = true >= 0
                if known.any():
                    accuracies.append((self.decode(scores.probabilities) == true)[known].mean())
        if not accuracies:
            raise ValueError("y has no known phase in any recording: there is nothing to score.")
        return float(np.mean(accuracies))

    @torch.no_grad()
    def score_frames(self, recording, row=0):
        """Compute log-mel frames and phase probabilities of one recording.

        Parameters
        ----------
        recording : path or array of shape (n_times,)
            One recording.
        row : int, default=0
            Its row in X, for error messages.

        Returns
        -------
        scores : FrameScores
            Named tuple of `log_mel`, `probabilities`, `quality`, `duration` and `heartbeat`.
        """
        check_is_fitted(self, "module_")
        samples = self._load(recording, row)
        try:
            log_mel = _valid_frames(self.front_end_, samples)
        except ValueError as error:  # the samples are finite and long enough: see _load
            raise ValueError(
                f"{recording_name(recording, row)} has samples so large that its spectrum "
                "overflows. Divide it by its peak."
            ) from error
        with torch_settings(torch.device("cpu"), 1):
            logits = self.module_(torch.from_numpy(log_mel)[None])[0]
            probabilities = logits[:N_PHASES].softmax(0).numpy()
            quality = logits[N_PHASES].sigmoid().numpy()
        heartbeat = has_heartbeat(samples, self.sr)
        return FrameScores(log_mel, probabilities, quality, len(samples) / self.sr, heartbeat)

    def decode(self, probabilities):
        """Find the most probable sequence of phases.

        Parameters
        ----------
        probabilities : ndarray of shape (4, n_frames)
            Phase probabilities, as in `score_frames`.

        Returns
        -------
        phases : ndarray of int of shape (n_frames,)
            Index in `PHASES` of the phase of each frame.
        """
        return decode_phases(probabilities, self.hop_length / self.sr)

    def _prepare(self, recordings, tables):
        """Fit a front end; compute frames and phases of each annotated recording."""
        rows = [row for row, table in enumerate(tables) if table is not None]
        rows = [row for row in rows if tables[row]["state"].isin(PHASES).any()]
        if not rows:
            raise ValueError("y has no known phase in any recording: there is nothing to learn.")
        front_end = self._new_front_end()
        samples = [self._load(recordings[row], row) for row in rows]
        front_end.fit(samples)
        features = [_valid_frames(front_end, each) for each in samples]
        phases = [
            phases_at(tables[row], front_end.frame_times_[: len(log_mel)])
            for row, log_mel in zip(rows, features, strict=True)
        ]
        found = np.unique(np.concatenate(phases))
        if missing := [name for number, name in enumerate(PHASES) if number not in found]:
            raise ValueError(
                f"y annotates no {', '.join(missing)} in any recording. Give recordings that show "
                f"all of {', '.join(PHASES)}."
            )
        return front_end, features, phases

    def _new_front_end(self):
        return LogMelTransformer(
            sr=self.sr,
            duration=MAX_DURATION,
            n_fft=max(256, self.win_length),
            win_length=self.win_length,
            hop_length=self.hop_length,
            n_mels=self.n_mels,
            pad="mask",
        )

    def _load(self, recording, row):
        """Load the samples of a recording and check its duration."""
        samples = load_samples(recording, row, self.sr)
        shortest, duration = max(256, self.win_length) / self.sr, len(samples) / self.sr
        if not shortest <= duration <= MAX_DURATION:
            raise ValueError(
                f"{recording_name(recording, row)} lasts {duration:.4g} s. Segmentation needs "
                f"recordings from {shortest:.4g} s to {MAX_DURATION:g} s: cut it, or leave it out."
            )
        return samples


def _valid_frames(front_end, samples):
    """Compute the log-mel frames of a recording, without padding."""
    log_mel = front_end.transform([samples])[0]
    return log_mel[: np.isfinite(log_mel[:, 0]).sum()].copy()


def _as_list(X):
    recordings = as_recording_list(X)
    return list(np.asarray(X)) if recordings is None else recordings
