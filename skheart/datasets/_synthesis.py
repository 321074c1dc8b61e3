"""The signal of a generated heart: who it belongs to, when it beats, how it sounds.

Levels are amplitudes in dB relative to the peak of an average S1 of the subject before the chest.
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
    """A valve sound: a few components that rise and die away together."""

    length: float  # seconds
    peak: float  # seconds to the peak of the envelope
    frequencies: np.ndarray  # Hz
    amplitudes: np.ndarray
    phases: np.ndarray

    def at(self, time):
        """Amplitude at `time` (s) after the onset, 0 outside the sound."""
        envelope = time / self.peak * np.exp(1 - time / self.peak)
        envelope *= np.clip(4 * (1 - time / self.length), 0, 1)  # ends at 0
        angles = 2 * np.pi * self.frequencies * time[..., None] + self.phases
        return np.where(time > 0, envelope, 0) * (np.sin(angles) @ self.amplitudes)


@dataclass(frozen=True)
class Subject:
    """What the recordings of one person have in common."""

    heart_rate: float  # beats per minute
    breath_rate: float  # Hz
    sinus_arrhythmia: float  # change of the beat interval with breathing, as a share
    systole: float  # factor on the length of systole
    s1: Sound
    s2: Sound
    s2_level: float  # dB
    split: tuple  # seconds from A2 to P2 at expiration, and what inspiration adds
    p2: float  # amplitude of P2 relative to A2
    chest: float  # Hz, corner of the low-pass
    breath_level: float  # dB
    murmur: str  # "none", "ejection" or "holosystolic"
    murmur_level: float  # dB where it is loudest
    murmur_band: tuple  # Hz
    murmur_peak: float  # where in its course an ejection murmur is loudest, 0 to 1
    murmur_site: str  # where on the chest it is loudest


@dataclass(frozen=True)
class Beats:
    """Times of each beat in seconds; arrays of one length, covering more than the recording."""

    s1: np.ndarray
    s1_end: np.ndarray
    s2: np.ndarray
    s2_end: np.ndarray
    split: np.ndarray
    breath: np.ndarray  # -1 (end of expiration) to 1 (end of inspiration)
    breath_phase: float

    @property
    def next_s1(self):
        return np.append(self.s1[1:], np.inf)


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
    """Draw a person with no (grade 0), a mild (1) or a severe (2) murmur."""
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
    """Draw the beats of a recording of `duration` seconds, from before it to after it."""
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


def murmur_times(rng, subject, beats):
    """Start and end of the murmur of each beat, (n_beats, 2) in seconds, inside systole."""
    if subject.murmur == "none":
        return np.empty((0, 2))
    n = len(beats.s1)
    if subject.murmur == "ejection":  # stands apart from both sounds
        start = beats.s1_end + rng.uniform(0.0, 0.015, n)
        end = beats.s2 - rng.uniform(0.01, 0.03, n)
    else:
        start, end = beats.s1_end, beats.s2
    return np.column_stack([start, end])


def _burst_sum(onsets, length, sr, n, wave):
    """Sum over events of `wave(time since the onset)`, a (n_events, n_times) function."""
    first = np.ceil(onsets * sr).astype(int)
    index = first[:, None] + np.arange(int(length * sr) + 1)
    values = wave(index / sr - onsets[:, None])
    inside = (index >= 0) & (index < n)
    return np.bincount(index[inside], values[inside], minlength=n)


def _noise(rng, n, sr, gain):
    """Gaussian noise of rms 1 whose spectrum follows `gain(frequencies in Hz)`."""
    size = fft.next_fast_len(n, real=True)
    n_bins = size // 2 + 1
    coarse = np.linspace(0, sr / 2, 1000)  # the gains are smooth, and powers are slow
    shape = np.interp(np.linspace(0, sr / 2, n_bins), coarse, gain(coarse)).astype(np.float32)
    spectrum = rng.standard_normal(2 * n_bins, dtype=np.float32).view(np.complex64) * shape
    noise = fft.irfft(spectrum, size)[:n]
    return noise / np.sqrt(np.mean(noise**2))


def _band(low, high, order=4):
    def gain(frequencies):
        f = np.maximum(frequencies, 1e-3)
        return 1 / np.sqrt((1 + (low / f) ** (2 * order)) * (1 + (f / high) ** (2 * order)))

    return gain


def _amplitude(level):
    return 10 ** (level / 20)


def _heart(rng, subject, beats, site, n, sr):
    """S1 and S2, whose loudness varies a little from beat to beat and with breathing."""
    loud = 1 + 0.08 * beats.breath + rng.normal(0, 0.06, len(beats.s1))
    s1 = _burst_sum(beats.s1, subject.s1.length, sr, n, lambda t: loud[:, None] * subject.s1.at(t))
    loud2 = loud * _amplitude(subject.s2_level + _LOUDER_S2[site] + rng.normal(0, 1))

    def a2_p2(time):
        second = subject.s2.at(time - beats.split[:, None])
        return loud2[:, None] * (subject.s2.at(time) + subject.p2 * second)

    longest = subject.s2.length + beats.split.max()
    return s1 + _burst_sum(beats.s2, longest, sr, n, a2_p2)


def _murmur(rng, subject, times, level, n, sr):
    if len(times) == 0:
        return np.zeros(n)
    loud = _amplitude(level) * (1 + rng.normal(0, 0.1, len(times)))
    length = (times[:, 1] - times[:, 0])[:, None]

    def course(time):
        place = np.clip(time / length, 0, 1)
        if subject.murmur == "ejection":
            ramp = np.where(
                place < subject.murmur_peak,
                place / subject.murmur_peak,
                (1 - place) / (1 - subject.murmur_peak),
            )
        else:
            ramp = np.clip(np.minimum(place, 1 - place) / 0.15, 0, 1)
        return loud[:, None] * np.sin(np.pi / 2 * ramp)

    envelope = _burst_sum(times[:, 0], length.max(), sr, n, course)
    low, high = subject.murmur_band
    return envelope * _noise(rng, n, sr, _band(low, min(high, 0.45 * sr)))


def _surroundings(rng, subject, beats, n, sr):
    """Breath sounds, the noise of the room, and the hand on the stethoscope."""
    time = np.arange(n) / sr
    phase = 2 * np.pi * subject.breath_rate * time + beats.breath_phase
    flow = np.cos(phase)  # breath is the lung's volume, its derivative the flow
    breath = (0.1 + np.where(flow > 0, flow, -0.5 * flow)) * _noise(rng, n, sr, _band(60, 280, 2))
    slope = rng.uniform(0.3, 1.0)
    room = _noise(rng, n, sr, lambda f: _band(25, 900, 2)(f) * (np.maximum(f, 25) / 25) ** -slope)
    onsets = rng.uniform(0, n / sr, rng.poisson(0.1 * n / sr))
    lengths, heights = rng.uniform(0.05, 0.2, len(onsets)), rng.uniform(0.1, 0.5, len(onsets))

    def bump(time):
        return heights[:, None] * np.sin(np.pi * np.clip(time / lengths[:, None], 0, 1)) ** 2

    bumps = _burst_sum(onsets, 0.2, sr, n, bump)
    return (
        _amplitude(subject.breath_level + rng.normal(0, 2)) * breath
        + _amplitude(rng.normal(-30, 5)) * room
        + bumps * _noise(rng, n, sr, _band(20, 150, 2))
    )


def site_level(rng, subject, site, difficulty):
    """Level of the murmur at a site in dB: less away from where it is loudest."""
    away = 0.0 if site == subject.murmur_site else rng.uniform(2, 16) * difficulty
    return subject.murmur_level - away + rng.normal(0, 1)


def render(rng, subject, beats, murmurs, level, *, site, n, sr, noise):
    """Return the recording, float32 within [-1, 1]."""
    body = _heart(rng, subject, beats, site, n, sr)
    body += _murmur(rng, subject, murmurs, level, n, sr)
    size = fft.next_fast_len(n + sr // 10, real=True)  # room for the filter's tail
    chest = _band(20, subject.chest * (1 + rng.normal(0, 0.05)), 2)
    spectrum = fft.rfft(body, size) * chest(fft.rfftfreq(size, 1 / sr))
    signal = fft.irfft(spectrum, size)[:n]
    signal += noise * _surroundings(rng, subject, beats, n, sr)
    gain = rng.uniform(0.2, 0.95) / np.abs(signal).max()
    return (gain * signal).astype(np.float32)
