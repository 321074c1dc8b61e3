"""The numbers behind LogMelTransformer: filters, spectra, and their moments."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import scipy.fft

from .._cpu import kernel as _kernel

# Frames that are transformed at once: the working set (0.8 MB) stays in the cache.
_BLOCK = 128


class LogMel:
    """Computes log-mel spectrograms, in a working memory for one thread.

    Parameters
    ----------
    plan : Plan
        What is to be computed.
    mean, scale : ndarray of shape (n_mels,), default=None
        By which the features are standardised; they are not if None.
    """

    def __init__(self, plan, mean=None, scale=None):
        self._plan, self._mean, self._scale = plan, mean, scale
        self._fast = None
        settings = len(plan.window), len(plan.frequencies), plan.power, plan.log_floor
        if _kernel.is_made_for(*settings):
            self._fast = _kernel.Spectrogram(plan, mean, scale)

    def __call__(self, recordings, out):
        """Write the features of recordings into `out`.

        Each has `plan.n_times` samples, or fewer with ``pad="mask"``, at least one frame: the
        features of frames that it has not are NaN. Returns the moments of the others where they
        are not standardised, else None. Raises OverflowError with the number of the recording
        whose features are not finite.
        """
        masked = self._plan.pad == "mask"
        if self._fast and not masked and self._fast(recordings, out):
            return Moments(*self._fast.moments()) if self._mean is None else None
        moments = []
        for number, (samples, features) in enumerate(zip(recordings, out, strict=True)):
            n_frames = self._plan.frames_of(samples.size)
            features[n_frames:] = np.nan  # none of them without pad="mask"
            moments.append(self._alone(number, samples, features[:n_frames]))
        return Moments.together(moments) if self._mean is None else None

    def _alone(self, number, samples, features):
        """The same for one recording, of all settings, and with magnitudes beyond float32."""
        if self._fast and self._fast([samples], features[None]):
            return Moments(*self._fast.moments())
        with np.errstate(over="ignore", invalid="ignore"):
            _log_mel(samples, self._plan, features)
        if not np.isfinite(features).all():
            raise OverflowError(number)
        moments = Moments.of(features)
        if self._mean is not None:
            standardise(features, self._mean, self._scale)
        return moments


def _log_mel(samples, plan, out):
    """Write the log-mel spectrogram of a recording into `out`, all in float64.

    The product with sparse filters is a sum in a fixed order, without BLAS and its threads.
    """
    frames = np.lib.stride_tricks.sliding_window_view(samples, len(plan.window))
    frames = frames[:: plan.hop_length]
    windowed = np.empty((_BLOCK, len(plan.window)))
    for start in range(0, len(out), _BLOCK):
        block = frames[start : start + _BLOCK]
        block = np.multiply(block, plan.window, out=windowed[: len(block)])
        spectrum = scipy.fft.rfft(block, axis=1)
        parts = spectrum.view(np.float64)
        np.multiply(parts, parts, out=parts)
        # Frequencies first, frames last: the order in which the sparse product is quick.
        energy = np.add(parts[:, ::2].T, parts[:, 1::2].T, order="C")
        if plan.power == 1:
            np.sqrt(energy, out=energy)
        elif plan.power != 2:
            np.power(energy, plan.power / 2, out=energy)
        mel = plan.filters @ energy
        mel += plan.log_floor
        np.log(mel, out=mel)
        out[start : start + _BLOCK] = mel.T


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
    """(features - mean) / scale in place, computed in float64, rounded to float32."""
    precise = features.astype(np.float64)
    precise -= mean
    precise *= 1 / scale  # as the kernel does
    features[...] = precise
