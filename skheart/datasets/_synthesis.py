"""Synthesize the phonocardiogram of a generated subject: beats, valve sounds, murmur and noise.

The rate varies from beat to beat and with breathing [4]_. S1 and S2 are damped oscillations; S2 is
shorter, higher and split into A2 and P2, more so at inspiration [3]_. Systole shortens with the
rate [1]_. Systolic murmurs are band-limited noise, crescendo-decrescendo (ejection) or even
(holosystolic) [2]_. Heart rate, timbre, chest, murmur and breathing belong to the subject, so
recordings of a subject resemble each other, and a split that ignores subjects gives optimistic
scores. Levels are amplitudes in dB relative to the peak of the subject's average S1 before the
chest.

.. [1] A. M. Weissler et al., "Systolic time intervals in heart failure in man", Circulation 37(2),
   1968.
.. [2] R. M. Rangayyan, R. J. Lehner, "Phonocardiogram signal analysis: a review", CRC Critical
   Reviews in Biomedical Engineering 15(3), 1987.
.. [3] A. Leatham, "Auscultation of the Heart and Phonocardiography", Churchill Livingstone, 1975.
.. [4] P. E. McSharry et al., "A dynamical model for generating synthetic electrocardiogram
   signals", IEEE Transactions on Biomedical Engineering 50(3), 2003.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy import fft

SITES = ("AV", "PV", "TV", "MV")
_LOUDER_S2 = {"AV": 4.0, "PV": 3.0, "TV": -2.0, "MV": -4.0}  # dB; S2 at the base, S1 at the apex
_MURMUR_SITES = {"ejection": ("AV", "PV"), "holosystolic": ("TV", "MV")}


@dataclass(frozen=True)
class Sound:
    """A valve sound: sinusoids with a common envelope."""

    length: float  # seconds
    peak: float  # seconds to the peak of the envelope
    frequencies: np.ndarray  # Hz
    amplitudes: np.ndarray
    phases: np.ndarray

    def at(self, time):
        """Return the amplitude at `time` (s) after the onset; 0 outside the sound."""
        envelope = time / self.peak * np.exp(1 - time / self.peak)
        envelope *= np.clip(4 * (1 - time / self.length), 0, 1)  # ends at 0
        angles = 2 * np.pi * self.frequencies * time[..., None] + self.phases
        return np.where(time > 0, envelope, 0) * (np.sin(angles) @ self.amplitudes)


@dataclass(frozen=True)
class Subject:
    """Properties that all recordings of a subject share."""

    heart_rate: float  # beats per minute
    breath_rate: float  # Hz
    sinus_arrhythmia: float  # relative change of the beat interval with breathing
    systole: float  # factor on the duration of systole
    s1: Sound
    s2: Sound
    s2_level: float  # dB
    split: tuple  # seconds from A2 to P2 at expiration, and what inspiration adds
    p2: float  # amplitude of P2 relative to A2
    chest: float  # Hz, corner of the low-pass
    breath_level: float  # dB
    murmur: str  # "none", "ejection" or "holosystolic"
    murmur_level: float  # dB at `murmur_site`
    murmur_band: tuple  # Hz
    murmur_peak: float  # relative time of the maximum of an ejection murmur
    murmur_site: str  # auscultation site where it is loudest


@dataclass(frozen=True)
class Beats:
    """Times of the beats in s, as arrays of one length that cover more than the recording."""

    s1: np.ndarray
    s1_end: np.ndarray
    s2: np.ndarray
    s2_end: np.ndarray
    split: np.ndarray
    breath: np.ndarray  # -1 (end of expiration) to 1 (end of inspiration)
    breath_phase: float


def _draw_sound(rng, length, peak, bands):
    frequencies = np.array([rng.uniform(*band) for band in bands])
    amplitudes = np.array([1.0, rng.uniform(0.4, 0.9), rng.uniform(0.1, 0.4)])
    sound = Sound(
        rng.uniform(*length),
        rng.uniform(*peak),
        frequencies,
        amplitudes,
        rng.uniform(0, 2 * np.pi, 3),
    )
    loudest = np.abs(sound.at(np.linspace(0, sound.length, 500))).max()
    return replace(sound, amplitudes=amplitudes / loudest)


def draw_subject(rng, grade, difficulty):
    """Draw a subject with no (grade 0), a mild (1) or a severe (2) murmur."""
    heart_rate = np.clip(rng.normal(76, 12), 50, 115)
    murmur = "none" if grade == 0 else str(rng.choice(list(_MURMUR_SITES)))
    # Difficulty lowers murmurs towards the noise and lets the two grades overlap.
    level = (-12 - 8 * difficulty, -2 - 4 * difficulty)[grade - 1]
    low = rng.uniform(100, 170)
    return Subject(
        heart_rate=heart_rate,
        breath_rate=rng.uniform(0.18, 0.33),
        sinus_arrhythmia=rng.uniform(0.02, 0.08) * min(1.0, 75 / heart_rate),
        systole=rng.normal(1, 0.03),
        s1=_draw_sound(rng, (0.10, 0.14), (0.018, 0.027), [(32, 50), (55, 80), (85, 120)]),
        s2=_draw_sound(rng, (0.07, 0.09), (0.010, 0.016), [(45, 65), (75, 110), (120, 180)]),
        s2_level=rng.normal(-3, 2),
        split=(rng.uniform(0.005, 0.015), rng.uniform(0.01, 0.03)),
        p2=rng.uniform(0.3, 0.7),
        chest=rng.uniform(180, 400),
        breath_level=rng.normal(-30, 5),
        murmur=murmur,
        murmur_level=rng.normal(level, 1 + 4 * difficulty),
        murmur_band=(low, low + rng.uniform(120, 400)),
        murmur_peak=rng.uniform(0.35, 0.65),
        murmur_site=str(rng.choice(_MURMUR_SITES.get(murmur, SITES))),
    )


def draw_beats(rng, subject, duration):
    """Draw beats from before the start to after the end of a recording of `duration` seconds."""
    interval = 60 / (subject.heart_rate * (1 + rng.normal(0, 0.03)))
    n_beats = int(duration / (0.8 * interval)) + 4
    nominal = interval * (np.arange(n_beats) - rng.uniform(1, 2))
    breath_phase, slow_phase = rng.uniform(0, 2 * np.pi, 2)
    breath = np.sin(2 * np.pi * subject.breath_rate * nominal + breath_phase)
    intervals = interval * (
        1
        - subject.sinus_arrhythmia * breath  # the heart is faster at inspiration
        + 0.015 * np.sin(2 * np.pi * 0.1 * nominal + slow_phase)
        + rng.normal(0, 0.01, n_beats)
    )
    s1 = nominal[0] + np.concatenate([[0], np.cumsum(intervals[:-1])])
    # Ejection time after Weissler et al., preceded by the isovolumic contraction.
    rate = 60 / (0.7 * interval + 0.3 * intervals)
    systole = subject.systole * (0.413 - 0.0017 * rate + 0.035) + rng.normal(0, 0.003, n_beats)
    s2 = s1 + np.minimum(systole, 0.52 * intervals)
    split = subject.split[0] + subject.split[1] * (1 + breath) / 2
    s2_end = np.minimum(s2 + subject.s2.length + split, s1 + intervals - 0.02)
    return Beats(s1, s1 + subject.s1.length, s2, s2_end, split, breath, breath_phase)


def draw_murmur_times(rng, subject, beats):
    """Draw start and end (s) of the murmur in each systole, of shape (n_beats, 2)."""
    if subject.murmur == "none":
        return np.empty((0, 2))
    n = len(beats.s1)
    if subject.murmur == "ejection":  # with a gap to S1 and S2
        start = beats.s1_end + rng.uniform(0.0, 0.015, n)
        end = beats.s2 - rng.uniform(0.01, 0.03, n)
    else:
        start, end = beats.s1_end, beats.s2
    return np.column_stack([start, end])


def _sum_events(onsets, length, sr, n, wave):
    """Sum `wave(time since onset)`, which returns (n_events, n_times), over all events."""
    first = np.ceil(onsets * sr).astype(int)
    index = first[:, None] + np.arange(int(length * sr) + 1)
    values = wave(index / sr - onsets[:, None])
    inside = (index >= 0) & (index < n)
    return np.bincount(index[inside], values[inside], minlength=n)


def _filtered_noise(rng, n, sr, gain):
    """Draw Gaussian noise of rms 1 with the spectrum `gain(frequencies in Hz)`."""
    size = fft.next_fast_len(n, real=True)
    n_bins = size // 2 + 1
    coarse = np.linspace(0, sr / 2, 1000)  # the gain is smooth and slow to compute
    shape = np.interp(np.linspace(0, sr / 2, n_bins), coarse, gain(coarse)).astype(np.float32)
    spectrum = rng.standard_normal(2 * n_bins, dtype=np.float32).view(np.complex64) * shape
    noise = fft.irfft(spectrum, size)[:n]
    return noise / np.sqrt(np.mean(noise**2))


def _bandpass(low, high, order=4):
    def gain(frequencies):
        f = np.maximum(frequencies, 1e-3)
        return 1 / np.sqrt((1 + (low / f) ** (2 * order)) * (1 + (f / high) ** (2 * order)))

    return gain


def _from_decibels(level):
    return 10 ** (level / 20)


def _draw_heart(rng, subject, beats, site, n, sr):
    """Draw S1 and S2, whose level varies slightly between beats and with breathing."""
    loud = 1 + 0.08 * beats.breath + rng.normal(0, 0.06, len(beats.s1))
    s1 = _sum_events(beats.s1, subject.s1.length, sr, n, lambda t: loud[:, None] * subject.s1.at(t))
    loud2 = loud * _from_decibels(subject.s2_level + _LOUDER_S2[site] + rng.normal(0, 1))

    def a2_p2(time):
        second = subject.s2.at(time - beats.split[:, None])
        return loud2[:, None] * (subject.s2.at(time) + subject.p2 * second)

    longest = subject.s2.length + beats.split.max()
    return s1 + _sum_events(beats.s2, longest, sr, n, a2_p2)


def _draw_murmur(rng, subject, times, level, n, sr):
    if len(times) == 0:
        return np.zeros(n)
    loud = _from_decibels(level) * (1 + rng.normal(0, 0.1, len(times)))
    length = (times[:, 1] - times[:, 0])[:, None]

    def amplitude(time):
        position = np.clip(time / length, 0, 1)
        if subject.murmur == "ejection":
            ramp = np.where(
                position < subject.murmur_peak,
                position / subject.murmur_peak,
                (1 - position) / (1 - subject.murmur_peak),
            )
        else:
            ramp = np.clip(np.minimum(position, 1 - position) / 0.15, 0, 1)
        return loud[:, None] * np.sin(np.pi / 2 * ramp)

    envelope = _sum_events(times[:, 0], length.max(), sr, n, amplitude)
    low, high = subject.murmur_band
    return envelope * _filtered_noise(rng, n, sr, _bandpass(low, min(high, 0.45 * sr)))


def _draw_noise(rng, subject, beats, n, sr):
    """Draw breath sounds, room noise and handling noise."""
    time = np.arange(n) / sr
    phase = 2 * np.pi * subject.breath_rate * time + beats.breath_phase
    flow = np.cos(phase)  # the derivative of the lung volume
    breath = (0.1 + np.where(flow > 0, flow, -0.5 * flow)) * _filtered_noise(
        rng, n, sr, _bandpass(60, 280, 2)
    )
    slope = rng.uniform(0.3, 1.0)
    room = _filtered_noise(
        rng, n, sr, lambda f: _bandpass(25, 900, 2)(f) * (np.maximum(f, 25) / 25) ** -slope
    )
    onsets = rng.uniform(0, n / sr, rng.poisson(0.1 * n / sr))
    lengths, heights = rng.uniform(0.05, 0.2, len(onsets)), rng.uniform(0.1, 0.5, len(onsets))

    def bump(time):
        return heights[:, None] * np.sin(np.pi * np.clip(time / lengths[:, None], 0, 1)) ** 2

    bumps = _sum_events(onsets, 0.2, sr, n, bump)
    return (
        _from_decibels(subject.breath_level + rng.normal(0, 2)) * breath
        + _from_decibels(rng.normal(-30, 5)) * room
        + bumps * _filtered_noise(rng, n, sr, _bandpass(20, 150, 2))
    )


def draw_murmur_level(rng, subject, site, difficulty):
    """Draw the level of the murmur at a site in dB; it is lower away from its own site."""
    away = 0.0 if site == subject.murmur_site else rng.uniform(2, 16) * difficulty
    return subject.murmur_level - away + rng.normal(0, 1)


def draw_samples(rng, subject, beats, murmurs, level, *, site, n, sr, noise):
    """Draw the samples of a recording of `n` samples, float32 within [-1, 1]."""
    body = _draw_heart(rng, subject, beats, site, n, sr)
    body += _draw_murmur(rng, subject, murmurs, level, n, sr)
    size = fft.next_fast_len(n + sr // 10, real=True)  # leaves space for the filter's decay
    chest = _bandpass(20, subject.chest * (1 + rng.normal(0, 0.05)), 2)
    spectrum = fft.rfft(body, size) * chest(fft.rfftfreq(size, 1 / sr))
    signal = fft.irfft(spectrum, size)[:n]
    signal += noise * _draw_noise(rng, subject, beats, n, sr)
    gain = rng.uniform(0.2, 0.95) / np.abs(signal).max()
    return (gain * signal).astype(np.float32)
