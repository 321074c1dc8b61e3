"""Detect a heartbeat: a rhythm in the power of three octaves."""

from __future__ import annotations

import itertools
import math

import numpy as np
import soxr

__all__ = ["find_rhythm", "least_periodicity"]

EDGES = (25, 50, 100, 200)  # Hz; with the octave above, fewer heartbeats are found
SOUND_RATE, POWER_RATE = 500, 50  # Hz
SLOWEST, FASTEST = 30, 220  # beats per minute
USUAL = 120  # beats per minute
FLOOR = 1e-6  # of the power of the recording, below which sound counts as leakage
OCTAVE_FLOOR = 0.05  # of the mean power of an octave
STEADY = 0.2  # standard deviation of log powers that has no rhythm
DRIFT = 2.0  # s; slower changes are removed


def least_periodicity(duration):
    """Return the periodicity above which a recording of so many seconds has a heartbeat."""
    return max(0.18, 0.6 / math.sqrt(duration))


def find_rhythm(samples, rate):
    """Return the periodicity of a sound, in [0, 1], and its rate in beats per minute.

    The periodicity is 0 if the sound is shorter than 2 s, the longest lag, or silent.
    """
    total = float(np.dot(samples, samples)) / len(samples)
    if len(samples) < 2 * rate or rate < 2 * EDGES[1] or not total > 0:
        return 0.0, math.nan
    powers = _octave_powers(samples, rate)
    powers = np.array([np.convolve(power, (1, 4, 6, 4, 1), "valid") / 16 for power in powers])
    levels = np.log(powers + FLOOR * total + OCTAVE_FLOOR * powers.mean(axis=1, keepdims=True))
    levels -= levels.mean(axis=1, keepdims=True)
    correlation = _autocorrelate(levels)
    correlation /= correlation[0] + levels.size * STEADY**2
    longest = min(60 * POWER_RATE // SLOWEST, levels.shape[1] // 2)
    lags = np.arange(math.ceil(60 * POWER_RATE / FASTEST), longest)
    here, before, after = correlation[lags], correlation[lags - 1], correlation[lags + 1]
    peaks = np.flatnonzero((here >= before) & (here > after) & (here > 0))
    if not len(peaks):
        return 0.0, math.nan
    # The second heart sound, and every second beat, give peaks, too: of those about as high, a
    # usual rate is the likelier one.
    octaves = np.log2(60 * POWER_RATE / lags[peaks] / USUAL)
    beat = peaks[(here[peaks] * np.exp(-(octaves**2) / 12)).argmax()]
    # The vertex of the parabola through three points.
    shift = (after[beat] - before[beat]) / (2 * here[beat] - before[beat] - after[beat]) / 2
    return float(here[peaks].max()), float(60 * POWER_RATE / (lags[beat] + shift))


def _octave_powers(samples, rate):
    """Compute the power of a sound in each octave, (n_octaves, n), `POWER_RATE` times a second.

    The inverse transform of the positive frequencies of an octave is its analytic signal, at a low
    rate. Octaves above half the rate are left out.
    """
    from scipy.fft import ifft, next_fast_len, rfft

    if rate > SOUND_RATE:
        samples, rate = soxr.resample(samples, rate, SOUND_RATE, quality="HQ"), SOUND_RATE
    n = next_fast_len(len(samples), real=True)
    spectrum = rfft(samples, n)
    seconds, powers = n / rate, []
    for low, high in itertools.pairwise(EDGES):
        first, last = math.ceil(low * seconds), math.ceil(high * seconds)
        if last >= len(spectrum):
            break
        n_each = 2 * max(1, (high - low) // POWER_RATE)  # samples of the analytic signal per power
        octave = np.zeros((round(seconds * POWER_RATE), n_each), spectrum.dtype)
        octave.reshape(-1)[: last - first] = spectrum[first:last]
        analytic = ifft(octave.reshape(-1)).reshape(octave.shape) * (2 * octave.size / n)
        power = (analytic.real**2 + analytic.imag**2).mean(axis=1) / 2
        powers.append(power[: int(len(samples) / rate * POWER_RATE)])
    return np.array(powers)


def _autocorrelate(levels):
    """Return the sum of the autocorrelations of the rows, without slow changes."""
    from scipy.fft import irfft, next_fast_len, rfft

    n = levels.shape[1]
    n_fft = next_fast_len(2 * n, real=True)
    power = (np.abs(rfft(levels, n_fft)) ** 2).sum(axis=0)
    frequency = np.arange(len(power)) * (POWER_RATE / n_fft)
    power *= (1 - np.exp(-2 * (np.pi * DRIFT * frequency) ** 2)) ** 2
    return irfft(power, n_fft)[:n]
