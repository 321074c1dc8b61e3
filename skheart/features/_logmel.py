"""Log-mel spectrograms, their moments, and standardisation."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .._cpu.mel_spectrogram import MelSpectrogram


class LogMel:
    """Log-mel spectrograms of recordings.

    Parameters
    ----------
    plan : Plan
        Spectrogram settings.
    mean, scale : ndarray of shape (n_mels,), default=None
        Mean and standard deviation of each mel bin; features are not standardised if None.
    compiled : bool, default=False
        Use the compiled mel spectrogram, if the settings have one.
    """

    def __init__(self, plan, mean=None, scale=None, compiled=False):
        self._plan, self._mean, self._scale = plan, mean, scale
        settings = plan.window, plan.hop_length, plan.filters, plan.power, plan.log_floor
        self._exact = MelSpectrogram(*settings, dtype=np.float64)
        # The floor hides what is too small for float32.
        fits = plan.log_floor >= 1e-16
        self._usual = MelSpectrogram(*settings, compiled=compiled) if fits else self._exact

    def __call__(self, recordings, out):
        """Write the features of recordings to `out`.

        Recordings have `plan.n_times` samples, or with ``pad="mask"`` fewer but at least one
        frame; features of missing frames are NaN. Returns the moments of the others if features
        are not standardised, else None. Raises OverflowError with the number of the first
        recording whose features are not finite.
        """
        moments = []
        for number, (samples, features) in enumerate(zip(recordings, out, strict=True)):
            n_frames = self._plan.frames_of(samples.size)
            features[n_frames:] = np.nan
            features = features[:n_frames]
            if not self._fill(samples, features):
                raise OverflowError(number)
            if self._mean is None:
                moments.append(Moments.of(features))
            else:
                standardise(features, self._mean, self._scale)
        return Moments.together(moments) if self._mean is None else None

    def _fill(self, samples, out):
        """Write logarithms; returns whether they are finite."""
        with np.errstate(over="ignore", invalid="ignore"):
            if self._usual is not self._exact:
                self._usual(samples, out)
                np.log(out, out=out)
                if np.isfinite(out.sum()):
                    return True
            # Squares beyond float32, or below it where the floor is small.
            mel = np.empty(out.shape)
            self._exact(samples, mel)
            out[...] = np.log(mel)
        return np.isfinite(out.sum())


class Moments(NamedTuple):
    """Count, mean and sum of squared deviations of each mel bin, in float64."""

    count: int
    mean: np.ndarray
    squares: np.ndarray

    @classmethod
    def of(cls, features):
        """Moments of the frames of one recording."""
        deviations = features.astype(np.float64)
        mean = deviations.mean(axis=0)
        deviations -= mean
        return cls(len(features), mean, np.einsum("ij,ij->j", deviations, deviations))

    @classmethod
    def together(cls, moments):
        """Moments of all the frames of several."""
        counts, means, squares = map(np.array, zip(*moments, strict=True))
        weights = counts[:, None] / counts.sum()
        mean = (weights * means).sum(axis=0)
        between = (counts[:, None] * (means - mean) ** 2).sum(axis=0)
        return cls(int(counts.sum()), mean, squares.sum(axis=0) + between)

    @property
    def scale(self):
        """Deviation of each bin, 1 where it is constant to the rounding of float32."""
        scale = np.sqrt(self.squares / self.count)
        constant = scale <= 1e-6 * np.maximum(1.0, np.abs(self.mean))
        return np.where(constant, 1.0, scale)


def standardise(features, mean, scale):
    """(features - mean) / scale in place, in float32."""
    features -= mean.astype(np.float32)
    features *= (1 / scale).astype(np.float32)
