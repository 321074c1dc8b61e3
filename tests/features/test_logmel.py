"""Features of LogMelTransformer compared with librosa and a reference; invalid settings."""

from __future__ import annotations

import warnings

import librosa
import numpy as np
import pytest
import soxr

from skheart import LogMelTransformer
from skheart.audio import as_float

SHORT = {"duration": 0.5, "standardize": False}


def hertz_of_mel(mel, htk):
    """Slaney's scale is linear to 1 kHz (15 mel), then 27 steps to a factor of 6.4; or HTK's."""
    if htk:
        return 700 * (10 ** (mel / 2595) - 1)
    return np.where(mel < 15, mel * 200 / 3, 1000 * 6.4 ** ((mel - 15) / 27))


def mel_of_hertz(hertz, htk):
    if htk:
        return 2595 * np.log10(1 + hertz / 700)
    above = 15 + 27 * np.log(np.maximum(hertz, 1000) / 1000) / np.log(6.4)
    return np.where(hertz < 1000, hertz * 3 / 200, above)


def reference(samples, sr, n_fft, hop, window, n_mels, fmin, fmax, htk, power):
    """Return features in float64 by the textbook: a DFT by definition, triangles of area 1."""
    samples = np.asarray(samples, dtype=np.float64)
    starts = range(0, len(samples) - n_fft + 1, hop)
    frames = np.array([samples[start : start + n_fft] for start in starts]) * window
    bins = np.arange(1 + n_fft // 2)
    dft = np.exp(-2j * np.pi * np.outer(np.arange(n_fft), bins) / n_fft)
    spectrum = np.abs(frames @ dft) ** power
    edges = np.linspace(mel_of_hertz(fmin, htk), mel_of_hertz(fmax, htk), n_mels + 2)
    edges = hertz_of_mel(edges, htk)
    filters = []
    for low, centre, high in zip(edges, edges[1:], edges[2:], strict=False):
        triangle = np.interp(bins * sr / n_fft, [low, centre, high], [0, 1, 0], left=0, right=0)
        filters.append(triangle * 2 / (high - low))
    return np.log(spectrum @ np.array(filters).T + 1e-8), edges[1:-1]


def cosine_window(first, size, length):
    """Return the periodic window first - (1 - first) cos, centred in zeros."""
    window = np.zeros(length)
    values = first - (1 - first) * np.cos(2 * np.pi * np.arange(size) / size)
    window[(length - size) // 2 : (length - size) // 2 + size] = values
    return window


GRID = [
    # sr, n_fft, win_length, hop, window, n_mels, fmin, fmax, htk, power
    (2000, 256, None, 128, "hamming", 64, 20, None, False, 1),
    (2000, 256, 200, 100, "hann", 40, 0, 800, True, 2),
    (4000, 256, None, 128, "hamming", 64, 20, None, False, 1),
    (4000, 256, None, 128, "hamming", 64, 20, None, False, 2),
    (4000, 256, None, 64, "hann", 32, 20, None, True, 1),
    (4000, 512, 256, 128, "hamming", 100, 25, 1800, False, 1),
    (4000, 255, 131, 77, "hann", 30, 30, 900, False, 1.5),
    (8000, 512, 400, 160, "hamming", 64, 20, 2000, False, 1),
    (8000, 1024, None, 333, "hann", 128, 0, None, False, 2),
    (16000, 1024, 400, 160, "hann", 64, 50, 8000, True, 2),
    (16000, 2048, None, 512, "hamming", 128, 20, None, False, 1),
]


def sounds_of(sr, length):
    """Yield noise, and a hard case: a loud tone above bins with almost no energy."""
    rng = np.random.default_rng(sr)
    yield rng.normal(size=length)
    half = 0.3 * np.sin(2 * np.pi * 60 * np.arange(length // 2 + 1) * 2 / sr)
    half += 1e-4 * rng.normal(size=half.size)
    yield soxr.resample(half, sr // 2, sr, quality="VHQ")[:length].astype(np.float32)


@pytest.mark.parametrize("setting", GRID)
def test_equal_to_librosa_and_to_a_float64_reference(setting):
    sr, n_fft, win_length, hop, window, n_mels, fmin, fmax, htk, power = setting
    transformer = LogMelTransformer(
        sr=sr, duration=1.0, n_fft=n_fft, win_length=win_length, hop_length=hop, window=window,
        n_mels=n_mels, fmin=fmin, fmax=fmax, htk=htk, power=power, standardize=False,
    )  # fmt: skip
    quietest = []
    for samples in sounds_of(sr, sr):
        ours = transformer.fit_transform([samples])[0]
        assert ours.dtype == np.float32
        assert ours.shape == (1 + (sr - n_fft) // hop, n_mels)
        theirs = librosa.feature.melspectrogram(
            y=samples, sr=sr, n_fft=n_fft, hop_length=hop, win_length=win_length, window=window,
            center=False, power=power, n_mels=n_mels, fmin=fmin, fmax=fmax, htk=htk,
        )  # fmt: skip
        np.testing.assert_allclose(ours, np.log(theirs.T + 1e-8), atol=1e-4, rtol=0)
        ends = cosine_window({"hamming": 0.54, "hann": 0.5}[window], win_length or n_fft, n_fft)
        expected, centres = reference(
            samples, sr, n_fft, hop, ends, n_mels, fmin, fmax or sr / 2, htk, power
        )
        np.testing.assert_allclose(ours, expected, atol=1e-4, rtol=0)
        np.testing.assert_allclose(transformer.mel_frequencies_, centres, rtol=1e-10)
        quietest.append(ours.min())
    # The second sound must be hard: a computation in float32 would pass with noise alone.
    assert quietest[1] < -7


def test_other_windows(recordings):
    window = ("kaiser", 8.0)
    ours = LogMelTransformer(window=window, **SHORT).fit_transform(recordings[1:2])[0]
    theirs = librosa.feature.melspectrogram(
        y=recordings[1], sr=4000, n_fft=256, hop_length=128, window=window, center=False,
        power=1, n_mels=64, fmin=20,
    )  # fmt: skip
    np.testing.assert_allclose(ours, np.log(theirs.T + 1e-8), atol=1e-4, rtol=0)


@pytest.mark.parametrize("size", [1, 700, 1999, 2000, 2001, 5001])
def test_cut_and_fill(size):
    samples = np.random.default_rng(size).normal(size=size)
    start = max(0, (size - 2000) // 2)
    for crop, pad, expected in (
        ("center", "repeat", np.resize(samples[start:], 2000)),
        ("start", "repeat", np.resize(samples, 2000)),
        ("start", "zero", np.r_[samples, np.zeros(2000)][:2000]),
    ):
        ours = LogMelTransformer(crop=crop, pad=pad, **SHORT).fit_transform([samples])
        theirs = LogMelTransformer(**SHORT).fit_transform(expected[None])
        np.testing.assert_array_equal(ours, theirs)


def test_changed_attributes_do_not_change_other_transformers(recordings):
    first = LogMelTransformer(duration=0.5).fit(recordings)
    expected = first.mel_frequencies_.copy()
    first.mel_frequencies_[:] = 0
    second = LogMelTransformer(duration=0.5).fit(recordings)
    np.testing.assert_array_equal(second.mel_frequencies_, expected)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"hop_length": 0}, r"The 'hop_length' parameter of LogMelTransformer must be an int in "
                            r"the range \[1, inf\)\. Got 0 instead\."),
        ({"sr": 4000.5}, "The 'sr' parameter"),
        ({"n_mels": 0}, "The 'n_mels' parameter"),
        ({"n_fft": 1}, "The 'n_fft' parameter"),
        ({"win_length": 0}, "The 'win_length' parameter"),
        ({"duration": 0}, "The 'duration' parameter"),
        ({"duration": np.inf}, "The 'duration' parameter"),
        ({"fmin": -1}, "The 'fmin' parameter"),
        ({"fmax": 0}, "The 'fmax' parameter"),
        ({"power": 0}, "The 'power' parameter"),
        ({"log_floor": 0}, "The 'log_floor' parameter"),
        ({"crop": "middle"}, "The 'crop' parameter.*'center'"),
        ({"pad": "wrap"}, "The 'pad' parameter.*'repeat'"),
        ({"window": 3}, "The 'window' parameter"),
        ({"standardize": "yes"}, "The 'standardize' parameter"),
        ({"flatten": None}, "The 'flatten' parameter"),
        ({"htk": 2}, "The 'htk' parameter"),
        ({"n_jobs": 1.5}, "The 'n_jobs' parameter"),
        ({"verbose": -1}, "The 'verbose' parameter"),
        ({"window": "hammin"}, "window='hammin' must be a window"),
        ({"win_length": 300}, "win_length=300 is longer than n_fft=256. Set win_length to at most"),
        ({"fmax": 2001.0}, r"fmax=2001.0 Hz is above half the rate, 2000 Hz at sr=4000\. "
                           "Set fmax to None or at most 2000"),
        ({"fmin": 500.0, "fmax": 500}, "fmin=500.0 Hz must be below fmax=500 Hz"),
        ({"fmin": 2000.0}, "fmin=2000.0 Hz must be below fmax=2000 Hz"),
        ({"duration": 0.05}, r"duration=0.05 s at sr=4000 Hz is 200 samples, fewer than one frame "
                             r"of n_fft=256\. Set duration to at least 0.064 s"),
    ],
)  # fmt: skip
def test_parameters_that_are_refused(params, message, recordings):
    for method in ("fit", "fit_transform"):
        with pytest.raises(ValueError, match=message):
            getattr(LogMelTransformer(**params), method)(recordings)


@pytest.mark.parametrize("params", [{}, {"htk": True}, {"fmin": 0.0}, {"sr": 16000, "fmax": 2000}])
@pytest.mark.parametrize("n_mels", [64, 250])
def test_empty_mel_filters_are_those_of_librosa(n_mels, params, recordings):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        filters = librosa.filters.mel(
            n_mels=n_mels, n_fft=256, **{"sr": 4000, "fmin": 20, **params}
        )
    empty = np.flatnonzero(filters.max(axis=1) == 0)
    transformer = LogMelTransformer(n_mels=n_mels, duration=2.0, **params)
    if not len(empty):
        transformer.fit(recordings)
        return
    words = (
        rf"{len(empty)} of n_mels={n_mels} mel filters \(the first is number {empty[0]}\) .*Lower"
    )
    with pytest.raises(ValueError, match=words):
        transformer.fit(recordings)


@pytest.mark.parametrize(
    ("dtype", "low", "middle", "high"),
    [
        (np.int8, -128, 0, 127),
        (np.uint8, 0, 128, 255),
        (np.int16, -(2**15), 0, 2**15 - 1),
        (np.dtype(">i2"), -(2**15), 0, 2**15 - 1),
        (np.uint16, 0, 2**15, 2**16 - 1),
        (np.int32, -(2**31), 0, 2**31 - 1),
    ],
)
def test_integers_become_the_range_from_minus_one_to_one(dtype, low, middle, high):
    result = as_float(np.array([low, middle, high], dtype=dtype))
    step = 2 / (high - low + 1)
    assert result.dtype == np.float64
    np.testing.assert_array_equal(result, [-1.0, 0.0, 1.0 - step])


def test_rounding_errors_are_not_amplified():
    """Bins of recordings whose gains differ by 3e-7 are constant."""
    period = np.random.default_rng(0).normal(size=128)
    still = np.tile(period, 20)
    transformer = LogMelTransformer(duration=0.5)
    result = transformer.fit_transform([still, still * (1 + 3e-7)])
    np.testing.assert_array_equal(transformer.scale_, 1.0)
    np.testing.assert_allclose(result, 0.0, atol=2e-6)
