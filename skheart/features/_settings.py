"""Settings of log-mel spectrograms: checked parameters, window and mel filters."""

from __future__ import annotations

import functools
import warnings
from typing import NamedTuple

import numpy as np
import scipy.signal
import scipy.sparse


class Plan(NamedTuple):
    """Checked settings of a log-mel spectrogram."""

    sr: int  # Hz
    n_times: int  # samples to which each recording is cut or padded
    n_frames: int
    hop_length: int  # samples
    crop: str
    pad: str
    window: np.ndarray  # of n_fft samples, with zeros at both ends if win_length is shorter
    mel: tuple  # arguments of `mel_filters`
    power: float
    log_floor: float

    @property
    def filters(self):
        """Mel filters, a csr_array of shape (n_mels, 1 + n_fft // 2)."""
        return mel_filters(*self.mel)[0]

    @property
    def frequencies(self):
        """Centre of each mel filter in Hz."""
        return mel_filters(*self.mel)[1]

    @property
    def frame_times(self):
        """Centre of each frame in seconds from the start of the cut recording."""
        return (np.arange(self.n_frames) * self.hop_length + len(self.window) / 2) / self.sr

    def frames_of(self, n_samples):
        """Return how many frames fit in n_samples, at most `n_frames`; not positive if none."""
        return min(self.n_frames, 1 + (n_samples - len(self.window)) // self.hop_length)


def make_plan(params):
    """Return the settings for parameters of LogMelTransformer, each valid by itself.

    Mel filters are built when they are used.
    """
    sr, n_fft = int(params["sr"]), int(params["n_fft"])
    n_times = round(params["duration"] * sr)
    if n_times < n_fft:
        raise ValueError(
            f"duration={params['duration']!r} s at sr={sr} Hz is {n_times} samples, fewer than "
            f"one frame of n_fft={n_fft}. Set duration to at least {n_fft / sr:g} s "
            "or n_fft to a smaller value."
        )
    return Plan(
        sr=sr,
        n_times=n_times,
        n_frames=1 + (n_times - n_fft) // params["hop_length"],
        hop_length=params["hop_length"],
        crop=params["crop"],
        pad=params["pad"],
        window=_padded_window(params["window"], params["win_length"], n_fft),
        mel=(sr, n_fft, int(params["n_mels"]), *_band(params), bool(params["htk"])),
        power=params["power"],
        log_floor=params["log_floor"],
    )


def _band(params):
    """Return the lowest and highest frequency of the filters in Hz."""
    sr, fmin, fmax = params["sr"], params["fmin"], params["fmax"]
    nyquist = sr / 2
    if fmax is None:
        fmax = nyquist
    elif fmax > nyquist:
        raise ValueError(
            f"fmax={fmax!r} Hz is above half the rate, {nyquist:g} Hz at sr={sr}. "
            f"Set fmax to None or at most {nyquist:g}, or raise sr."
        )
    if fmin >= fmax:
        raise ValueError(
            f"fmin={fmin!r} Hz must be below fmax={fmax:g} Hz. Lower fmin, or raise fmax or sr."
        )
    return float(fmin), float(fmax)


def _padded_window(window, win_length, n_fft):
    """Return the periodic window, centred in a frame of zeros."""
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
            f"window={window!r} must be a window of scipy.signal.get_window: {error}"
        ) from error
    padded = np.zeros(n_fft)
    start = (n_fft - win_length) // 2
    padded[start : start + win_length] = values
    return padded


@functools.lru_cache(maxsize=64)
def mel_filters(sr, n_fft, n_mels, fmin, fmax, htk):
    """Return librosa's area-normalised mel filters as a csr_array, and their centres in Hz."""
    import librosa.filters  # slow to import, and not needed to load a model

    edges = librosa.mel_frequencies(n_mels + 2, fmin=fmin, fmax=fmax, htk=htk)
    # Filters without an FFT bin strictly between their outer edges.
    bins = np.fft.rfftfreq(n_fft, 1 / sr)
    first = np.searchsorted(bins, edges[:-2], side="right")
    empty = np.flatnonzero(first >= np.searchsorted(bins, edges[2:], side="left"))
    if empty.size:
        raise ValueError(
            f"{empty.size} of n_mels={n_mels} mel filters (the first is number {empty[0]}) contain "
            f"no FFT bin at sr={sr}, n_fft={n_fft}, fmin={fmin:g}, fmax={fmax:g}. Lower n_mels, or "
            "raise n_fft or the difference of fmin and fmax."
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        filters = librosa.filters.mel(
            sr=sr, n_fft=n_fft, n_mels=n_mels, fmin=fmin, fmax=fmax,
            htk=htk, norm="slaney", dtype=np.float64,
        )  # fmt: skip
    return scipy.sparse.csr_array(filters), edges[1:-1]
