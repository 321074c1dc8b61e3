"""The numbers behind LogMelTransformer: filters, spectra, and their moments."""

from __future__ import annotations

import functools
import warnings
from typing import NamedTuple

import numpy as np
import scipy.fft
import scipy.signal
import scipy.sparse

from .._cpu import kernel as _kernel

# Frames that are transformed at once: the working set (0.8 MB) stays in the cache.
_BLOCK = 128


class Plan(NamedTuple):
    """Everything that turns samples into features, checked and computed once.

    Attributes
    ----------
    sr : int
        Rate in Hz.
    n_times : int
        Samples to which each recording is cut or filled.
    n_frames : int
        Frames per recording.
    hop_length : int
        Samples from one frame to the next.
    crop, pad : str
        How a longer recording is cut and a shorter one is filled, or not.
    window : ndarray of shape (n_fft,)
        The window, with zeros at both ends where it is shorter than the frame.
    filters : scipy.sparse.csr_array of shape (n_mels, 1 + n_fft // 2)
        The mel filters.
    frequencies : ndarray of shape (n_mels,)
        Centres of the mel filters in Hz.
    power : float
        Exponent of the magnitude.
    log_floor : float
        Added before the logarithm.
    """

    sr: int
    n_times: int
    n_frames: int
    hop_length: int
    crop: str
    pad: str
    window: np.ndarray
    filters: scipy.sparse.csr_array
    frequencies: np.ndarray
    power: float
    log_floor: float

    def frames_of(self, n_samples):
        """Whole frames in that many samples, at most `n_frames`; 0 or less where there is none."""
        return min(self.n_frames, 1 + (n_samples - len(self.window)) // self.hop_length)

    @property
    def frame_times(self):
        """Centre of each frame in seconds from the start of the cut recording."""
        return (np.arange(self.n_frames) * self.hop_length + len(self.window) / 2) / self.sr


def make_plan(params):
    """Check parameters against each other and prepare the window and the filters.

    Parameters
    ----------
    params : dict
        The parameters of LogMelTransformer, each valid by itself.
    """
    sr, n_fft = int(params["sr"]), int(params["n_fft"])
    n_times = round(params["duration"] * sr)
    if n_times < n_fft:
        raise ValueError(
            f"duration={params['duration']!r} s at sr={sr} Hz is {n_times} samples, fewer than "
            f"one frame of n_fft={n_fft}. Take a duration of at least {n_fft / sr:g} s "
            "or a smaller n_fft."
        )
    filters, frequencies = mel_filters(
        sr, n_fft, int(params["n_mels"]), *_band(params), bool(params["htk"])
    )
    return Plan(
        sr=sr,
        n_times=n_times,
        n_frames=1 + (n_times - n_fft) // params["hop_length"],
        hop_length=params["hop_length"],
        crop=params["crop"],
        pad=params["pad"],
        window=_padded_window(params["window"], params["win_length"], n_fft),
        filters=filters,
        frequencies=frequencies,
        power=params["power"],
        log_floor=params["log_floor"],
    )


def _band(params):
    """The lowest and the highest frequency of the filters in Hz, checked."""
    sr, fmin, fmax = params["sr"], params["fmin"], params["fmax"]
    nyquist = sr / 2
    if fmax is None:
        fmax = nyquist
    elif fmax > nyquist:
        raise ValueError(
            f"fmax={fmax!r} Hz is above half the rate, {nyquist:g} Hz at sr={sr}. "
            f"Set fmax to at most {nyquist:g}, to None for just that, or raise sr."
        )
    if fmin >= fmax:
        raise ValueError(
            f"fmin={fmin!r} Hz must be below fmax={fmax:g} Hz. Lower fmin or raise fmax or sr."
        )
    return float(fmin), float(fmax)


def _padded_window(window, win_length, n_fft):
    """The periodic window in the middle of a frame of zeros."""
    win_length = n_fft if win_length is None else win_length
    if win_length > n_fft:
        raise ValueError(
            f"win_length={win_length} is longer than n_fft={n_fft}. "
            f"Set win_length to at most {n_fft}, or raise n_fft."
        )
    try:
        values = scipy.signal.get_window(window, win_length, fftbins=True)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"window={window!r} is no window that scipy.signal.get_window knows: {error}"
        ) from error
    padded = np.zeros(n_fft)
    start = (n_fft - win_length) // 2
    padded[start : start + win_length] = values
    return padded


@functools.lru_cache(maxsize=64)
def mel_filters(sr, n_fft, n_mels, fmin, fmax, htk):
    """librosa's mel filters (area-normalised) as a sparse matrix, and their centres in Hz."""
    import librosa.filters  # seconds of import: only here, where filters are built

    edges = librosa.mel_frequencies(n_mels + 2, fmin=fmin, fmax=fmax, htk=htk)
    empty = _empty_filters(edges, sr, n_fft)
    if empty.size:
        _raise_empty(empty, sr, n_fft, n_mels, fmin, fmax, htk)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        filters = librosa.filters.mel(
            sr=sr, n_fft=n_fft, n_mels=n_mels, fmin=fmin, fmax=fmax,
            htk=htk, norm="slaney", dtype=np.float64,
        )  # fmt: skip
    return scipy.sparse.csr_array(filters), edges[1:-1]


def _empty_filters(edges, sr, n_fft):
    """Filters that have no FFT bin strictly between their outer edges."""
    bins = np.fft.rfftfreq(n_fft, 1 / sr)
    first = np.searchsorted(bins, edges[:-2], side="right")
    last = np.searchsorted(bins, edges[2:], side="left")
    return np.flatnonzero(first >= last)


def _raise_empty(empty, sr, n_fft, n_mels, fmin, fmax, htk):
    """Say which filters are empty and which n_mels or n_fft has none."""
    import librosa

    def complete(mels, size):
        edges = librosa.mel_frequencies(mels + 2, fmin=fmin, fmax=fmax, htk=htk)
        return not _empty_filters(edges, sr, size).size

    # A bin lies in two filters at most, so that no more than n_fft + 2 can be filled.
    fewer = range(min(n_mels - 1, n_fft + 2), 0, -1)
    mels = next((m for m in fewer if complete(m, n_fft)), None)
    larger = (1 << k for k in range(n_fft.bit_length(), 21))
    size = next((s for s in larger if complete(n_mels, s)), None)
    remedies = [f"n_mels={mels}"] * bool(mels) + [f"n_fft={size}"] * bool(size)
    shown = ", ".join(map(str, empty[:8])) + (", ..." if empty.size > 8 else "")
    raise ValueError(
        f"{empty.size} of n_mels={n_mels} mel filters (number {shown}) hold no FFT bin at "
        f"sr={sr}, n_fft={n_fft}, fmin={fmin:g}, fmax={fmax:g}. "
        f"Set {' or '.join(remedies) or 'a wider band from fmin to fmax'}."
    )


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
