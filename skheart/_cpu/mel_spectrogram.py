"""Mel spectrogram of a recording, by SciPy's Fourier transform or by a compiled one."""

from __future__ import annotations

import numpy as np
import scipy.fft

__all__ = ["MelSpectrogram"]

# Frames that SciPy transforms at once: they stay in the cache.
BLOCK = 128


class MelSpectrogram:
    """Compute ``floor + filters @ abs(rfft(window * frame)) ** power`` for each frame.

    The transform and its squares are float64. With `dtype` float32 they are rounded to it before
    the root and the filters, whose errors are relative to each bin: in float32, rounding errors of
    the transform of a loud frame exceed the content of its quiet bins.

    Parameters
    ----------
    window : ndarray of shape (n_fft,)
        Multiplied with each frame.
    hop_length : int
        Samples from one frame to the next.
    filters : csr_array of shape (n_mels, 1 + n_fft // 2)
        Mel filters, in each of which the nonzero weights are neighbours.
    power : float
        Exponent of the magnitudes.
    floor : float
        Added to each value.
    dtype : {np.float32, np.float64}, default=np.float32
        Type of roots, filters and results.
    compiled : bool, default=False
        Use the compiled kernel. It is made for float32, magnitudes or their squares, a power of
        two of at least 16 samples in a frame, and at least 8 filters; all else is left to SciPy.
    """

    def __init__(
        self, window, hop_length, filters, power, floor, *, dtype=np.float32, compiled=False
    ):
        n_fft = len(window)
        self._window, self._hop, self._power = window, int(hop_length), power
        self._filters, self._floor = filters.astype(dtype), dtype(floor)
        suits = n_fft >= 16 and n_fft & (n_fft - 1) == 0 and filters.shape[0] >= 8
        self._compiled = compiled and dtype == np.float32 and power in (1, 2) and suits

    def __call__(self, samples, out):
        """Write the spectrogram of `samples` to `out`, an array (n_frames, n_mels) of `dtype`."""
        if self._compiled:
            self._run_kernel(samples, out)
        else:
            self._run_scipy(samples, out)

    def _run_kernel(self, samples, out):
        from .mel_kernel import mel_spectrogram  # only where it compiles: llvmlite

        kind = np.float32 if samples.dtype == np.float32 else np.float64
        samples = np.require(samples, kind, "CA")
        settings = self._window, self._hop, self._filters, self._power, self._floor
        mel_spectrogram(samples, *settings, out)

    def _run_scipy(self, samples, out):
        frames = np.lib.stride_tricks.sliding_window_view(samples, len(self._window))
        frames = frames[:: self._hop][: len(out)]
        for start in range(0, len(out), BLOCK):
            spectrum = scipy.fft.rfft(frames[start : start + BLOCK] * self._window, axis=1)
            parts = spectrum.view(np.float64)
            np.square(parts, out=parts)
            # Frequencies first: the order in which the product with sparse filters is quick. Its
            # sums have a fixed order, which those of BLAS and its threads have not.
            squares = (spectrum.real + spectrum.imag).T.astype(out.dtype, order="C")
            if self._power == 1:
                np.sqrt(squares, out=squares)
            elif self._power != 2:
                np.power(squares, self._power / 2, out=squares)
            np.add((self._filters @ squares).T, self._floor, out=out[start : start + BLOCK])
