"""Settings of log-mel spectrograms: checked parameters, window and mel filters."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ._mel import mel_filters

# Constant terms of the cosine windows that need no scipy.signal, which is slow to import.
COSINE_WINDOWS = {"hamming": 0.54, "hann": 0.5}


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


def _get_window(window, n):
    """Return a periodic window of n samples, equal to that of `scipy.signal.get_window`."""
    if isinstance(window, str) and window in COSINE_WINDOWS:
        constant = COSINE_WINDOWS[window]
        angles = np.linspace(-np.pi, np.pi, n + 1)[:-1]
        return constant + (1 - constant) * np.cos(angles)
    from scipy.signal import get_window

    return get_window(window, n, fftbins=True)


def _padded_window(window, win_length, n_fft):
    """Return the periodic window, centred in a frame of zeros."""
    win_length = n_fft if win_length is None else win_length
    if win_length > n_fft:
        raise ValueError(
            f"win_length={win_length} is longer than n_fft={n_fft}. "
            f"Set win_length to at most {n_fft}, or raise n_fft."
        )
    try:
        values = _get_window(window, win_length)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"window={window!r} must be a window of scipy.signal.get_window: {error}"
        ) from error
    padded = np.zeros(n_fft)
    start = (n_fft - win_length) // 2
    padded[start : start + win_length] = values
    return padded
